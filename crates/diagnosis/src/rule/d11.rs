//! D11: every commit waits until its WAL is on disk.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::waits,
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene},
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D11,
    rank: Rank::Ordinary,
    proof: "IO/WALSync in one backend, and LWLock/WALWrite in all others that commit.",
    confused: "Other locks: the wait has another name.",
    experiment: "synchronous_commit off for one connection: throughput rises.",
    advice: "Commit many changes together, put WAL on a faster disk, or give up synchronous commit where a lost second is allowed.",
    claim,
    direct,
    must: &[],
    supports: &[],
    refutes: &[],
    counters,
    exact,
};

fn is_wal(wait: &str) -> bool {
    matches!(
        wait,
        "IO/WALSync" | "IO/WalSync" | "IO/WALWrite" | "IO/WalWrite" | "LWLock/WALWrite" | "LWLock/WALInsert"
    )
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    // A commit is none of the statements that the database counts.
    let is_waiting = matches!(direct(scene), Answer::Yes(_));
    scene.growth_or_standing(|part, subject| match part {
        Part::Database => is_wal(subject),
        Part::DatabaseGap => is_waiting,
        _ => false,
    })
}

fn direct(scene: &Scene<'_>) -> Answer {
    waits(scene, is_wal, 0.25, "wait for WAL to be on disk")
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "D11-commit",
        bottleneck: Bottleneck::D11,
        class: Class::DatabaseConnection,
        factor: Factor::SynchronousCommitOff,
        base: scene.high,
        measure: Measure::Rate,
        predicted: between(1.2, 2.0, 20.0),
        words: "Commits do not wait for the disk.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "D11-connections", Bottleneck::D11),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec![
        "SET LOCAL synchronous_commit = off;".to_owned(),
        "ALTER SYSTEM SET commit_delay = 1000;  -- microseconds".to_owned(),
    ]
}
