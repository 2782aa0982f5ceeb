//! What was found, told: for a person in a terminal, for a program, for a browser.
//!
//! All three say the same, from one value: what the evidence holds and what the diagnosis made of it.

mod chart;
pub mod html;
pub mod text;

use std::{collections::BTreeMap, path::Path};

use diagnosis::{
    compare::Comparison, evidence::Evidence, experiment::Purpose, observation::Observation, signal::Signal,
    source::SourceState, verdict::Verdict,
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
}

impl Report {
    /// Puts it together.
    pub fn new(evidence: &Evidence, verdict: Verdict, file: &Path) -> Report {
        let file = file.display();
        let target = &evidence.head.target;
        Report {
            version: VERSION,
            target: target.clone(),
            began: evidence.head.began.clone(),
            experiments: done(evidence),
            sources: evidence.sources.clone(),
            settings: evidence.head.settings.clone(),
            commands: vec![
                format!("sidequest quest --replay {file}   # the same verdict, without the network"),
                format!("sidequest quest '{target}' --compare {file}   # after a fix: did it work?"),
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
            }
        })
        .collect()
}

fn purpose(purpose: &Purpose) -> String {
    match purpose {
        Purpose::Preflight => "preflight".to_owned(),
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
