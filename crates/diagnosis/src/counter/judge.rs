//! What came of a prediction.
//!
//! The interval is of the ratio of means over pairs of rounds, drawn together. Fewer pairs than [`PAIRS_MIN`]
//! confirm nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    bottleneck::Bottleneck,
    consistency,
    counter::{CounterExperiment, Measure, Role},
    experiment::{Arm, Experiment, Purpose},
    interval::{Interval, bootstrap_pairs},
    signal::Signal,
    view::View,
};

/// Pairs of rounds that a comparison needs.
pub const PAIRS_MIN: usize = 5;

/// How far from 1.0 the estimate of a control may be.
const CONTROL_MOVES_MAX: f64 = 0.15;

/// Edges excuse no more than this.
const EDGES_MAX: f64 = 0.10;

/// What came of a prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judged {
    /// The counter-experiment.
    pub id: String,
    /// For which hypothesis.
    pub bottleneck: Bottleneck,
    /// Whether it had to move something.
    pub role: Role,
    /// Ratio that was predicted.
    pub predicted: Interval,
    /// Ratio that was measured.
    pub measured: Option<Interval>,
    /// Of what must not change.
    pub negative: Option<Interval>,
    /// Pairs of rounds.
    pub pairs: usize,
    /// What it says.
    pub outcome: Outcome,
    /// In words.
    pub words: String,
}

/// What a counter-experiment says about its hypothesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what was predicted.
    Confirmed,
    /// It did something else.
    Refuted,
    /// Too few rounds, or too wide an interval.
    Inconclusive,
    /// It was wanted, and was not run.
    NotRecorded,
}

/// All that were predicted, in the order of their ids.
pub(crate) fn judge_all(view: &View<'_>) -> Vec<Judged> {
    let mut counters: Vec<&CounterExperiment> = view.evidence.counters.iter().collect();
    counters.sort_by(|a, b| a.id.cmp(&b.id));
    counters.dedup_by(|a, b| a.id == b.id);
    counters.into_iter().map(|counter| judge(view, counter)).collect()
}

fn judge(view: &View<'_>, counter: &CounterExperiment) -> Judged {
    let seed = view.evidence.head.seed;
    let pairs = pairs(view, &counter.id, &counter.measure);
    let measured = ratio(&pairs, seed).map(|found| widened(found, edges(view, counter)));
    let negative = counter
        .negative
        .as_ref()
        .and_then(|negative| ratio(&self::pairs(view, &counter.id, &negative.measure), seed));
    let is_negative_kept = match (&counter.negative, negative) {
        (Some(wanted), Some(measured)) => wanted.stays.overlaps(measured),
        _ => true,
    };
    let outcome = match measured {
        None => Outcome::NotRecorded,
        Some(_) if pairs.len() < PAIRS_MIN => Outcome::Inconclusive,
        Some(measured) if !measured.overlaps(counter.predicted) || !is_negative_kept => Outcome::Refuted,
        Some(measured) => match counter.role {
            Role::Direct if measured.includes(1.0) => Outcome::Inconclusive,
            Role::Control if (measured.mid - 1.0).abs() > CONTROL_MOVES_MAX => Outcome::Refuted,
            Role::Direct | Role::Control => Outcome::Confirmed,
        },
    };
    Judged {
        id: counter.id.clone(),
        bottleneck: counter.bottleneck,
        role: counter.role,
        predicted: counter.predicted,
        measured,
        negative,
        pairs: pairs.len(),
        outcome,
        words: words(counter, measured, pairs.len(), outcome, is_negative_kept),
    }
}

/// What the edges of rounds add to the uncertainty of a rate: half of the requests in flight, of those answered, in
/// each arm. Rounds that are short for their target all cut the same, so their spread does not show it.
fn edges(view: &View<'_>, counter: &CounterExperiment) -> f64 {
    // A control must not move: to be kind to it would be to prove with less.
    if counter.measure != Measure::Rate || counter.role == Role::Control {
        return 0.0;
    }
    let all: f64 = arms(view, &counter.id)
        .map(|experiment| consistency::edge(view, &experiment.id) / 2.0)
        .sum();
    all.min(EDGES_MAX)
}

fn widened(interval: Interval, share: f64) -> Interval {
    Interval {
        low: interval.low / (1.0 + share),
        mid: interval.mid,
        high: interval.high * (1.0 + share),
    }
}

/// The experiments of one counter-experiment.
fn arms<'a>(view: &View<'a>, counter: &'a str) -> impl Iterator<Item = &'a Experiment> {
    view.experiments().filter(move |experiment| {
        matches!(&experiment.purpose, Purpose::Counter { counter: id, .. } if id == counter)
    })
}

fn words(
    counter: &CounterExperiment,
    measured: Option<Interval>,
    pairs: usize,
    outcome: Outcome,
    is_negative_kept: bool,
) -> String {
    let predicted = format!("x{:.2} to x{:.2}", counter.predicted.low, counter.predicted.high);
    let Some(measured) = measured else {
        return format!("{} Predicted {predicted}; not recorded.", counter.words);
    };
    let found = format!(
        "measured x{:.2} ({:.2} to {:.2}, {pairs} pairs)",
        measured.mid, measured.low, measured.high
    );
    let end = match outcome {
        Outcome::Confirmed => "as predicted",
        Outcome::Refuted if !is_negative_kept => "but what must not change did",
        Outcome::Refuted => "not as predicted",
        Outcome::Inconclusive if pairs < PAIRS_MIN => "too few pairs to say",
        Outcome::Inconclusive => "too uncertain to say",
        Outcome::NotRecorded => "not recorded",
    };
    format!("{} Predicted {predicted}; {found}: {end}.", counter.words)
}

fn ratio(pairs: &[(f64, f64)], seed: u64) -> Option<Interval> {
    bootstrap_pairs(pairs, seed, |pairs| {
        let (before, after) = pairs.iter().fold((0.0, 0.0), |(before, after), pair| {
            (before + pair.0, after + pair.1)
        });
        (before > 0.0).then(|| after / before)
    })
}

/// Rounds of both arms with the same number.
fn pairs(view: &View<'_>, counter: &str, measure: &Measure) -> Vec<(f64, f64)> {
    let values = |wanted: Arm| -> Vec<(u32, f64)> {
        let arms = view.experiments().filter(|experiment| match &experiment.purpose {
            Purpose::Counter { counter: id, arm } => id == counter && *arm == wanted,
            Purpose::Preflight
            | Purpose::Noise
            | Purpose::Baseline
            | Purpose::Story(_)
            | Purpose::Ramp
            | Purpose::Hold
            | Purpose::OpenLoop => false,
        });
        arms.flat_map(|experiment| by_round(view, &experiment.id, measure))
            .collect()
    };
    let after = values(Arm::After);
    values(Arm::Before)
        .into_iter()
        .filter_map(|(round, before)| {
            let (_, after) = after.iter().find(|(other, _)| *other == round)?;
            Some((before, *after))
        })
        .collect()
}

fn by_round(view: &View<'_>, experiment: &str, measure: &Measure) -> Vec<(u32, f64)> {
    let of = |signal: Signal, subject: &str| -> Vec<(u32, f64)> {
        view.rounds(experiment, signal, subject)
            .map(|rounds| rounds.iter().map(|(round, value)| (*round, *value)).collect())
            .unwrap_or_default()
    };
    match measure {
        Measure::Rate => {
            let rates = of(Signal::ClientRate, "");
            if !rates.is_empty() {
                return rates;
            }
            let duration = view.duration_ms(experiment).unwrap_or(0.0);
            of(Signal::ClientOk, "")
                .into_iter()
                .filter(|_| duration > 0.0)
                .map(|(round, ok)| (round, ok / duration * 1000.0))
                .collect()
        }
        Measure::Latency => of(Signal::ClientLatencyMs, ""),
        Measure::ErrorShare => {
            let ok = of(Signal::ClientOk, "");
            of(Signal::ClientErrors, "")
                .into_iter()
                .map(|(round, errors)| {
                    let good = ok
                        .iter()
                        .find(|(other, _)| *other == round)
                        .map_or(0.0, |(_, ok)| *ok);
                    let all = errors + good;
                    (round, if all > 0.0 { errors / all } else { 0.0 })
                })
                .collect()
        }
        Measure::Signal { signal, subject } => of(*signal, subject),
    }
}
