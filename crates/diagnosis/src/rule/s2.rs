//! S2: one thread or one lock of the server does all the work, one after another.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, doubled, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::S2,
    rank: Rank::Ordinary,
    proof: "One thread near 100 % while the process uses less than 1.3 cores; or little CPU, and waiting for a lock is most of the growth (97 to 99 % were measured).",
    confused: "S1 and D1: more cores or more database connections change nothing here.",
    experiment: "A second instance: throughput doubles. More cores: nothing.",
    advice: "Split the lock or the work of the thread, or run more instances.",
    claim,
    direct,
    must: &[],
    supports: &[waits_in_futex, server_is_idle],
    refutes: &[throttled],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let is_hot = matches!(hot_thread(scene), Answer::Yes(_));
    scene.growth(|part, subject| match part {
        Part::Lock => true,
        Part::WaitingForCpu => is_hot && subject == "server",
        Part::Rest | Part::Between | Part::AppQueue | Part::Server | Part::Serialise | Part::DatabaseGap => {
            is_hot
        }
        _ => false,
    })
}

const HOT: f64 = 0.9;
const CORES_MAX: f64 = 1.3;

/// One thread has a whole core, and more cores are there that the server does not use.
pub(super) fn hot_thread(scene: &Scene<'_>) -> Answer {
    match (
        scene.at_high(Signal::ProcessBusiestShare, "server"),
        scene.cores_busy("server"),
    ) {
        (Some(busiest), Some((busy, seen))) => {
            let cores = scene
                .view
                .fact(Signal::ProcessCores, "server")
                .map_or(2.0, |seen| seen.value);
            answer(
                busiest.value >= HOT && busy < CORES_MAX && cores >= 1.5,
                format!(
                    "the busiest thread uses {:.0} % of a core and the server {busy:.2} of {cores:.0} cores",
                    busiest.value * 100.0
                ),
                [busiest, seen],
            )
        }
        _ => unseen(Source::Process, "server"),
    }
}

fn direct(scene: &Scene<'_>) -> Answer {
    let latency = scene.view.latency(scene.high).unwrap_or(f64::INFINITY);
    match scene.at_high(Signal::AppLockMs, "") {
        Some(seen) if seen.value >= 0.25 * latency => answer(
            true,
            format!(
                "requests wait {:.1} ms of {latency:.1} ms for a lock in the server",
                seen.value
            ),
            [seen],
        ),
        lock => match (hot_thread(scene), lock) {
            (Answer::Unseen(_), Some(seen)) => answer(
                false,
                format!(
                    "requests wait {:.1} ms of {latency:.1} ms for a lock in the server",
                    seen.value
                ),
                [seen],
            ),
            (hot, _) => hot,
        },
    }
}

fn waits_in_futex(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::ProcessFutexShare, "server") {
        Some(seen) => answer(
            seen.value >= 0.3,
            format!(
                "{:.0} % of its threads' samples wait in a futex",
                seen.value * 100.0
            ),
            [seen],
        ),
        None => unseen(Source::Process, "server"),
    }
}

fn server_is_idle(scene: &Scene<'_>) -> Answer {
    match scene.cores_busy("server") {
        Some((busy, seen)) => answer(
            busy < CORES_MAX,
            format!("the server uses {busy:.2} cores"),
            [seen],
        ),
        None => unseen(Source::Process, "server"),
    }
}

fn throttled(scene: &Scene<'_>) -> Answer {
    super::d9b::throttled(scene, "server")
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "S2-instances",
        bottleneck: Bottleneck::S2,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "server.instances".to_owned(),
            times: 2.0,
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: doubled(scene, Bottleneck::S2),
        words: "A second instance.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "S2-connections", Bottleneck::S2),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
