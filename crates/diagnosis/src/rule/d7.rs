//! D7: transactions are left open while the server does something else.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, between, longer, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D7,
    rank: Rank::Ordinary,
    proof: "Requests wait for a connection, and those who hold one are idle in transaction (92 % were measured).",
    confused: "D1: there the holders are active.",
    experiment: "The transaction closed before the slow call: throughput rises.",
    advice: "Close the transaction before calling anything slow. A timeout finds those that forget.",
    claim,
    direct,
    must: &[],
    supports: &[pool_waits],
    refutes: &[],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, subject| part == Part::IdleInTransaction && subject.is_empty())
}

fn direct(scene: &Scene<'_>) -> Answer {
    let idle = scene
        .attribution
        .as_ref()
        .and_then(|attribution| attribution.idle_in_transaction());
    let Some(idle) = idle else {
        return unseen(Source::Activity, "");
    };
    let seen = scene
        .at_high(Signal::PgIdleInTransaction, "")
        .or_else(|| scene.at_high(Signal::PgIdleInTransactionMs, ""))
        .or_else(|| scene.at_high(Signal::PgActive, ""));
    answer(
        idle >= 0.5,
        format!(
            "of the time that connections are held, {:.0} % is idle in transaction",
            idle * 100.0
        ),
        seen,
    )
}

fn pool_waits(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::AppPoolWaitMs, "") {
        Some(seen) => answer(
            seen.value > 0.0,
            format!("requests wait {:.1} ms for a connection", seen.value),
            [seen],
        ),
        None => unseen(Source::Metrics, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let hold = scene
        .attribution
        .as_ref()
        .and_then(|attribution| attribution.hold_ms)
        .map_or(10.0, |(_, high)| high.max(1.0));
    let close = Direct {
        id: "D7-close",
        bottleneck: Bottleneck::D7,
        class: Class::Reconfigure,
        factor: Factor::LeaveOut {
            what: "idle in transaction".to_owned(),
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: between(1.3, 3.0, 50.0),
        words: "The transaction is closed before the slow call.".to_owned(),
    };
    let delay = Direct {
        id: "D7-delay",
        bottleneck: Bottleneck::D7,
        class: Class::Probe,
        factor: Factor::Delay {
            path: "database".to_owned(),
            ms: (hold * 0.4).max(1.0),
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: longer(hold, (hold * 0.4).max(1.0)),
        words: "Time added in the path to the database lengthens each hold.".to_owned(),
    };
    vec![
        close.counter(None),
        delay.counter(None),
        more_connections(scene, "D7-connections", Bottleneck::D7),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec!["ALTER ROLE app SET idle_in_transaction_session_timeout = '5s';".to_owned()]
}
