//! One quest against the rig, by its command line, and what it leaves: a directory with evidence, report and what we
//! know besides. It has its name only when it is whole.

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
    place::Place,
    recording,
    rig::{Rig, Shown},
    scenario::{Dose, Load, Source},
};
use crate::workspace::say;

/// What we know besides: beside the report of a quest.
const FILE: &str = "inquiry.json";
/// More than any scenario's load, so that the limit that is found is never ours.
const RATE_MAX: &str = "100000";

/// A quest that was done.
#[derive(Clone, Debug)]
pub(crate) struct Inquiry {
    pub(crate) place: Place,
    pub(crate) load: Measured,
    pub(crate) seconds: f64,
    /// How it was asked, but for what every quest is told.
    pub(crate) flags: String,
    /// Of the time, how much a quota held the API meanwhile; and how many checkpoints there were.
    pub(crate) throttled_share: f64,
    pub(crate) checkpoints: u64,
    /// What the quest said when it was done.
    pub(crate) verdict: Verdict,
    pub(crate) evidence: PathBuf,
}

impl Inquiry {
    /// Or of a twin, or of a control.
    pub(crate) fn is_planted(&self) -> bool {
        self.place.is_planted
    }
}

/// How it is done.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) work: &'a Path,
    pub(crate) budget: &'a str,
    pub(crate) only_bite: bool,
}

/// Starts the rig, sends the test load, and lets a quest find out.
pub(crate) fn run(place: Place, asked: &Asked<'_>) -> anyhow::Result<Option<Inquiry>> {
    let dose = dose(place)?;
    let settings = place.scenario.settings(dose, place.is_planted);
    let load = place.scenario.load(dose, place.is_planted);
    let mut rig = Rig::start(asked.binary, &settings)?;
    let measured = bite::measure(asked.binary, &rig, &load)?;
    say(format_args!(
        "{}: {:.0} a second, {:.1} ms, {:.1} % errors",
        place.name(),
        measured.rate,
        measured.latency_ms,
        measured.error_share * 100.0
    ));
    let directory = directory(asked.work, place);
    let _ = fs::remove_dir_all(&directory);
    if asked.only_bite {
        write(&directory, &json!({"load": measured.to_json()}))?;
        return Ok(None);
    }
    if settings.is_used_up() {
        // One after the other: a name of the machine is in use.
        drop(rig);
        rig = Rig::start(asked.binary, &settings)?;
    }
    let part = asked.work.join(format!("{}.part", place.name()));
    let _ = fs::remove_dir_all(&part);
    let before = rig.shown()?;
    let started = Instant::now();
    let flags = load.flags();
    ask(place, &flags, &rig, asked, &part)?;
    let took = started.elapsed();
    let after = rig.shown()?;
    drop(rig);
    let mut note = json!({
        "load": measured.to_json(),
        "seconds": took.as_secs_f64(),
        "flags": flags.join(" "),
    });
    shown(&mut note, before, after, took);
    write(&part, &note)?;
    fs::rename(&part, &directory).with_context(|| format!("keep {}", directory.display()))?;
    read(asked.work, place)
}

fn dose(place: Place) -> anyhow::Result<&'static Dose> {
    place.scenario.dose(place.severity).with_context(|| {
        format!(
            "plant {}: it has nothing {}",
            place.scenario.id,
            place.severity.name()
        )
    })
}

fn shown(note: &mut Value, before: Shown, after: Shown, took: Duration) {
    if let (Some(before), Some(after)) = (before.throttled, after.throttled) {
        let held = after.saturating_sub(before);
        note["throttled_share"] = json!(held.as_secs_f64() / took.as_secs_f64());
    }
    note["checkpoints"] = json!(after.checkpoints.saturating_sub(before.checkpoints));
}

fn ask(place: Place, flags: &[String], rig: &Rig, asked: &Asked<'_>, directory: &Path) -> anyhow::Result<()> {
    let sources = rig.sources();
    let mut command = rig.generator(asked.binary);
    command.args(["quest", "--quiet", "--insecure", "--values", super::VALUES]);
    command.args(["--budget", asked.budget, "--max-rate", RATE_MAX]);
    command.args(["--seed", &place.seed.to_string()]);
    command.arg("--out").arg(directory);
    command.args(flags);
    for source in place.scenario.sources {
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
                for log in &sources.proxy_logs {
                    command.arg("--proxy-log").arg(log);
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
pub(crate) fn read(work: &Path, place: Place) -> anyhow::Result<Option<Inquiry>> {
    let directory = directory(work, place);
    let (note, report) = (directory.join(FILE), directory.join("report.json"));
    if !note.exists() || !report.exists() {
        return Ok(None);
    }
    let note: Value =
        serde_json::from_slice(&fs::read(&note)?).with_context(|| format!("read {}", note.display()))?;
    let mut report: Value =
        serde_json::from_slice(&fs::read(&report)?).with_context(|| format!("read {}", report.display()))?;
    let verdict = serde_json::from_value(report["verdict"].take()).context("read the verdict")?;
    Ok(Some(Inquiry {
        place,
        load: Measured::of_json(&note["load"]),
        seconds: note["seconds"].as_f64().unwrap_or(0.0),
        flags: note["flags"].as_str().unwrap_or_default().to_owned(),
        throttled_share: note["throttled_share"].as_f64().unwrap_or(0.0),
        checkpoints: note["checkpoints"].as_u64().unwrap_or(0),
        verdict,
        evidence: directory.join(recording::FILE),
    }))
}

/// What the test load saw, where no quest was done.
pub(crate) fn load_of(work: &Path, place: Place) -> Option<Measured> {
    let text = fs::read(directory(work, place).join(FILE)).ok()?;
    let note: Value = serde_json::from_slice(&text).ok()?;
    Some(Measured::of_json(&note["load"]))
}

/// The load a quest was done under, or that was measured alone.
pub(crate) fn load(place: Place) -> anyhow::Result<Load> {
    Ok(place.scenario.load(dose(place)?, place.is_planted))
}

fn write(directory: &Path, note: &Value) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    let file = directory.join(FILE);
    fs::write(&file, serde_json::to_vec_pretty(note)?).with_context(|| format!("write {}", file.display()))
}

fn directory(work: &Path, place: Place) -> PathBuf {
    work.join(place.name())
}
