//! All that was observed: the container and its file.
//!
//! The file is JSON lines, the head first; each line is an object with one key that says what it is. It is
//! written while the investigation runs, so the last line of a file may be cut: what came before is kept.
//! Compression and disks are the caller's.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    counter::CounterExperiment,
    error::Error,
    experiment::{Experiment, Round},
    observation::Observation,
    source::SourceState,
    trace::Trace,
};

/// The version of the file that is written and read here.
pub const VERSION: u32 = 1;

/// Observations that one evidence may hold: a bound on what a stranger's file can make us keep.
pub const LINES_MAX: usize = 2_000_000;

/// All that was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What was investigated, by what, where.
    pub head: Head,
    /// What could be read.
    pub sources: Vec<SourceState>,
    /// What was done.
    pub experiments: Vec<Experiment>,
    /// When.
    pub rounds: Vec<Round>,
    /// What was predicted, before it was measured.
    pub counters: Vec<CounterExperiment>,
    /// What was seen.
    pub observations: Vec<Observation>,
    /// Slow requests, as the target tells them.
    pub traces: Vec<Trace>,
    /// Whether the file ended in the middle of a line, or without all its lines.
    pub is_cut: bool,
}

/// What was investigated, by what, where. None of it changes the verdict but the seed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Head {
    /// Version of the file.
    pub version: u32,
    /// URL that was asked.
    pub target: String,
    /// RFC 3339, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub began: String,
    /// Seed of everything random, in the experiments and in the intervals.
    pub seed: u64,
    /// Of sidequest, PostgreSQL, nginx, the kernel: by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
    /// Settings of the investigation and of the target, by name: `nginx.keepalive_requests`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first one.
    Head(Head),
    /// What could be read.
    Source(SourceState),
    /// What is done.
    Experiment(Experiment),
    /// When it was.
    Round(Round),
    /// What is predicted.
    Counter(CounterExperiment),
    /// What was seen.
    Observation(Observation),
    /// How a slow request went.
    Trace(Trace),
}

impl Evidence {
    /// With nothing in it yet.
    pub fn new(head: Head) -> Evidence {
        Evidence {
            head: Head {
                version: VERSION,
                ..head
            },
            sources: Vec::new(),
            experiments: Vec::new(),
            rounds: Vec::new(),
            counters: Vec::new(),
            observations: Vec::new(),
            traces: Vec::new(),
            is_cut: false,
        }
    }

    /// Takes what a line says.
    pub fn push(&mut self, line: Line) {
        match line {
            Line::Head(head) => self.head = head,
            Line::Source(source) => self.sources.push(source),
            Line::Experiment(experiment) => self.experiments.push(experiment),
            Line::Round(round) => self.rounds.push(round),
            Line::Counter(counter) => self.counters.push(counter),
            Line::Observation(observation) => self.observations.push(observation),
            Line::Trace(trace) => self.traces.push(trace),
        }
    }

    /// The lines of it, in the order in which they are written.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        let head = std::iter::once(Line::Head(self.head.clone()));
        head.chain(self.sources.iter().cloned().map(Line::Source))
            .chain(self.experiments.iter().cloned().map(Line::Experiment))
            .chain(self.counters.iter().cloned().map(Line::Counter))
            .chain(self.rounds.iter().cloned().map(Line::Round))
            .chain(self.observations.iter().cloned().map(Line::Observation))
            .chain(self.traces.iter().cloned().map(Line::Trace))
    }
}

impl Line {
    /// The bytes of it, with the newline.
    ///
    /// # Errors
    /// If a number in it is not finite.
    pub fn write(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = serde_json::to_vec(self).map_err(Error::Write)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// The bytes of the file.
///
/// # Errors
/// If something in it cannot be written as JSON.
pub fn write(evidence: &Evidence) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    for line in evidence.lines() {
        bytes.extend(line.write()?);
    }
    Ok(bytes)
}

/// The evidence in a file.
///
/// # Errors
/// If it does not begin with a head of our version, is too long, or has a whole line that says nothing known.
pub fn read(bytes: &[u8]) -> Result<Evidence, Error> {
    let mut evidence: Option<Evidence> = None;
    let is_whole = bytes.last() == Some(&b'\n');
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .peekable();
    while let Some((number, text)) = lines.next() {
        if number > LINES_MAX {
            return Err(Error::TooLong { lines_max: LINES_MAX });
        }
        let line: Line = match serde_json::from_slice(text) {
            Ok(line) => line,
            Err(_) if !is_whole && lines.peek().is_none() && evidence.is_some() => {
                if let Some(evidence) = &mut evidence {
                    evidence.is_cut = true;
                }
                break;
            }
            Err(source) => {
                return Err(Error::Line {
                    number: number + 1,
                    source,
                });
            }
        };
        match (&mut evidence, line) {
            (None, Line::Head(head)) if head.version == VERSION => evidence = Some(Evidence::new(head)),
            (None, Line::Head(head)) => {
                return Err(Error::Version {
                    found: head.version,
                    known: VERSION,
                });
            }
            (None, _) | (Some(_), Line::Head(_)) => return Err(Error::Head { number: number + 1 }),
            (Some(evidence), line) => evidence.push(line),
        }
    }
    evidence.ok_or(Error::Empty)
}

#[cfg(test)]
mod tests;
