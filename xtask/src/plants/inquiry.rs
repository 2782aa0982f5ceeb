//! One quest against the rig, by its command line, and what it leaves: a directory with evidence, report and what we
//! know besides.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use diagnosis::verdict::Verdict;
use serde_json::{Value, json};

use super::{
    bite::{self, Measured},
    recording,
    rig::Rig,
    scenario::{Load, Protocol, Scenario, Source},
};
use crate::workspace::say;

/// What we know besides: beside the report of a quest.
const FILE: &str = "inquiry.json";
/// More than any scenario's load, so that the limit that is found is never ours.
const RATE_MAX: &str = "100000";

/// A quest that was done.
#[derive(Clone, Debug)]
pub(crate) struct Inquiry {
    pub(crate) id: String,
    pub(crate) is_planted: bool,
    pub(crate) load: Measured,
    pub(crate) seconds: f64,
    /// What the quest said when it was done.
    pub(crate) verdict: Verdict,
    pub(crate) evidence: PathBuf,
}

/// How it is done.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) work: &'a Path,
    pub(crate) budget: &'a str,
    pub(crate) seed: u64,
    pub(crate) only_bite: bool,
}

/// Starts the rig, sends the test load, and lets a quest find out.
pub(crate) fn run(
    scenario: &Scenario,
    is_planted: bool,
    asked: &Asked<'_>,
) -> anyhow::Result<Option<Inquiry>> {
    let rig = Rig::start(&scenario.settings(is_planted))?;
    let load = if is_planted {
        scenario.load
    } else {
        scenario.load.twin()
    };
    let measured = bite::measure(asked.binary, &rig, &load)?;
    say(format_args!(
        "{}{}: {:.0} a second, {:.1} ms, {:.1} % errors",
        scenario.id,
        if is_planted { "" } else { " without its plant" },
        measured.rate,
        measured.latency_ms,
        measured.error_share * 100.0
    ));
    let directory = directory(asked.work, scenario.id, is_planted);
    let note = json!({"load": measured.to_json()});
    if asked.only_bite {
        let _ = fs::remove_dir_all(&directory);
        write(&directory, &note)?;
        return Ok(None);
    }
    let _ = fs::remove_dir_all(&directory);
    let started = Instant::now();
    ask(scenario, &load, &rig, asked, &directory)?;
    let took = started.elapsed();
    drop(rig);
    write(
        &directory,
        &json!({"load": measured.to_json(), "seconds": took.as_secs_f64()}),
    )?;
    read(asked.work, scenario.id, is_planted)
}

fn ask(
    scenario: &Scenario,
    load: &Load,
    rig: &Rig,
    asked: &Asked<'_>,
    directory: &Path,
) -> anyhow::Result<()> {
    let sources = rig.sources();
    let mut command = rig.generator(asked.binary);
    command.args(["quest", "--quiet", "--insecure", "--values", super::VALUES]);
    command.args(["--budget", asked.budget, "--max-rate", RATE_MAX]);
    command.args(["--max-concurrency", &load.users_max.to_string()]);
    command.args(["--seed", &asked.seed.to_string()]);
    command.arg("--out").arg(directory);
    command.arg(match load.protocol {
        Protocol::Http1 | Protocol::Browser => "--h1",
        Protocol::Http2 => "--h2",
    });
    if let Some(at_once) = load.at_once {
        command.args(["--at-once", &at_once.to_string()]);
    }
    for source in scenario.sources {
        match source {
            Source::Metrics => {
                command.args(["--metrics", &sources.metrics]);
            }
            Source::Postgres => {
                command.args(["--postgres", &sources.postgres]);
            }
            Source::Process => {
                for process in &sources.processes {
                    command.args(["--process", process]);
                }
            }
        }
    }
    command.arg(rig.url());
    let output = command.output().context("run sidequest quest")?;
    if !directory.join("report.json").exists() {
        bail!(
            "run sidequest quest: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(())
}

/// What an earlier run left, if it did.
pub(crate) fn read(work: &Path, id: &str, is_planted: bool) -> anyhow::Result<Option<Inquiry>> {
    let directory = directory(work, id, is_planted);
    let (note, report) = (directory.join(FILE), directory.join("report.json"));
    if !note.exists() || !report.exists() {
        return Ok(None);
    }
    let note: Value =
        serde_json::from_slice(&fs::read(&note)?).with_context(|| format!("read {}", note.display()))?;
    let mut report: Value =
        serde_json::from_slice(&fs::read(&report)?).with_context(|| format!("read {}", report.display()))?;
    let verdict = serde_json::from_value(report["verdict"].take()).context("read the verdict")?;
    let seconds = Duration::from_secs_f64(note["seconds"].as_f64().unwrap_or(0.0));
    Ok(Some(Inquiry {
        id: id.to_owned(),
        is_planted,
        load: Measured::of_json(&note["load"]),
        seconds: seconds.as_secs_f64(),
        verdict,
        evidence: directory.join(recording::FILE),
    }))
}

/// What the test load saw, where no quest was done.
pub(crate) fn load_of(work: &Path, id: &str, is_planted: bool) -> Option<Measured> {
    let text = fs::read(directory(work, id, is_planted).join(FILE)).ok()?;
    let note: Value = serde_json::from_slice(&text).ok()?;
    Some(Measured::of_json(&note["load"]))
}

fn write(directory: &Path, note: &Value) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    let file = directory.join(FILE);
    fs::write(&file, serde_json::to_vec_pretty(note)?).with_context(|| format!("write {}", file.display()))
}

fn directory(work: &Path, id: &str, is_planted: bool) -> PathBuf {
    work.join(recording::name(id, is_planted))
}
