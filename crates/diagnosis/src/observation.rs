//! One thing that was seen in one round, as raw as it was read.
//!
//! Counters keep their readings and times; what they mean over the round is computed here, so that a replay can
//! be computed anew.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::signal::{Kind, Signal};

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The experiment; empty for a fact about the whole investigation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub experiment: String,
    /// The round of it.
    #[serde(default)]
    pub round: u32,
    /// About what.
    pub signal: Signal,
    /// About whom: a party, a query id, a wait, a status; empty where there is one only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// The numbers.
    pub reading: Reading,
    /// What belongs to it in words: a log line, the SQL of a statement, an index.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Numbers as they were read. Times are milliseconds since the investigation began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Measured or computed over the round by whoever saw it.
    Value(f64),
    /// A counter that only rises: `[time, count]`. A fall is a restart, and counts from zero.
    Counter(Vec<[f64; 2]>),
    /// A level: `[time, level]`; each holds until the next.
    Gauge(Vec<[f64; 2]>),
    /// A level with the time that each sample stands for: `[time, duration, level]`.
    Sampled(Vec<[f64; 3]>),
    /// Two counters whose rises are divided: a sum over a count, times `scale` (1000 for seconds to milliseconds).
    Ratio {
        /// The dividend.
        sum: Vec<[f64; 2]>,
        /// The divisor.
        count: Vec<[f64; 2]>,
        /// What the ratio is multiplied with.
        scale: f64,
    },
}

impl Observation {
    /// What it comes to over its round. Nothing if there are too few readings, or if they are no numbers.
    pub fn value(&self) -> Option<f64> {
        let value = match &self.reading {
            Reading::Value(value) => Some(*value),
            Reading::Counter(points) => rise(points),
            Reading::Gauge(points) => level(points),
            Reading::Sampled(points) => {
                weighted(points.iter().map(|[_, duration, level]| (*duration, *level)))
            }
            Reading::Ratio { sum, count, scale } => match (rise(sum), rise(count)) {
                (Some(sum), Some(count)) if count > 0.0 => Some(sum / count * scale),
                _ => None,
            },
        }?;
        let nothing_below_zero = match self.signal.kind() {
            Kind::Count => value.max(0.0),
            Kind::PerRequest | Kind::Level | Kind::Fact => value,
        };
        nothing_below_zero.is_finite().then_some(nothing_below_zero)
    }

    /// How long a counter was looked at: its source may have begun later than the round, or ended later.
    pub fn span_ms(&self) -> Option<f64> {
        let Reading::Counter(points) = &self.reading else {
            return None;
        };
        let (first, last) = (points.first()?, points.last()?);
        let span = last[0] - first[0];
        (span.is_finite() && span > 0.0).then_some(span)
    }

    /// The levels with their times, where it has them.
    pub fn points(&self) -> Vec<(f64, f64)> {
        let mut points: Vec<(f64, f64)> = match &self.reading {
            Reading::Value(_) | Reading::Counter(_) | Reading::Ratio { .. } => Vec::new(),
            Reading::Gauge(points) => points.iter().map(|[time, level]| (*time, *level)).collect(),
            Reading::Sampled(points) => points.iter().map(|[time, _, level]| (*time, *level)).collect(),
        };
        points.retain(|(time, level)| time.is_finite() && level.is_finite());
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        points
    }
}

fn rise(points: &[[f64; 2]]) -> Option<f64> {
    if points.len() < 2 {
        return None;
    }
    let steps = points.windows(2).map(|pair| {
        let [before, after] = [pair[0][1], pair[1][1]];
        if after < before { after } else { after - before }
    });
    Some(steps.sum())
}

fn level(points: &[[f64; 2]]) -> Option<f64> {
    match points {
        [] => None,
        [only] => Some(only[1]),
        several => weighted(
            several
                .windows(2)
                .map(|pair| (pair[1][0] - pair[0][0], pair[0][1])),
        )
        .or(several.last().map(|last| last[1])),
    }
}

fn weighted(samples: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut time, mut sum) = (0.0, 0.0);
    for (duration, level) in samples.filter(|(duration, _)| *duration > 0.0) {
        time += duration;
        sum += duration * level;
    }
    (time > 0.0).then(|| sum / time)
}

#[cfg(test)]
mod tests;
