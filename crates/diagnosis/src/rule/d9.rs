//! D9: the database has no CPU left.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::cores_are_full,
    rule::{Direct, Rank, Rule, doubled, more_connections, nothing_exact},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D9,
    rank: Rank::Ordinary,
    proof: "The database uses all its cores, more backends are active without a wait than it has cores, and all statements take longer.",
    confused: "D9b, a quota: its cgroup counts throttled periods. D2: one statement takes longer, not all.",
    experiment: "Twice the database's cores: throughput rises. A larger pool: it stays.",
    advice: "Make the most expensive statement cheaper, or give the database more cores. A larger pool does not help.",
    claim,
    direct,
    must: &[],
    supports: &[more_active_than_cores, all_statements_slower],
    refutes: &[super::d9b::direct],
    counters,
    exact: nothing_exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    // Who waits for a connection to a saturated database waits for its CPU.
    scene.growth(|part, subject| match part {
        Part::Database => subject.is_empty() || subject == "CPU",
        Part::WaitingForCpu => subject == "database",
        Part::DatabaseGap | Part::DatabaseByServer | Part::PoolSize => true,
        _ => false,
    })
}

pub(super) fn direct(scene: &Scene<'_>) -> Answer {
    cores_are_full(scene, "database")
}

fn more_active_than_cores(scene: &Scene<'_>) -> Answer {
    match (
        scene.at_high(Signal::PgActiveWait, "CPU"),
        scene.view.fact(Signal::ProcessCores, "database"),
    ) {
        (Some(active), Some(cores)) => answer(
            active.value > cores.value,
            format!("{:.1} backends want a CPU, of {:.1}", active.value, cores.value),
            [active],
        ),
        _ => unseen(Source::Activity, ""),
    }
}

fn all_statements_slower(scene: &Scene<'_>) -> Answer {
    let before = scene.statements(scene.low);
    let after = scene.statements(scene.high);
    let ratios: Vec<f64> = after
        .iter()
        .filter_map(|after| {
            let before = before.iter().find(|before| before.query == after.query)?;
            (before.mean_ms > 0.0).then(|| after.mean_ms / before.mean_ms)
        })
        .collect();
    if ratios.is_empty() {
        return unseen(Source::Statements, "");
    }
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    answer(
        least >= 1.3,
        format!("every statement takes at least {least:.1} times as long"),
        after.into_iter().map(|statement| statement.seen),
    )
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let cores = Direct {
        id: "D9-cores",
        bottleneck: Bottleneck::D9,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "database.cpu".to_owned(),
            times: 2.0,
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: doubled(scene, Bottleneck::D9),
        words: "Twice the database's cores.".to_owned(),
    };
    vec![
        cores.counter(None),
        more_connections(scene, "D9-connections", Bottleneck::D9),
    ]
}
