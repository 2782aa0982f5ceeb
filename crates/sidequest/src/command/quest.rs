//! `sidequest quest`: says what it will do, investigates, tells, and ends with a code that a script understands.

mod demo;

use std::{path::Path, process, thread};

use anyhow::anyhow;
use diagnosis::{compare, evidence::Evidence};
use load::watch::Watch;
use quest::{
    bound::Bound,
    error::Error,
    investigate::{announcement, investigate},
    recording,
    report::{Report, text},
};
use tokio::sync::oneshot;

use crate::{
    args::quest::Quest,
    config::quest::{Source, Task, settled},
    console,
    exit::{Exit, Failure},
    shutdown::Signals,
};

/// Investigates, or judges again; and tells.
pub(crate) fn run(quest: Quest) -> Result<Exit, Failure> {
    // A parser that knows that the demo excludes a URL forgets that these need the demo.
    if !quest.demo && (quest.as_posted || quest.strategy.is_some()) {
        return Err(Exit::Usage
            .because(anyhow!("find the demo: --as-posted and --strategy are of --demo"))
            .hint("a target of yours is investigated as it is"));
    }
    let wish = quest.demo.then_some(demo::Wish {
        is_as_posted: quest.as_posted,
        strategy: quest.strategy,
    });
    let mut settings = settled(quest).map_err(|error| Exit::Usage.because(error))?;
    let demo = wish
        .map(|wish| demo::Demo::start(wish, settings.quiet))
        .transpose()
        .map_err(|error| Exit::Target.because(error))?;
    if let Some(demo) = &demo {
        settings = demo
            .settings(settings)
            .map_err(|error| Exit::Target.because(error))?;
    }
    let task = Task::resolve(settings).map_err(|error| Exit::Usage.because(error))?;
    for note in &task.notes {
        console::faults(note);
    }
    // What cannot be read is told before anything is sent.
    let before = task.compare.as_deref().map(read).transpose()?;
    let bounds = task
        .bounds
        .iter()
        .map(|bound| match bound {
            Bound::WorseThan(file) => Ok((bound, Some(read(Path::new(file))?))),
            Bound::Number { .. } | Bound::Bottleneck { .. } => Ok((bound, None)),
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let (evidence, verdict, file, out) = match &task.source {
        Source::Replay(path) => {
            let evidence = read(path)?;
            let verdict = diagnosis::diagnose(&evidence);
            (evidence, verdict, path.clone(), task.out.clone())
        }
        Source::Ask(config) => {
            if !task.quiet {
                console::faults(announcement(config));
            }
            let found = attended(config, task.quiet)?;
            // Stopped before the report, so that what is told last stands last.
            drop(demo);
            (
                found.evidence,
                found.verdict,
                found.file,
                Some(config.out.clone()),
            )
        }
    };
    let mut report = Report::new(&evidence, verdict, &file);
    report.comparison = before.as_ref().map(|before| compare::compare(before, &evidence));
    if let Some(out) = &out {
        report.write(out).map_err(failure)?;
    }
    if task.json {
        console::result(report.json().map_err(failure)?.trim_end());
    } else {
        console::result(text::page(&report).trim_end());
        if let Some(out) = &out {
            console::result(format_args!("  {}", out.join("report.html").display()));
        }
    }
    let mut exit = Exit::Fine;
    for (bound, before) in &bounds {
        if let Some(why) = bound.fails(&evidence, &report.verdict, before.as_ref()) {
            console::faults(format_args!("failed: {bound}: {why}"));
            exit = Exit::Bound;
        }
    }
    Ok(exit)
}

/// Investigates on a thread of its own, so that this one hears signals: the first ends the quest with the evidence
/// that there is, the second the process.
fn attended(
    config: &quest::config::Config,
    quiet: bool,
) -> Result<quest::investigate::Investigation, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Exit::Bug.because(anyhow!(error).context("start the runtime")))?;
    let interrupt = Watch::new();
    thread::scope(|scope| {
        let (done, mut is_done) = oneshot::channel();
        let interrupt = &interrupt;
        let investigating = scope.spawn(move || {
            let mut progress = |what: &str| {
                if !quiet {
                    console::faults(format_args!("  {what}"));
                }
            };
            let result = investigate(config, interrupt, &mut progress);
            let _ = done.send(());
            result
        });
        runtime.block_on(async {
            let mut signals = Signals::take()
                .map_err(|error| Exit::Bug.because(anyhow!(error).context("listen to signals")))?;
            tokio::select! {
                _ = &mut is_done => {}
                name = signals.next() => {
                    interrupt.stop();
                    console::faults(format_args!("{name}: ending; what was seen so far is judged"));
                    tokio::select! {
                        _ = &mut is_done => {}
                        name = signals.next() => {
                            // Even now nothing stays changed.
                            if let Err(reason) = config.undo.now() {
                                console::faults(format_args!("NOT CHANGED BACK: the hook {reason}"));
                            }
                            console::faults(format_args!("{name} again: stopped at once"));
                            process::exit(Exit::Cut.code().into())
                        }
                    }
                }
            }
            Ok::<(), Failure>(())
        })?;
        let investigated = investigating.join();
        // What could not be changed back when it was due is tried once more, and told to the quiet too.
        if config.undo.is_pending() {
            match config.undo.now() {
                Ok(()) => console::faults("changed back, late"),
                Err(reason) => console::faults(format_args!("NOT CHANGED BACK: the hook {reason}")),
            }
        }
        investigated
            .map_err(|_| Exit::Bug.because(anyhow!("investigate: its thread panicked")))?
            .map_err(failure)
    })
}

fn read(path: &Path) -> Result<Evidence, Failure> {
    recording::read(path).map_err(failure)
}

/// What each failure means to a script, and what the user can do.
fn failure(error: Error) -> Failure {
    let (exit, hint) = match &error {
        Error::Writes { .. } => (
            Exit::Usage,
            Some("--allow-writes sends it, some thousand times; use a copy of the system"),
        ),
        Error::Unreachable { .. } => (Exit::Target, Some("is it running, and is this its address?")),
        Error::Endless { .. } => (
            Exit::Target,
            Some("a stream is not loaded; give a URL whose answers end, or a page of it"),
        ),
        Error::OnlyErrors { .. } => (
            Exit::Target,
            Some("a URL that answers well is needed; -H adds a header, such as `authorization`"),
        ),
        Error::Died { .. } => (
            Exit::Target,
            Some("what was seen before is in the evidence: sidequest quest --replay judges it"),
        ),
        Error::Source { what, .. } if what.starts_with("the process") => (
            Exit::Usage,
            Some(
                "give its number or its name as `ps -e` shows it; without --process the owner of the target's port is read",
            ),
        ),
        Error::Load(_) | Error::Source { .. } | Error::File { .. } | Error::Evidence { .. } => {
            (Exit::Usage, None)
        }
        _ => (Exit::Bug, None),
    };
    let failure = exit.because(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
