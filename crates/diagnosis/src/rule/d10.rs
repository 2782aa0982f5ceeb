//! D10: the database reads from a disk that is slower than its queries are many.

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
    bottleneck: Bottleneck::D10,
    rank: Rank::Ordinary,
    proof: "IO/DataFileRead is most of the active samples, and blocks are read from outside shared buffers.",
    confused: "A cold cache: gone in the second round.",
    experiment: "The same again, warm, or with larger shared buffers: gone.",
    advice: "An index that reads less, or more memory for shared buffers.",
    claim,
    direct,
    must: &[],
    supports: &[plan_reads, blocks_are_read],
    refutes: &[warms_up],
    counters,
    exact,
};

pub(super) fn is_read(wait: &str) -> bool {
    matches!(
        wait,
        "IO/DataFileRead" | "IO/DataFilePrefetch" | "LWLock/BufferIO" | "IPC/BufferIO" | "BufferIO"
    )
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth_or_standing(|part, subject| part == Part::Database && is_read(subject))
}

fn direct(scene: &Scene<'_>) -> Answer {
    waits(scene, is_read, 0.25, "wait for a read from disk")
}

fn plan_reads(scene: &Scene<'_>) -> Answer {
    let slowest = scene.view.fact_subjects(Signal::PlanReadMs).into_iter().next();
    match slowest.and_then(|(query, read)| Some((read, scene.view.fact(Signal::PlanRunMs, query)?))) {
        Some((read, run)) => answer(
            read.value >= 0.5 * run.value,
            format!("of {:.0} ms of a plan {:.0} are reads", run.value, read.value),
            [read, run],
        ),
        None => unseen(Source::Plans, ""),
    }
}

fn blocks_are_read(scene: &Scene<'_>) -> Answer {
    match scene.each(Signal::PgBlocksRead, "") {
        Some((each, seen)) => answer(
            each >= 1.0,
            format!("{each:.1} blocks are read from disk for each request"),
            [seen],
        ),
        None => unseen(Source::Statistics, ""),
    }
}

fn warms_up(scene: &Scene<'_>) -> Answer {
    let rounds = scene.view.rounds(scene.high, Signal::ClientLatencyMs, "");
    let (Some(rounds), Some(seen)) = (rounds, scene.at_high(Signal::ClientLatencyMs, "")) else {
        return unseen(Source::Client, "");
    };
    match (rounds.values().next(), rounds.values().last()) {
        (Some(first), Some(last)) if rounds.len() >= 2 => answer(
            *last < 0.5 * first,
            format!("the last round takes {last:.1} ms, the first {first:.1}: a cold cache"),
            [seen],
        ),
        _ => unseen(Source::Client, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "D10-buffers",
        bottleneck: Bottleneck::D10,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "database.shared_buffers".to_owned(),
            times: 4.0,
        },
        base: scene.high,
        measure: Measure::Latency,
        predicted: between(0.05, 0.3, 0.8),
        words: "Four times the shared buffers.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "D10-connections", Bottleneck::D10),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec!["ALTER SYSTEM SET shared_buffers = '4GB';  -- a quarter of memory; needs a restart".to_owned()]
}
