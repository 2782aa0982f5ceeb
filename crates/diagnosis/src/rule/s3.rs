//! S3: a CPU quota holds the server, and its own timers blame whoever it was waiting for.

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
    bottleneck: Bottleneck::S3,
    rank: Rank::Ordinary,
    proof: "The server's cgroup is throttled, and latency times the throttled share of wall time is the growth.",
    confused: "A slow database: the database's own statistics stay flat. GC pauses: their metric. S4: it begins in the middle of a constant load.",
    experiment: "Twice the quota: throughput rises (368 to 655 a second were measured) and latency falls.",
    advice: "Raise or drop the CPU limit of the server, or allow bursts.",
    claim,
    direct,
    must: &[],
    supports: &[statements_are_flat, periods_are_throttled],
    refutes: &[begins_in_the_middle],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, subject| part == Part::Throttled && subject == "server")
}

fn direct(scene: &Scene<'_>) -> Answer {
    super::d9b::throttled(scene, "server")
}

fn statements_are_flat(scene: &Scene<'_>) -> Answer {
    let side = |step: &str| crate::attribution::part::side_ms(&scene.view, step);
    match (side(scene.low), side(scene.high)) {
        (Some(low), Some(high)) => answer(
            high <= low * 1.25 + 0.5,
            format!(
                "by the database's own count a request takes {low:.1} ms at low load and {high:.1} at high load"
            ),
            scene.at_high(Signal::PgActive, "").or_else(|| {
                scene
                    .statements(scene.high)
                    .into_iter()
                    .next()
                    .map(|statement| statement.seen)
            }),
        ),
        _ => unseen(Source::Statements, ""),
    }
}

fn periods_are_throttled(scene: &Scene<'_>) -> Answer {
    match (
        scene.at_high(Signal::CgroupThrottledPeriods, "server"),
        scene.at_high(Signal::CgroupPeriods, "server"),
    ) {
        (Some(throttled), Some(periods)) => answer(
            throttled.value >= 0.1 * periods.value,
            format!(
                "{:.0} of {:.0} periods were throttled",
                throttled.value, periods.value
            ),
            [throttled, periods],
        ),
        _ => unseen(Source::Cgroup, "server"),
    }
}

fn begins_in_the_middle(scene: &Scene<'_>) -> Answer {
    super::s4::changes(scene)
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "S3-quota",
        bottleneck: Bottleneck::S3,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "server.cpu".to_owned(),
            times: 2.0,
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: doubled(scene, Bottleneck::S3),
        words: "Twice the quota.".to_owned(),
    };
    vec![
        direct.counter(unchanged(
            Measure::Signal {
                signal: Signal::AppStatements,
                subject: String::new(),
            },
            "As many statements a request as before.",
        )),
        more_connections(scene, "S3-connections", Bottleneck::S3),
    ]
}

fn exact(scene: &Scene<'_>) -> Vec<String> {
    super::d9b::quota(scene, "server")
}
