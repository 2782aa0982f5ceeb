//! D6: somebody locks a whole table, mostly to change its form.

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
    bottleneck: Bottleneck::D6,
    rank: Rank::Ordinary,
    proof: "Lock/relation, and the blocker holds AccessExclusiveLock.",
    confused: "A restart: there connections are lost.",
    experiment: "The blocker ends: it recovers at once.",
    advice: "Set lock_timeout before changing a table, and use the concurrent forms of DDL.",
    claim,
    direct,
    must: &[],
    supports: &[blocker_is_exclusive],
    refutes: &[],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene
        .growth(|part, subject| part == Part::Database && subject == "Lock/relation")
        .or_else(|| {
            scene
                .errors(&[
                    (Signal::ClientTimeouts, ""),
                    (Signal::ClientStatus, "504"),
                    (Signal::ClientStatus, "503"),
                ])
                .filter(|_| matches!(direct(scene), Answer::Yes(_)))
        })
}

fn direct(scene: &Scene<'_>) -> Answer {
    waits(
        scene,
        |wait| wait == "Lock/relation",
        0.25,
        "wait for a lock of a whole table",
    )
}

fn blocker_is_exclusive(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::PgBlocked, "AccessExclusiveLock") {
        Some(seen) => answer(
            seen.value > 0.1,
            format!("{:.1} backends are blocked by an AccessExclusiveLock", seen.value),
            [seen],
        ),
        None => unseen(Source::Activity, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "D6-blocker",
        bottleneck: Bottleneck::D6,
        class: Class::DatabaseConnection,
        factor: Factor::BlockerEnds,
        base: scene.high,
        measure: Measure::Rate,
        predicted: between(1.3, 3.0, 1000.0),
        words: "The blocker ends.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "D6-connections", Bottleneck::D6),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec![
        "SET lock_timeout = '2s';".to_owned(),
        "SELECT pg_blocking_pids(pid), pid, query FROM pg_stat_activity WHERE wait_event_type = 'Lock';"
            .to_owned(),
    ]
}
