//! S5: memory is short: pages are swapped, the collector runs, or processes are killed.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, circumstance, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::S5,
    rank: Rank::Ordinary,
    proof: "Memory pressure, major faults, kills, or pauses of the collector. Hits of the memory limit alone are reason to suspect it, if a request has more of them than at low load.",
    confused: "Disk I/O: there memory is not under pressure. A cache of files at the limit: its pages are dropped and nobody waits.",
    experiment: "Twice the limit: the stalls vanish.",
    advice: "Bound what each request keeps in memory, then raise the limit.",
    claim,
    direct,
    must: &[],
    supports: &[],
    refutes: &[],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let is_short = matches!(pressed(scene), Answer::Yes(_));
    scene.growth(|part, _| match part {
        Part::Gc => true,
        Part::Rest | Part::Between | Part::Server | Part::AppQueue | Part::DatabaseGap | Part::Serialise => {
            is_short
        }
        _ => false,
    })
}

const PRESSURE_MIN: f64 = 0.05;
const FAULTS_EACH_MIN: f64 = 0.1;
/// Hits of the limit in a round. The kernel makes room at the limit by dropping pages of files that nobody misses, at any
/// load: hits alone are no stall.
const FAILURES_MIN: f64 = 10.0;
/// So many times the hits a request at low load: a cache of files takes as many for each request as before.
const FAILURES_GROW: f64 = 3.0;

fn pressed(scene: &Scene<'_>) -> Answer {
    let kills = scene.view.worst(Signal::CgroupOomKills, "server");
    let failures = scene.at_high(Signal::CgroupMemoryFailures, "server");
    let full = scene.per_ms(Signal::CgroupMemoryFullMs, "server");
    let host = scene.at_high(Signal::PressureMemoryShare, "server");
    let faults = scene.each(Signal::ProcessFaults, "server");
    if kills.is_none() && failures.is_none() && full.is_none() && host.is_none() && faults.is_none() {
        return unseen(Source::Cgroup, "server");
    }
    let of = |seen: &Option<crate::view::Seen>| seen.as_ref().map_or(0.0, |seen| seen.value);
    let share = full.as_ref().map_or(of(&host), |(share, _)| *share);
    let each = faults.as_ref().map_or(0.0, |(each, _)| *each);
    let is_stalled = of(&kills) >= 1.0 || share >= PRESSURE_MIN || each >= FAULTS_EACH_MIN;
    let words = format!(
        "{:.0} kills, {:.0} hits of the memory limit, {:.0} % of the time under memory pressure, {each:.2} major faults a request",
        of(&kills),
        of(&failures),
        share * 100.0
    );
    let is_hit_more = of(&failures) >= FAILURES_MIN && hits_grow(scene);
    let seen = [
        kills,
        failures,
        full.map(|(_, seen)| seen),
        host,
        faults.map(|(_, seen)| seen),
    ];
    let seen = seen.into_iter().flatten();
    if is_stalled {
        return answer(true, words, seen);
    }
    circumstance(is_hit_more, words, seen)
}

/// Whether a request hits the limit more often than one did at low load.
fn hits_grow(scene: &Scene<'_>) -> bool {
    let each = |step: &str| {
        let hits = scene.view.value(step, Signal::CgroupMemoryFailures, "server")?;
        Some(hits / scene.view.answers(step)?)
    };
    match (each(scene.low), each(scene.high)) {
        (Some(low), Some(high)) => high >= FAILURES_GROW * low,
        _ => false,
    }
}

fn direct(scene: &Scene<'_>) -> Answer {
    let latency = scene.view.latency(scene.high).unwrap_or(f64::INFINITY);
    match scene.at_high(Signal::AppGcMs, "") {
        Some(seen) if seen.value >= 0.2 * latency => answer(
            true,
            format!(
                "the collector pauses {:.1} ms a request, of {latency:.1} ms",
                seen.value
            ),
            [seen],
        ),
        gc => match (pressed(scene), gc) {
            (Answer::Unseen(_), Some(seen)) => answer(
                false,
                format!(
                    "the collector pauses {:.1} ms a request, of {latency:.1} ms",
                    seen.value
                ),
                [seen],
            ),
            (pressed, _) => pressed,
        },
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "S5-memory",
        bottleneck: Bottleneck::S5,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "server.memory".to_owned(),
            times: 2.0,
        },
        base: scene.high,
        measure: Measure::Latency,
        predicted: between(0.1, 0.5, 0.9),
        words: "Twice the memory.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "S5-connections", Bottleneck::S5),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
