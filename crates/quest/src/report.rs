//! What was found, told: for a person in a terminal, for a program, for a browser.
//!
//! All three say the same, from one value: what the evidence holds and what the diagnosis made of it.

mod chart;
pub mod html;
mod shape;
pub mod text;

use std::{collections::BTreeMap, path::Path};

use diagnosis::{
    compare::Comparison, counter::Factor, evidence::Evidence, experiment::Purpose, observation::Observation,
    signal::Signal, source::SourceState, trace::Trace, verdict::Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The version of report.json.
pub const VERSION: u32 = 1;

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Of this form.
    pub version: u32,
    /// What was investigated.
    pub target: String,
    /// When.
    pub began: String,
    /// The decision, its proof, and what could not be seen.
    pub verdict: Verdict,
    /// What was done, in the order of doing.
    pub experiments: Vec<Done>,
    /// How the page was asked for in the ways of naive clients and browsers, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stories: Vec<String>,
    /// What would prove more and was not run, with what it needs of the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<String>,
    /// One slow request, step by step, where the target keeps its traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<Trace>,
    /// What could be read, and what not.
    pub sources: Vec<SourceState>,
    /// Settings of the quest and of the target.
    pub settings: BTreeMap<String, String>,
    /// What to type to see it again.
    pub commands: Vec<String>,
    /// Against an earlier evidence, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// One experiment, as means over its rounds.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// Its id.
    pub id: String,
    /// What it was for.
    pub purpose: String,
    /// Users, where each waits for its answer.
    pub users: Option<f64>,
    /// Requests a second, where they do not wait.
    pub offered: Option<f64>,
    /// Requests of a burst.
    pub requests: Option<u64>,
    /// What was spoken.
    pub protocol: Option<String>,
    /// Rounds that count.
    pub rounds: usize,
    /// Rounds that do not, because the machine was disturbed.
    pub discarded: usize,
    /// Good answers a second.
    pub rate: Option<f64>,
    /// Mean latency.
    pub latency_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Failures, all together.
    pub errors: f64,
    /// Good answers by class of latency: its upper end in milliseconds, and how many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub histogram: Vec<[f64; 2]>,
}

impl Report {
    /// Puts it together.
    pub fn new(evidence: &Evidence, verdict: Verdict, file: &Path) -> Report {
        let file = quoted(&file.display().to_string());
        let target = &evidence.head.target;
        let experiments = done(evidence);
        let slowest = |one: &&Trace, other: &&Trace| one.took_ms.total_cmp(&other.took_ms);
        Report {
            version: VERSION,
            target: target.clone(),
            began: evidence.head.began.clone(),
            stories: stories(&experiments),
            wanted: wanted(evidence, &verdict),
            slow: evidence.traces.iter().max_by(slowest).cloned(),
            experiments,
            sources: evidence.sources.clone(),
            settings: evidence.head.settings.clone(),
            commands: vec![
                format!("sidequest quest --replay {file}   # the same verdict, without the network"),
                format!(
                    "sidequest quest {} --compare {file}   # after a fix: did it work?",
                    quoted(target)
                ),
            ],
            verdict,
            comparison: None,
        }
    }

    /// As JSON.
    pub fn json(&self) -> Result<String, Error> {
        let mut text = serde_json::to_string_pretty(self).map_err(Error::Report)?;
        text.push('\n');
        Ok(text)
    }

    /// Writes report.json and report.html beside the evidence.
    pub fn write(&self, directory: &Path) -> Result<(), Error> {
        for (name, text) in [("report.json", self.json()?), ("report.html", html::page(self))] {
            let path = directory.join(name);
            std::fs::create_dir_all(directory)
                .and_then(|()| std::fs::write(&path, text))
                .map_err(|source| Error::File {
                    what: "write",
                    path,
                    source,
                })?;
        }
        Ok(())
    }
}

/// For a shell: as it is where that is one plain word, in quotes else.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:=@%,".contains(letter);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Counter-experiments that were not run, each with what the user can give for it.
fn wanted(evidence: &Evidence, verdict: &Verdict) -> Vec<String> {
    if verdict.not_recorded.is_empty() {
        return Vec::new();
    }
    let proposed = diagnosis::propose(evidence);
    let needs = |id: &String| {
        let mut known = proposed.iter().chain(&evidence.counters);
        match &known.find(|counter| counter.id == *id)?.factor {
            Factor::Reconfigure { setting, times } => {
                Some(format!("a hook: setting = \"{setting}\", times = {times:?}"))
            }
            Factor::LeaveOut { what } => Some(format!("a hook: leave-out = \"{what}\"")),
            Factor::Delay { path, .. } => Some(format!("--probe {path}=LISTEN,TO")),
            _ => None,
        }
    };
    let ids = verdict.not_recorded.iter();
    ids.map(|id| needs(id).map_or_else(|| id.clone(), |needs| format!("{id} ({needs})")))
        .collect()
}

/// The schema of report.json.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}

fn done(evidence: &Evidence) -> Vec<Done> {
    evidence
        .experiments
        .iter()
        .map(|experiment| {
            let rounds: Vec<_> = evidence
                .rounds
                .iter()
                .filter(|round| round.experiment == experiment.id)
                .collect();
            let counts = |number: u32| {
                rounds
                    .iter()
                    .any(|round| round.number == number && round.discarded.is_none())
            };
            let of = |signal: Signal| -> Vec<f64> {
                evidence
                    .observations
                    .iter()
                    .filter(|seen| {
                        seen.experiment == experiment.id && seen.signal == signal && counts(seen.round)
                    })
                    .filter_map(Observation::value)
                    .collect()
            };
            let mean = |signal: Signal| {
                let values = of(signal);
                (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
            };
            let discarded = rounds.iter().filter(|round| round.discarded.is_some()).count();
            Done {
                id: experiment.id.clone(),
                purpose: purpose(&experiment.purpose),
                users: experiment.load.users,
                offered: experiment.load.rate,
                requests: experiment.load.requests,
                protocol: experiment.load.protocol.clone(),
                rounds: rounds.len() - discarded,
                discarded,
                rate: mean(Signal::ClientRate),
                latency_ms: mean(Signal::ClientLatencyMs),
                p99_ms: mean(Signal::ClientP99Ms),
                errors: of(Signal::ClientErrors).iter().sum(),
                histogram: histogram(evidence, &experiment.id, counts),
            }
        })
        .collect()
}

fn histogram(evidence: &Evidence, experiment: &str, counts: impl Fn(u32) -> bool) -> Vec<[f64; 2]> {
    let mut classes: Vec<[f64; 2]> = Vec::new();
    for seen in &evidence.observations {
        if seen.signal != Signal::ClientLatencyClass || seen.experiment != experiment || !counts(seen.round) {
            continue;
        }
        let (Ok(end), Some(count)) = (seen.subject.parse::<f64>(), seen.value()) else {
            continue;
        };
        // A file that somebody else wrote may hold anything, and a scale of powers has no place for these.
        if !end.is_finite() || end <= 0.0 {
            continue;
        }
        match classes.iter_mut().find(|class| class[0] == end) {
            Some(class) => class[1] += count,
            None => classes.push([end, count]),
        }
    }
    classes.sort_by(|one, other| one[0].total_cmp(&other[0]));
    classes
}

/// A burst as who waits for it sees it: when is all of it there?
fn stories(experiments: &[Done]) -> Vec<String> {
    let stories = experiments.iter().filter(|done| done.id.starts_with("story-"));
    stories
        .filter_map(|done| {
            let (requests, rate) = (done.requests? as f64, done.rate.filter(|rate| *rate > 0.0)?);
            Some(format!(
                "{}: {requests:.0} requests are answered in {:.2} s, {:.2} ms each",
                done.purpose,
                requests / rate,
                1e3 / rate
            ))
        })
        .collect()
}

fn purpose(purpose: &Purpose) -> String {
    match purpose {
        Purpose::Preflight => "warming up".to_owned(),
        Purpose::Noise => "noise floor".to_owned(),
        Purpose::Baseline => "baseline".to_owned(),
        Purpose::Story(name) => match name.as_str() {
            "http1-x1" => "one connection, one after the other".to_owned(),
            "http1-x6" => "six connections, like a browser".to_owned(),
            "http2-at-once" => "HTTP/2, all at once".to_owned(),
            other => other.to_owned(),
        },
        Purpose::Ramp => "ramp".to_owned(),
        Purpose::Hold => "held".to_owned(),
        Purpose::OpenLoop => "constant rate".to_owned(),
        Purpose::Counter { counter, arm } => match arm {
            diagnosis::experiment::Arm::Before => format!("{counter}, before"),
            diagnosis::experiment::Arm::After => format!("{counter}, after"),
        },
    }
}

#[cfg(test)]
mod tests;
