//! S1: the server has no CPU left.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::cores_are_full,
    rule::{Direct, Rank, Rule, doubled, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::S1,
    rank: Rank::Ordinary,
    proof: "The server uses all cores that it may, its threads wait for a CPU, and the database stays flat.",
    confused: "A quota: its cgroup counts throttled periods. One hot thread: see S2. Steal: /proc/stat.",
    experiment: "Twice the cores: throughput about doubles.",
    advice: "Profile the server and make the hottest path cheaper, or give it more cores or instances.",
    claim,
    direct,
    must: &[],
    supports: &[threads_wait, database_is_flat],
    refutes: &[throttled, one_hot_thread, generator_is_unwell],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, subject| match part {
        Part::WaitingForCpu => subject == "server",
        Part::Rest | Part::Between | Part::AppQueue | Part::Server | Part::Serialise | Part::DatabaseGap => {
            true
        }
        _ => false,
    })
}

pub(super) fn direct(scene: &Scene<'_>) -> Answer {
    cores_are_full(scene, "server")
}

fn threads_wait(scene: &Scene<'_>) -> Answer {
    let seen = scene
        .at_high(Signal::ProcessDelayShare, "server")
        .or_else(|| scene.at_high(Signal::PressureCpuShare, "server"));
    match seen {
        Some(seen) => answer(
            seen.value >= 0.1,
            format!(
                "its threads wait {:.0} % of the time for a CPU",
                seen.value * 100.0
            ),
            [seen],
        ),
        None => unseen(Source::Process, "server"),
    }
}

fn database_is_flat(scene: &Scene<'_>) -> Answer {
    let share = scene.attribution.as_ref().map_or(0.0, |attribution| {
        attribution.share(|part, _| part == Part::Database)
    });
    match scene
        .at_high(Signal::AppDbMs, "")
        .or_else(|| scene.at_high(Signal::PgActive, ""))
    {
        Some(seen) => answer(
            share < 0.25,
            format!("the database makes {:.0} % of the growth", share * 100.0),
            [seen],
        ),
        None => unseen(Source::Activity, ""),
    }
}

fn throttled(scene: &Scene<'_>) -> Answer {
    super::d9b::throttled(scene, "server")
}

fn one_hot_thread(scene: &Scene<'_>) -> Answer {
    super::s2::hot_thread(scene)
}

fn generator_is_unwell(scene: &Scene<'_>) -> Answer {
    super::c2::direct(scene)
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "S1-cores",
        bottleneck: Bottleneck::S1,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "server.cpu".to_owned(),
            times: 2.0,
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: doubled(scene, Bottleneck::S1),
        words: "Twice the cores.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "S1-connections", Bottleneck::S1),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
