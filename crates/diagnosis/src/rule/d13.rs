//! D13: so many backends work at once that they wait for each other's inner locks.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::waits,
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D13,
    rank: Rank::Ordinary,
    proof: "LWLock is a large share of active samples, or throughput falls as more backends work.",
    confused: "D9: there throughput stays, and does not fall.",
    experiment: "Half the pool: throughput rises.",
    advice: "A smaller pool, or a pooler such as pgbouncer before the database: two to three times its cores are enough.",
    claim,
    direct,
    must: &[],
    supports: &[throughput_falls],
    refutes: &[],
    counters,
    exact,
};

fn is_inner(wait: &str) -> bool {
    wait.starts_with("LWLock/") && !matches!(wait, "LWLock/WALWrite" | "LWLock/WALInsert" | "LWLock/BufferIO")
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, subject| part == Part::Database && is_inner(subject))
}

fn direct(scene: &Scene<'_>) -> Answer {
    waits(scene, is_inner, 0.2, "wait for an inner lock")
}

fn throughput_falls(scene: &Scene<'_>) -> Answer {
    let rates: Vec<f64> = scene
        .view
        .ramp
        .iter()
        .filter_map(|step| scene.view.rate(step))
        .collect();
    let most = rates.iter().copied().fold(0.0, f64::max);
    match rates.last() {
        Some(last) => answer(
            *last < 0.9 * most,
            format!("throughput falls from {most:.0} to {last:.0} a second as users are added"),
            scene.at_high(Signal::ClientLatencyMs, ""),
        ),
        None => unseen(Source::Client, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "D13-pool",
        bottleneck: Bottleneck::D13,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "pool".to_owned(),
            times: 0.5,
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: between(1.05, 1.3, 5.0),
        words: "Half the pool: throughput rises.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "D13-connections", Bottleneck::D13),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
