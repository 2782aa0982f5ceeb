//! `sidequest load`: runs, shows how it goes, ends early when told to, and writes what came of it.

mod log;
mod nobody;
mod progress;
mod waterfall;

use std::{fs::File, io::Write as _, path::PathBuf, sync::mpsc::sync_channel, thread, time::Duration};

use anyhow::{Context as _, anyhow};
use load::{
    config::Protocol,
    sample::Sample,
    summary::{Summary, json, text},
    watch::Watch,
};
use tokio::sync::oneshot;

use self::{log::Logs, progress::Progress};
use crate::{
    args::load::Load,
    config::load::{Outputs, Run},
    console,
    exit::{Exit, Failure},
    shutdown::Signals,
};

/// Chunks of samples that may wait to be written, of some 4,000 each.
const CHUNKS_WAITING_MAX: usize = 64;

/// `timeout` and shells signal the process and then its group: one wish, said twice.
const ECHO: Duration = Duration::from_millis(200);

/// Requests that a waterfall has room for.
const WATERFALL_MAX: usize = 1_000;

/// Runs, and tells.
pub(crate) fn run(load: Load) -> Result<Exit, Failure> {
    let mut run = Run::resolve(load).map_err(misunderstood)?;
    for note in &run.notes {
        console::faults(note);
    }
    if run.browser {
        let protocol = load::run::negotiate(&run.scenario, &run.config).map_err(refused)?;
        run.like_a_browser(protocol);
    }
    let json_to_stdout = run
        .outputs
        .json
        .as_ref()
        .is_some_and(|path| path.as_os_str() == "-");
    let mut results = Results::create(&run.outputs).map_err(|error| Exit::Usage.because(error))?;
    let (summary, shown, logged) = measure(&mut run)?;
    let unreachable = nobody::unreachable(&summary);
    if json_to_stdout {
        console::result(as_json(&summary).map_err(|error| Exit::Bug.because(error))?);
    } else if unreachable.is_none() {
        console::result(text::text(&summary).trim_end());
        if run.browser {
            console::result(waterfall::text(&summary, &run.scenario, &shown));
        }
    }
    // What was measured is shown before anything can go wrong with the files.
    let written = results.write(&summary);
    if let Some(failure) = unreachable {
        return Err(failure);
    }
    logged.and(written).map_err(|error| Exit::Usage.because(error))?;
    if let Some(advice) = nobody::advice(&summary) {
        console::faults(format_args!("hint: {advice}"));
    }
    let totals = &summary.totals;
    let is_checked = run
        .scenario
        .requests()
        .iter()
        .any(|request| request.check.status.is_some());
    let has_failed = totals.ok == 0
        || totals.failed_checks > 0
        || (is_checked && totals.http_errors > 0)
        || (run.ending.is_at_failure() && totals.failed() > totals.unsent);
    Ok(if has_failed { Exit::Unanswered } else { Exit::Fine })
}

/// Runs on a thread of its own, so that this one can show how it goes and hear signals.
/// A log that could not be written to its end is told of beside what was measured.
fn measure(run: &mut Run) -> Result<(Summary, Vec<Sample>, anyhow::Result<()>), Failure> {
    let mut logs = Logs::create(&run.outputs).map_err(|error| Exit::Usage.because(error))?;
    let mut receiver = None;
    if run.browser || logs.are_wanted() {
        let (sender, samples) = sync_channel::<Vec<Sample>>(CHUNKS_WAITING_MAX);
        run.config.samples = Some(sender);
        receiver = Some(samples);
    }
    let watch = Watch::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Exit::Bug.because(anyhow!(error).context("start the runtime")))?;
    let sender = run.config.samples.take();
    let run = &*run;
    thread::scope(|scope| {
        let (done, is_done) = oneshot::channel();
        let watch = &watch;
        let measuring = scope.spawn(move || {
            let mut config = run.config.clone();
            config.samples = sender;
            let result = load::run::run(&run.scenario, &run.arrivals, &run.ending, &config, watch);
            let _ = done.send(());
            result
        });
        let logs = &mut logs;
        let writing = scope.spawn(move || {
            let mut shown = Vec::new();
            let mut result = Ok(());
            for chunk in receiver.iter().flatten() {
                if run.browser && shown.len() < WATERFALL_MAX {
                    shown.extend_from_slice(&chunk);
                }
                if result.is_ok() {
                    result = logs.write(&chunk, &run.scenario, watch);
                }
            }
            (shown, result.and_then(|()| logs.finish()))
        });
        let watched = runtime.block_on(attend(run, watch, is_done));
        let joined = measuring
            .join()
            .map_err(|_| bug("measure: its thread panicked"))?;
        let (shown, logged) = writing
            .join()
            .map_err(|_| bug("write the log: its thread panicked"))?;
        watched?;
        Ok((joined.map_err(refused)?, shown, logged))
    })
}

/// Shows how it goes, until it is done. The first signal ends the run, the second the process.
async fn attend(run: &Run, watch: &Watch, mut is_done: oneshot::Receiver<()>) -> Result<(), Failure> {
    let mut signals =
        Signals::take().map_err(|error| Exit::Bug.because(anyhow!(error).context("listen to signals")))?;
    let mut progress = Progress::new(run.quiet);
    let mut ticks = tokio::time::interval(progress.interval());
    loop {
        tokio::select! {
            _ = &mut is_done => break,
            _ = ticks.tick() => progress.tick(&watch.glance()),
            name = signals.next() => {
                watch.stop();
                progress.clear();
                console::faults(format_args!("{name}: stopping; what was done so far:"));
                if !ends_within(ECHO, &mut signals, &mut is_done).await {
                    signals.while_stopping(async {
                        let _ = (&mut is_done).await;
                    }).await;
                }
                break;
            }
        }
    }
    progress.clear();
    Ok(())
}

/// Whether it is done in so short a time, in which more signals are echoes of the first.
async fn ends_within(time: Duration, signals: &mut Signals, is_done: &mut oneshot::Receiver<()>) -> bool {
    let end = tokio::time::Instant::now() + time;
    loop {
        tokio::select! {
            _ = &mut *is_done => return true,
            () = tokio::time::sleep_until(end) => return false,
            _ = signals.next() => {}
        }
    }
}

/// The files of a result, opened before the run, so that a wrong path costs nothing.
struct Results {
    json: Option<(PathBuf, File)>,
    hdr: Option<(PathBuf, File)>,
}

impl Results {
    fn create(outputs: &Outputs) -> anyhow::Result<Results> {
        let open = |path: &PathBuf| -> anyhow::Result<_> {
            let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
            Ok((path.clone(), file))
        };
        let json = outputs.json.as_ref().filter(|path| path.as_os_str() != "-");
        Ok(Results {
            json: json.map(open).transpose()?,
            hdr: outputs.hdr.as_ref().map(open).transpose()?,
        })
    }

    fn write(&mut self, summary: &Summary) -> anyhow::Result<()> {
        if let Some((path, file)) = &mut self.json {
            let text = as_json(summary)? + "\n";
            file.write_all(text.as_bytes())
                .with_context(|| format!("write {}", path.display()))?;
        }
        if let Some((path, file)) = &mut self.hdr {
            file.write_all(load::summary::hdr::text(&summary.response).as_bytes())
                .with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}

fn as_json(summary: &Summary) -> anyhow::Result<String> {
    serde_json::to_string_pretty(&json::document(summary)).context("write the result as JSON")
}

/// Arguments that do not fit, and what was likely meant.
fn misunderstood(error: anyhow::Error) -> Failure {
    let hint = match error.downcast_ref::<load::error::Error>() {
        Some(load::error::Error::Url { url, .. }) if !url.contains("://") => {
            Some(format!("give http://{url} or https://{url}"))
        }
        Some(_) | None => None,
    };
    Exit::Usage.because(error).hint(hint)
}

/// What keeps a run from starting is most often in the arguments.
fn refused(error: load::error::Error) -> Failure {
    let hint = match &error {
        load::error::Error::Tls { .. } => {
            Some("--insecure believes any certificate, --cacert names one to believe")
        }
        load::error::Error::Resolve { .. } => Some("--connect-to HOST:PORT connects elsewhere"),
        _ => None,
    };
    let failure = Exit::Usage.because(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn bug(what: &'static str) -> Failure {
    Exit::Bug.because(anyhow!(what))
}

/// What a protocol is called.
pub(crate) fn protocol_name(protocol: Option<Protocol>) -> &'static str {
    match protocol {
        Some(Protocol::Http2) => "HTTP/2",
        Some(Protocol::Http1) => "HTTP/1.1",
        Some(Protocol::Auto) | None => "nothing",
    }
}
