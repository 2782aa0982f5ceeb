//! D9b: a CPU quota holds the database, and its own statistics do not see it.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, doubled, more_connections, unchanged},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D9b,
    rank: Rank::Ordinary,
    proof: "The database's cgroup is throttled. Statements and wait samples are blind to it: the gap between what the server and the database count is 89 to 96 % of the growth.",
    confused: "The network to the database: its round trip is constant. S3: whose counters moved.",
    experiment: "Twice the quota: throughput rises and the gap shrinks.",
    advice: "Raise or drop the CPU limit of the database.",
    claim,
    direct,
    must: &[],
    supports: &[gap_grew, statements_are_blind],
    refutes: &[],
    counters,
    exact,
};

/// Less of wall time than this is no cause.
pub(super) const THROTTLED_MIN: f64 = 0.05;

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, subject| part == Part::Throttled && subject == "database")
}

pub(super) fn direct(scene: &Scene<'_>) -> Answer {
    throttled(scene, "database")
}

/// Whether a party's quota held it for a part of the time that matters.
pub(super) fn throttled(scene: &Scene<'_>, party: &'static str) -> Answer {
    match scene.throttled(party) {
        Some((share, seen)) => answer(
            share >= THROTTLED_MIN,
            format!(
                "its quota held the {party} for {:.1} % of the time",
                share * 100.0
            ),
            [seen],
        ),
        None => unseen(Source::Cgroup, party),
    }
}

fn gap_grew(scene: &Scene<'_>) -> Answer {
    match (
        scene.at_low(Signal::AppDbMs, ""),
        scene.at_high(Signal::AppDbMs, ""),
    ) {
        (Some(low), Some(high)) => answer(
            high.value > low.value * 1.3,
            format!(
                "database time went from {:.1} to {:.1} ms by the server's count",
                low.value, high.value
            ),
            [low, high],
        ),
        _ => unseen(Source::Metrics, ""),
    }
}

fn statements_are_blind(scene: &Scene<'_>) -> Answer {
    let side = |step: &str| crate::attribution::part::side_ms(&scene.view, step);
    match (
        side(scene.low),
        side(scene.high),
        scene.at_high(Signal::AppDbMs, ""),
    ) {
        (Some(low), Some(high), Some(by_server)) => answer(
            high < by_server.value * 0.5,
            format!(
                "by its own count the database went from {low:.1} to {high:.1} ms a request, by the server's it takes {:.1}",
                by_server.value
            ),
            [by_server],
        ),
        _ => unseen(Source::Statements, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let quota = Direct {
        id: "D9b-quota",
        bottleneck: Bottleneck::D9b,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "database.cpu".to_owned(),
            times: 2.0,
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: doubled(scene, Bottleneck::D9b),
        words: "Twice the database's quota.".to_owned(),
    };
    vec![
        quota.counter(unchanged(
            Measure::Signal {
                signal: Signal::AppStatements,
                subject: String::new(),
            },
            "As many statements a request as before.",
        )),
        more_connections(scene, "D9b-connections", Bottleneck::D9b),
    ]
}

fn exact(scene: &Scene<'_>) -> Vec<String> {
    quota(scene, "database")
}

/// The setting of cgroup v2 and v1 for twice the quota.
pub(super) fn quota(scene: &Scene<'_>, party: &str) -> Vec<String> {
    let Some(quota) = scene.view.fact(Signal::CgroupQuotaCores, party) else {
        return Vec::new();
    };
    let micros = quota.value * 2.0 * 100_000.0;
    vec![
        format!("echo '{micros:.0} 100000' > cpu.max                 # cgroup v2"),
        format!("echo {micros:.0} > cpu.cfs_quota_us                # cgroup v1"),
        format!(
            "resources.limits.cpu: {:.0}m                       # Kubernetes",
            quota.value * 2000.0
        ),
    ]
}
