//! The milliseconds that add up: where mean latency is spent at low and at high load, and what grew.
//!
//! [`part`] splits the latency of one round, [`stall`] moves what nothing explains to parties that were not
//! allowed to run, [`holder`] replaces waiting by what those do who are waited for, [`tail`] does the same for
//! slow requests against ordinary ones.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod holder;
pub mod part;
pub mod stall;
pub mod tail;

use crate::{
    attribution::part::Part,
    finding::Citation,
    interval::{Interval, bootstrap, mean},
    signal::Signal,
    view::View,
};

/// Milliseconds by part and subject.
pub(crate) type Parts = BTreeMap<(Part, String), f64>;

/// Where latency is spent, and what grew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attribution {
    /// The experiment of low load.
    pub low: String,
    /// The experiment of high load.
    pub high: String,
    /// Mean latency at low load.
    pub low_ms: f64,
    /// Mean latency at high load.
    pub high_ms: f64,
    /// What it grew by.
    pub growth_ms: Interval,
    /// What it is made of; the growths add up to that of latency, with the row `unattributed`.
    pub rows: Vec<Row>,
    /// The same growth, with waiting replaced by what is waited for.
    pub causes: Vec<Cause>,
    /// How long a connection of the pool is held, low and high.
    pub hold_ms: Option<(f64, f64)>,
    /// What those do who hold the pool at high load: shares of holding time.
    pub holders: Vec<Holder>,
    /// Whether parallel parts were scaled to the time that they took together.
    pub is_overlapping: bool,
}

/// One part of latency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// Which.
    pub part: Part,
    /// Of what: a wait, a party.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// At low load.
    pub low_ms: f64,
    /// At high load.
    pub high_ms: f64,
    /// What it grew by.
    pub growth_ms: f64,
    /// Of the growth of latency.
    pub share: Interval,
    /// Of latency at high load.
    pub share_of_high: f64,
}

/// What growth comes from, after following the holders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// Which.
    pub part: Part,
    /// Of what.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What it grew by.
    pub growth_ms: f64,
    /// Of the growth of latency.
    pub share: f64,
}

/// What holders of the pool do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// `active`, a wait such as `Lock/transactionid`, `idle in transaction`, `idle in the server`.
    pub state: String,
    /// Of holding time.
    pub share: f64,
}

/// Of the baseline against the highest load, if there are both.
pub(crate) fn attribute(view: &View<'_>) -> Option<Attribution> {
    let (low, high) = (view.low()?, view.high()?);
    let before = Rounds::of(view, low)?;
    let after = Rounds::of(view, high)?;
    let (low_parts, high_parts) = (before.mean(), after.mean());
    let (low_ms, high_ms) = (before.latency()?, after.latency()?);
    let growth = high_ms - low_ms;
    let seed = view.evidence.head.seed;

    let mut keys: Vec<&(Part, String)> = low_parts.keys().chain(high_parts.keys()).collect();
    keys.sort();
    keys.dedup();
    let rows: Vec<Row> = keys
        .into_iter()
        .map(|key| {
            let at = |parts: &Parts| parts.get(key).copied().unwrap_or(0.0);
            let (low_ms, row_high_ms) = (at(&low_parts), at(&high_parts));
            Row {
                part: key.0,
                subject: key.1.clone(),
                low_ms,
                high_ms: row_high_ms,
                growth_ms: row_high_ms - low_ms,
                share: share(&before, &after, key, seed),
                share_of_high: row_high_ms / high_ms,
            }
        })
        .collect();
    let mut attribution = Attribution {
        low: low.to_owned(),
        high: high.to_owned(),
        low_ms,
        high_ms,
        growth_ms: growth_interval(&before, &after, seed).unwrap_or(Interval::exact(growth)),
        rows,
        causes: Vec::new(),
        hold_ms: holder::hold_ms(view, low, high),
        holders: holder::holders(view, high),
        is_overlapping: before.is_overlapping || after.is_overlapping,
    };
    attribution.causes = holder::follow(&attribution);
    Some(attribution)
}

impl Attribution {
    /// Share of growth of all causes that are wanted, never below zero.
    pub(crate) fn share(&self, is_wanted: impl Fn(Part, &str) -> bool) -> f64 {
        let sum: f64 = self
            .causes
            .iter()
            .filter(|cause| is_wanted(cause.part, &cause.subject))
            .map(|cause| cause.share)
            .sum();
        sum.clamp(0.0, 1.0)
    }

    /// Share of latency at high load of all rows that are wanted.
    pub(crate) fn share_of_high(&self, is_wanted: impl Fn(Part, &str) -> bool) -> f64 {
        let sum: f64 = self
            .rows
            .iter()
            .filter(|row| is_wanted(row.part, &row.subject))
            .map(|row| row.share_of_high)
            .sum();
        sum.clamp(0.0, 1.0)
    }

    /// The rows of this part, at low and at high load.
    pub(crate) fn ms(&self, part: Part) -> (f64, f64) {
        let rows = self.rows.iter().filter(|row| row.part == part);
        rows.fold((0.0, 0.0), |(low, high), row| {
            (low + row.low_ms, high + row.high_ms)
        })
    }

    /// How much wider than the estimate the interval of growth is: what any share of it inherits.
    pub(crate) fn interval_of(&self, share: f64) -> Interval {
        let widest = |is_wanted: fn(&Row) -> f64| {
            self.rows
                .iter()
                .max_by(|a, b| a.share.mid.total_cmp(&b.share.mid))
                .map_or(0.0, is_wanted)
        };
        let below = widest(|row| row.share.mid - row.share.low);
        let above = widest(|row| row.share.high - row.share.mid);
        Interval {
            low: (share - below).clamp(0.0, share),
            mid: share,
            high: (share + above).clamp(share, 1.0),
        }
    }
}

/// The parts of each round of one experiment.
struct Rounds {
    latencies: Vec<f64>,
    parts: Vec<Parts>,
    is_overlapping: bool,
}

impl Rounds {
    fn of(view: &View<'_>, experiment: &str) -> Option<Rounds> {
        let rounds = view.rounds(experiment, Signal::ClientLatencyMs, "")?;
        let mut split = Rounds {
            latencies: Vec::new(),
            parts: Vec::new(),
            is_overlapping: false,
        };
        for (round, latency) in rounds {
            let (mut parts, is_overlapping) = part::split(view, experiment, *round, *latency);
            stall::resolve(view, experiment, *latency, &mut parts);
            split.latencies.push(*latency);
            split.parts.push(parts);
            split.is_overlapping |= is_overlapping;
        }
        Some(split)
    }

    fn latency(&self) -> Option<f64> {
        mean(&self.latencies)
    }

    fn mean(&self) -> Parts {
        let mut sums: BTreeMap<(Part, String), Vec<f64>> = BTreeMap::new();
        for key in self.parts.iter().flat_map(|parts| parts.keys()) {
            if !sums.contains_key(key) {
                let values = self
                    .parts
                    .iter()
                    .map(|parts| parts.get(key).copied().unwrap_or(0.0));
                sums.insert(key.clone(), values.collect());
            }
        }
        sums.into_iter()
            .filter_map(|(key, values)| Some((key, mean(&values)?)))
            .collect()
    }

    fn indices(&self) -> Vec<f64> {
        (0..self.latencies.len()).map(|index| index as f64).collect()
    }

    fn mean_of(&self, indices: &[f64], value: impl Fn(usize) -> f64) -> Option<f64> {
        let values: Vec<f64> = indices.iter().map(|index| value(*index as usize)).collect();
        mean(&values)
    }
}

fn growth_interval(before: &Rounds, after: &Rounds, seed: u64) -> Option<Interval> {
    bootstrap(&[&before.latencies, &after.latencies], seed, |groups| {
        Some(mean(&groups[1])? - mean(&groups[0])?)
    })
}

fn share(before: &Rounds, after: &Rounds, key: &(Part, String), seed: u64) -> Interval {
    let statistic = |groups: &[Vec<f64>]| {
        let part = |rounds: &Rounds, indices: &[f64]| {
            rounds.mean_of(indices, |index| {
                rounds.parts[index].get(key).copied().unwrap_or(0.0)
            })
        };
        let latency =
            |rounds: &Rounds, indices: &[f64]| rounds.mean_of(indices, |index| rounds.latencies[index]);
        let growth = latency(after, &groups[1])? - latency(before, &groups[0])?;
        let part = part(after, &groups[1])? - part(before, &groups[0])?;
        (growth.abs() > 1e-9).then(|| part / growth)
    };
    bootstrap(&[&before.indices(), &after.indices()], seed, statistic).unwrap_or(Interval::exact(0.0))
}

/// What a part rests on, for citing.
pub(crate) fn cite(view: &View<'_>, experiment: &str, part: Part, subject: &str) -> Vec<Citation> {
    part.signals(subject)
        .into_iter()
        .filter_map(|(signal, subject)| view.at(experiment, signal, &subject))
        .map(|seen| seen.cite)
        .collect()
}

#[cfg(test)]
mod tests;
