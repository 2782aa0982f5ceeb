//! S4: the host gave more CPU than was paid for, until the credits were used up.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    finding::Basis,
    interval::Interval,
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::S4,
    rank: Rank::Specific,
    proof: "At a constant load throughput falls at one moment, while steal rises, the credit balance ends, or a quota begins to hold.",
    confused: "S3: its throttling is there from the beginning. A leak or GC: memory rises.",
    experiment: "No load until credits are back: it recovers.",
    advice: "Use nodes without credits for steady load, keep the pods there by affinity, or plan credits: earned an hour, used an hour.",
    claim,
    direct,
    must: &[not_allowed_to_run],
    supports: &[],
    refutes: &[],
    counters,
    exact,
};

/// What remains after the change, of what was before, at most.
const FALL: f64 = 0.7;
const POINTS_MIN: usize = 6;
/// Rounds of one load on either side of a change.
const ROUNDS_MIN: usize = 2;
/// The share of time in which something held the server after it, at least.
const HELD_MIN: f64 = 0.05;
/// And how many times as much that is as before.
const HELD_MORE: f64 = 2.0;

/// A constant load: before the change, and after it.
struct Fall {
    before: f64,
    after: f64,
    seen: crate::view::Seen,
}

/// The deepest fall at a constant load: within one experiment, or between rounds of the same load at other times.
fn fall(scene: &Scene<'_>) -> Option<Fall> {
    let within = scene.view.natural().filter_map(|id| within(scene, id));
    let between = loads(scene)
        .into_iter()
        .filter_map(|ids| between_rounds(scene, &ids));
    within
        .chain(between)
        .filter(|fall| fall.before > 0.0)
        .min_by(|a, b| (a.after / a.before).total_cmp(&(b.after / b.before)))
}

fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The split that separates best, with so many values on either side at least.
fn split(values: &[f64], side: usize) -> Option<(usize, f64, f64)> {
    (side..=values.len().checked_sub(side)?)
        .map(|at| (at, mean_of(&values[..at]), mean_of(&values[at..])))
        .max_by(|a, b| (a.1 - a.2).total_cmp(&(b.1 - b.2)))
}

fn within(scene: &Scene<'_>, id: &str) -> Option<Fall> {
    let points = scene.view.points(id, Signal::ClientRate, "");
    if points.len() < POINTS_MIN {
        return None;
    }
    let rates: Vec<f64> = points.iter().map(|(_, rate)| *rate).collect();
    let (_, before, after) = split(&rates, (points.len() / 4).max(ROUNDS_MIN))?;
    let seen = scene.view.at(id, Signal::ClientRate, "")?;
    Some(Fall { before, after, seen })
}

/// Experiments of one and the same closed loop: the step of the ramp that the noise floor repeats, and its like.
fn loads<'a>(scene: &Scene<'a>) -> Vec<Vec<&'a str>> {
    let mut loads: Vec<Vec<&'a str>> = Vec::new();
    for id in scene.view.natural() {
        let of = |id: &str| scene.view.experiment(id).map(|experiment| &experiment.load);
        if of(id).is_none_or(|load| load.users.is_none()) {
            continue;
        }
        match loads.iter_mut().find(|ids| of(ids[0]) == of(id)) {
            Some(ids) => ids.push(id),
            None => loads.push(vec![id]),
        }
    }
    loads
}

/// A fall from one round to the next, if there is one: where all that came before is above all that came after, and something begins
/// to hold the server with it: rates alone differ by whatever else the machine did.
fn between_rounds(scene: &Scene<'_>, ids: &[&str]) -> Option<Fall> {
    let mut rounds: Vec<(f64, f64, f64, bool, &str)> = Vec::new();
    for round in scene
        .view
        .evidence
        .rounds
        .iter()
        .filter(|round| round.discarded.is_none())
    {
        let Some(id) = ids.iter().find(|id| **id == round.experiment) else {
            continue;
        };
        let value = |signal: Signal, subject: &str| {
            let rounds = scene.view.rounds(id, signal, subject)?;
            rounds.get(&round.number).copied()
        };
        if let Some(rate) = value(Signal::ClientRate, "")
            && round.duration_ms > 0.0
        {
            let quota = value(Signal::CgroupThrottledMs, "server").map(|ms| ms / round.duration_ms);
            let steal = value(Signal::HostStealShare, "server");
            let held = quota.unwrap_or(0.0).max(steal.unwrap_or(0.0));
            let is_known = quota.is_some() || steal.is_some();
            rounds.push((round.start_ms, rate, held, is_known, id));
        }
    }
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rates: Vec<f64> = rounds.iter().map(|(_, rate, ..)| *rate).collect();
    let held: Vec<f64> = rounds.iter().map(|(_, _, held, ..)| *held).collect();
    if !rounds.iter().any(|(.., is_known, _)| *is_known) {
        return None;
    }
    let (at, before, after) = split(&rates, ROUNDS_MIN)?;
    let least = rates[..at].iter().copied().fold(f64::INFINITY, f64::min);
    let most = rates[at..].iter().copied().fold(0.0, f64::max);
    let (held_before, held_after) = (mean_of(&held[..at]), mean_of(&held[at..]));
    let is_held = held_after >= HELD_MIN && held_after >= HELD_MORE * held_before;
    let seen = scene
        .view
        .at(rounds[at.min(rounds.len() - 1)].4, Signal::ClientRate, "")?;
    if least > most && is_held {
        return Some(Fall { before, after, seen });
    }
    let all = mean_of(&rates);
    Some(Fall {
        before: all,
        after: all,
        seen,
    })
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let Fall { before, after, seen } = fall(scene)?;
    (after <= FALL * before).then(|| Claim {
        share: Interval::exact(1.0),
        basis: Basis::LostThroughput,
        words: format!("all of the fall from {before:.0} to {after:.0} answers a second at a constant load"),
        cites: vec![seen.cite],
    })
}

/// Whether throughput fell in the middle of a constant load.
pub(super) fn changes(scene: &Scene<'_>) -> Answer {
    match fall(scene) {
        Some(Fall { before, after, seen }) => answer(
            after <= FALL * before,
            format!("at a constant load throughput went from {before:.0} to {after:.0} a second"),
            [seen],
        ),
        // Nothing was the same for long enough.
        None => unseen(Source::Client, ""),
    }
}

fn direct(scene: &Scene<'_>) -> Answer {
    changes(scene)
}

fn not_allowed_to_run(scene: &Scene<'_>) -> Answer {
    let steal = scene.view.worst(Signal::HostStealShare, "server");
    let credits = scene
        .view
        .fact(Signal::HostCredits, "server")
        .or_else(|| scene.view.fact(Signal::HostCredits, ""));
    let throttled = scene.view.worst(Signal::CgroupThrottledMs, "server");
    if steal.is_none() && credits.is_none() && throttled.is_none() {
        return unseen(Source::Host, "server");
    }
    let of = |seen: &Option<crate::view::Seen>| seen.as_ref().map_or(0.0, |seen| seen.value);
    let duration = throttled
        .as_ref()
        .and_then(|seen| scene.view.duration_ms(&seen.cite.experiment))
        .unwrap_or(f64::INFINITY);
    let held = of(&throttled) / duration;
    let is_empty = credits.as_ref().is_some_and(|seen| seen.value < 1.0);
    answer(
        of(&steal) >= HELD_MIN || is_empty || held >= HELD_MIN,
        format!(
            "steal is {:.0} %, a quota held the server {:.0} % of the time",
            of(&steal) * 100.0,
            held * 100.0
        ),
        [steal, credits, throttled].into_iter().flatten(),
    )
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "S4-idle",
        bottleneck: Bottleneck::S4,
        class: Class::Client,
        factor: Factor::Idle { seconds: 60.0 },
        base: scene.high,
        measure: Measure::Rate,
        predicted: between(1.2, 1.5, 10.0),
        words: "A minute without load, then the same again.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "S4-connections", Bottleneck::S4),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
