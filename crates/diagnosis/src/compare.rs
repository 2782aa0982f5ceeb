//! Did the fix work? Two evidences of the same target, before and after.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    bottleneck::Bottleneck,
    diagnose,
    evidence::Evidence,
    interval::{Interval, bootstrap, mean},
    scene::ERRORS_MIN,
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

/// With fewer rounds on a side there is no telling how much they differ when nothing does.
const ROUNDS_MIN: usize = 2;

/// Then only what became so many times more or less is believed: rounds of one load have not been seen to differ by it.
const TIMES_AT_ONCE: f64 = 1.5;

/// Standard deviations on both sides of an interval of 90 %.
const NINETY: f64 = 1.645;

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
    // Loads that both had more than one round of, where there are any: one round does not tell how much rounds differ.
    let is_told = |(_, old_step, new_step): &(f64, &str, &str)| {
        latencies(&old, old_step).len() >= ROUNDS_MIN && latencies(&new, new_step).len() >= ROUNDS_MIN
    };
    let is_once = !common.is_empty() && !common.iter().any(is_told);
    common.retain(|step| is_once || is_told(step));
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
    let mut sentence = sentence(&verdict_before, &verdict_after, &differences, outcome);
    if is_once {
        sentence.push_str(
            " At no load have both more than one round, so only what changed by half is believed: a longer --budget has more.",
        );
    }
    Comparison {
        before: verdict_before,
        after: verdict_after,
        differences,
        outcome,
        sentence,
    }
}

fn rounds(view: &View<'_>, step: &str, signal: Signal) -> Vec<f64> {
    view.rounds(step, signal, "")
        .map(|rounds| rounds.values().copied().collect())
        .unwrap_or_default()
}

fn latencies(view: &View<'_>, step: &str) -> Vec<f64> {
    rounds(view, step, Signal::ClientLatencyMs)
}

fn differences(
    old: &View<'_>,
    new: &View<'_>,
    users: f64,
    old_step: &str,
    new_step: &str,
) -> Vec<Difference> {
    let by_signal = |signal: Signal| (rounds(old, old_step, signal), rounds(new, new_step, signal));
    let failures = (old.failures(old_step), new.failures(new_step));
    let measures = [
        ("latency_ms", by_signal(Signal::ClientLatencyMs), false),
        ("p99_ms", by_signal(Signal::ClientP99Ms), false),
        ("rate", (old.rates(old_step), new.rates(new_step)), true),
        ("errors", (shares(&failures.0), shares(&failures.1)), false),
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
            let is_told = before.len() >= ROUNDS_MIN && after.len() >= ROUNDS_MIN;
            let outcome = match ratio {
                _ if measure == "errors" => of_errors(&failures.0, &failures.1, seed),
                Some(ratio) if is_told || is_far(ratio.mid) => outcome(ratio, is_more_better),
                _ => Outcome::Same,
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

/// Of requests, by round.
fn shares(failures: &[(f64, f64)]) -> Vec<f64> {
    failures.iter().map(share).collect()
}

fn share((failed, all): &(f64, f64)) -> f64 {
    if *all > 0.0 {
        (failed / all).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// One failure of many thousand requests is chance, and so are many of one bad round: failures differ if as many more of
/// all requests failed as chance does not explain, and either in each round or by more than noise.
fn of_errors(before: &[(f64, f64)], after: &[(f64, f64)], seed: u64) -> Outcome {
    let total = |failures: &[(f64, f64)]| {
        let sum = failures
            .iter()
            .fold((0.0, 0.0), |sum, (failed, all)| (sum.0 + failed, sum.1 + all));
        (share(&sum), sum.1)
    };
    let ((old, old_requests), (new, new_requests)) = (total(before), total(after));
    let (old_bounds, new_bounds) = (wilson(old, old_requests), wilson(new, new_requests));
    // Newcombe's interval of the difference, from those of both shares.
    let (rises, falls) = (
        new - old > (new - new_bounds.low).hypot(old_bounds.high - old),
        old - new > (old - old_bounds.low).hypot(new_bounds.high - new),
    );
    let is_in_each_round = before.len() >= ROUNDS_MIN
        && after.len() >= ROUNDS_MIN
        && bootstrap(&[&shares(before), &shares(after)], seed, |groups| {
            Some(mean(&groups[1])? - mean(&groups[0])?)
        })
        .is_some_and(|difference| !difference.includes(0.0));
    match (rises, falls, is_in_each_round || old.max(new) >= ERRORS_MIN) {
        (true, _, true) => Outcome::Worse,
        (_, true, true) => Outcome::Better,
        _ => Outcome::Same,
    }
}

/// Wilson's interval of a share of so many.
fn wilson(share: f64, count: f64) -> Interval {
    if count <= 0.0 {
        return Interval {
            low: 0.0,
            mid: share,
            high: 1.0,
        };
    }
    let z2 = NINETY * NINETY;
    let middle = share + z2 / (2.0 * count);
    let reach = NINETY * (share * (1.0 - share) / count + z2 / (4.0 * count * count)).sqrt();
    let bound = |value: f64| (value / (1.0 + z2 / count)).clamp(0.0, 1.0);
    Interval {
        low: bound(middle - reach),
        mid: share,
        high: bound(middle + reach),
    }
}

fn is_far(ratio: f64) -> bool {
    !(1.0 / TIMES_AT_ONCE..=TIMES_AT_ONCE).contains(&ratio)
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
