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

/// The deepest fall between the first and the second part of a constant load.
fn fall(scene: &Scene<'_>) -> Option<(f64, f64, crate::view::Seen)> {
    let falls = scene.view.natural().filter_map(|id| {
        let points = scene.view.points(id, Signal::ClientRate, "");
        if points.len() < POINTS_MIN {
            return None;
        }
        // The split that separates best, with a third of the points on either side at least.
        let third = points.len() / 3;
        let mean =
            |points: &[(f64, f64)]| points.iter().map(|(_, rate)| rate).sum::<f64>() / points.len() as f64;
        let (before, after) = (third..=points.len() - third)
            .map(|split| (mean(&points[..split]), mean(&points[split..])))
            .max_by(|a, b| (a.0 - a.1).total_cmp(&(b.0 - b.1)))?;
        Some((before, after, scene.view.at(id, Signal::ClientRate, "")?))
    });
    falls
        .filter(|(before, ..)| *before > 0.0)
        .min_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)))
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let (before, after, seen) = fall(scene)?;
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
        Some((before, after, seen)) => answer(
            after <= FALL * before,
            format!("at a constant load throughput went from {before:.0} to {after:.0} a second"),
            [seen],
        ),
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
        of(&steal) >= 0.05 || is_empty || held >= 0.05,
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
