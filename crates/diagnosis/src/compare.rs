//! Did the fix work? Two evidences of the same target, before and after.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    bottleneck::Bottleneck,
    diagnose,
    evidence::Evidence,
    interval::{Interval, bootstrap, mean},
    signal::Signal,
    verdict::Verdict,
    view::View,
};

/// What changed between two evidences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The verdict before.
    pub before: Verdict,
    /// The verdict after.
    pub after: Verdict,
    /// Each measure that both have, at the same users.
    pub differences: Vec<Difference>,
    /// What it comes to.
    pub outcome: Outcome,
    /// In plain words.
    pub sentence: String,
}

/// Whether the fix worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Clearly better.
    Better,
    /// No difference that the rounds can tell.
    Same,
    /// Clearly worse.
    Worse,
    /// Better in one, worse in another.
    Mixed,
    /// They have no load in common.
    Incomparable,
}

/// One measure at one load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// `latency_ms`, `p99_ms`, `rate`, `errors`.
    pub measure: String,
    /// Users.
    pub users: f64,
    /// Mean before.
    pub before: f64,
    /// Mean after.
    pub after: f64,
    /// Ratio of after to before; none if there was nothing before.
    pub ratio: Option<Interval>,
    /// Whether the interval excludes 1.0, and in which direction.
    pub outcome: Outcome,
}

/// Changes of less than this are none, whatever the interval says: machines drift.
const DRIFT: f64 = 0.05;

/// A round with fewer answers has no 99th percentile.
const HUNDRED: f64 = 100.0;

/// Judges both and compares them at the highest load that they have in common, and at the lowest.
pub fn compare(before: &Evidence, after: &Evidence) -> Comparison {
    let (old, new) = (View::new(before), View::new(after));
    let mut common: Vec<(f64, &str, &str)> = old
        .ramp
        .iter()
        .filter_map(|old_step| {
            let users = old.users(old_step)?;
            let new_step = new.ramp.iter().find(|step| new.users(step) == Some(users))?;
            Some((users, *old_step, *new_step))
        })
        .collect();
    common.dedup_by(|a, b| a.0 == b.0);
    let ends: Vec<(f64, &str, &str)> = match common.as_slice() {
        [] => Vec::new(),
        [only] => vec![*only],
        [first, .., last] => vec![*first, *last],
    };
    let differences: Vec<Difference> = ends
        .into_iter()
        .flat_map(|(users, old_step, new_step)| differences(&old, &new, users, old_step, new_step))
        .collect();
    let (verdict_before, verdict_after) = (diagnose(before), diagnose(after));
    let outcome = overall(&differences);
    let sentence = sentence(&verdict_before, &verdict_after, &differences, outcome);
    Comparison {
        before: verdict_before,
        after: verdict_after,
        differences,
        outcome,
        sentence,
    }
}

fn differences(
    old: &View<'_>,
    new: &View<'_>,
    users: f64,
    old_step: &str,
    new_step: &str,
) -> Vec<Difference> {
    let rounds = |view: &View<'_>, step: &str, signal: Signal| -> Vec<f64> {
        view.rounds(step, signal, "")
            .map(|rounds| rounds.values().copied().collect())
            .unwrap_or_default()
    };
    let by_signal = |signal: Signal| (rounds(old, old_step, signal), rounds(new, new_step, signal));
    let measures = [
        ("latency_ms", by_signal(Signal::ClientLatencyMs), false),
        ("p99_ms", by_signal(Signal::ClientP99Ms), false),
        ("rate", (old.rates(old_step), new.rates(new_step)), true),
        (
            "errors",
            (vec![old.error_share(old_step)], vec![new.error_share(new_step)]),
            false,
        ),
    ];
    // The slowest hundredth of fewer than a hundred answers is the slowest one: chance.
    let counts = [(old, old_step), (new, new_step)].map(|(view, step)| rounds(view, step, Signal::ClientOk));
    let has_hundredths = counts.iter().flatten().all(|answers| *answers >= HUNDRED);
    let seed = old.evidence.head.seed;
    measures
        .into_iter()
        .filter(|(measure, ..)| *measure != "p99_ms" || has_hundredths)
        .filter_map(|(measure, (before, after), is_more_better)| {
            let (mean_before, mean_after) = (mean(&before)?, mean(&after)?);
            let ratio = bootstrap(&[&before, &after], seed, |groups| {
                let before = mean(&groups[0])?;
                (before > 0.0).then_some(mean(&groups[1])? / before)
            });
            let outcome = match ratio {
                Some(ratio) => outcome(ratio, is_more_better),
                // Nothing before: errors that are new.
                None if mean_after > mean_before => Outcome::Worse,
                None => Outcome::Same,
            };
            Some(Difference {
                measure: measure.to_owned(),
                users,
                before: mean_before,
                after: mean_after,
                ratio,
                outcome,
            })
        })
        .collect()
}

fn outcome(ratio: Interval, is_more_better: bool) -> Outcome {
    let is_moved = (ratio.mid - 1.0).abs() > DRIFT && !ratio.includes(1.0);
    match (is_moved, (ratio.mid > 1.0) == is_more_better) {
        (false, _) => Outcome::Same,
        (true, true) => Outcome::Better,
        (true, false) => Outcome::Worse,
    }
}

fn overall(differences: &[Difference]) -> Outcome {
    let any = |outcome: Outcome| differences.iter().any(|difference| difference.outcome == outcome);
    match (differences.is_empty(), any(Outcome::Better), any(Outcome::Worse)) {
        (true, _, _) => Outcome::Incomparable,
        (false, true, true) => Outcome::Mixed,
        (false, true, false) => Outcome::Better,
        (false, false, true) => Outcome::Worse,
        (false, false, false) => Outcome::Same,
    }
}

fn sentence(before: &Verdict, after: &Verdict, differences: &[Difference], outcome: Outcome) -> String {
    let last = |measure: &str| {
        differences
            .iter()
            .rev()
            .find(|difference| difference.measure == measure)
    };
    let numbers = match (last("latency_ms"), last("rate")) {
        (Some(latency), Some(rate)) => {
            let digits = |rate: f64| if rate < 10.0 { 2 } else { 0 };
            format!(
                " With {} users, latency went from {:.1} to {:.1} ms and throughput from {:.*} to {:.*} a second.",
                latency.users,
                latency.before,
                latency.after,
                digits(rate.before),
                rate.before,
                digits(rate.after),
                rate.after
            )
        }
        _ => String::new(),
    };
    let opening = match outcome {
        Outcome::Better => "It is better.",
        Outcome::Same => "Nothing changed that these rounds can tell.",
        Outcome::Worse => "It is worse.",
        Outcome::Mixed => "Some of it is better and some is worse.",
        Outcome::Incomparable => "The two have no load in common, so they cannot be compared.",
    };
    let named = |bottleneck: Option<Bottleneck>| {
        bottleneck.map_or("not found".to_owned(), |bottleneck| {
            format!("{} ({})", bottleneck.id(), bottleneck.name())
        })
    };
    let verdicts = if before.bottleneck == after.bottleneck {
        format!(" The bottleneck is still {}.", named(after.bottleneck))
    } else {
        format!(
            " The bottleneck was {}; it is now {}.",
            named(before.bottleneck),
            named(after.bottleneck)
        )
    };
    format!("{opening}{numbers}{verdicts}")
}
