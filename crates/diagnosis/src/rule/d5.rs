//! D5: transactions wait for each other to change the same row.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::waits,
    rule::{Direct, Rank, Rule, doubled, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D5,
    rank: Rank::Ordinary,
    proof: "Lock/transactionid, with some Lock/tuple, is 92 to 95 % of the active samples, on the same relation and statement.",
    confused: "The pool: its holders wait for the lock.",
    experiment: "Distinct rows: the growth is gone.",
    advice: "Shorten the transactions that change the row, put changes in a queue that one worker empties (SKIP LOCKED), or add up rows instead of changing one.",
    claim,
    direct,
    must: &[],
    supports: &[one_relation],
    refutes: &[relation_lock],
    counters,
    exact,
};

fn is_row_lock(wait: &str) -> bool {
    matches!(wait, "Lock/transactionid" | "Lock/tuple" | "LWLock/LockManager")
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, subject| part == Part::Database && is_row_lock(subject))
}

fn direct(scene: &Scene<'_>) -> Answer {
    waits(
        scene,
        |wait| matches!(wait, "Lock/transactionid" | "Lock/tuple"),
        0.25,
        "wait for a row that another transaction changed",
    )
}

fn one_relation(scene: &Scene<'_>) -> Answer {
    match scene
        .view
        .subjects(scene.high, Signal::PgBlockedRelation)
        .into_iter()
        .next()
    {
        Some((relation, seen)) => answer(
            seen.value > 0.5,
            format!("{:.1} backends are blocked on {relation}", seen.value),
            [seen],
        ),
        None => unseen(Source::Activity, ""),
    }
}

fn relation_lock(scene: &Scene<'_>) -> Answer {
    waits(
        scene,
        |wait| wait == "Lock/relation",
        0.4,
        "wait for a lock of a whole table",
    )
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "D5-ids",
        bottleneck: Bottleneck::D5,
        class: Class::Client,
        factor: Factor::DistinctIds,
        base: scene.high,
        measure: Measure::Rate,
        predicted: doubled(scene, Bottleneck::D5),
        words: "Every request changes a row of its own.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "D5-connections", Bottleneck::D5),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec!["SELECT id FROM job ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED;".to_owned()]
}
