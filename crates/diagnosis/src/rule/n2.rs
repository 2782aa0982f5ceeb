//! N2: the line is full.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::N2,
    rank: Rank::Ordinary,
    proof: "Bytes a second stay the same under growing load, and TCP is busy without being limited by the reader.",
    confused: "P3: there time follows windows. N4: there the reader limits.",
    experiment: "Half the bytes: throughput rises by the ratio.",
    advice: "Compress, or send less.",
    claim,
    direct,
    must: &[],
    supports: &[near_the_limit, queue_stands],
    refutes: &[super::n4::direct, windows_limit],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, _| matches!(part, Part::Transfer | Part::Between))
}

fn bytes_per_second(scene: &Scene<'_>, step: &str) -> Option<f64> {
    let by_counter = || {
        Some(
            scene.view.value(step, Signal::ClientReceivedBytes, "")? / scene.view.duration_ms(step)? * 1000.0,
        )
    };
    by_counter()
        .or_else(|| Some(scene.view.value(step, Signal::ClientBodyBytes, "")? * scene.view.rate(step)?))
}

/// A plateau of small answers is somebody else's.
const BYTES_MIN: f64 = 10_000.0;

fn direct(scene: &Scene<'_>) -> Answer {
    let steps: Vec<(f64, f64)> = scene
        .view
        .ramp
        .iter()
        .filter_map(|step| Some((scene.view.users(step)?, bytes_per_second(scene, step)?)))
        .collect();
    let body = scene
        .at_high(Signal::ClientBodyBytes, "")
        .or_else(|| scene.at_high(Signal::ClientReceivedBytes, ""));
    let (Some(body), Some((last_users, last)), true) = (body, steps.last().copied(), steps.len() >= 2) else {
        return unseen(Source::Client, "");
    };
    let (users, before) = steps[steps.len() - 2];
    let size = scene
        .at_high(Signal::ClientBodyBytes, "")
        .map_or(BYTES_MIN, |seen| seen.value);
    let transfer = scene
        .at_high(Signal::ClientTransferMs, "")
        .map_or(0.0, |seen| seen.value);
    let latency = scene.view.latency(scene.high).unwrap_or(f64::INFINITY);
    answer(
        last_users >= 1.5 * users && last <= 1.1 * before && size >= BYTES_MIN && transfer >= 0.25 * latency,
        format!(
            "{:.2} MB a second with {users:.0} users and {:.2} with {last_users:.0}, in answers of {size:.0} bytes",
            before / 1e6,
            last / 1e6
        ),
        [body],
    )
}

fn near_the_limit(scene: &Scene<'_>) -> Answer {
    let limit = scene
        .view
        .fact(Signal::HostNicLimit, "server")
        .or_else(|| scene.view.fact(Signal::HostNicLimit, ""));
    match (limit, bytes_per_second(scene, scene.high)) {
        (Some(limit), Some(bytes)) => answer(
            bytes >= 0.8 * limit.value,
            format!("{:.2} of {:.2} MB a second", bytes / 1e6, limit.value / 1e6),
            [limit],
        ),
        _ => unseen(Source::Host, "server"),
    }
}

fn queue_stands(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::HostQueueBacklogBytes, "server") {
        Some(seen) => answer(
            seen.value > 0.0,
            format!("{:.0} bytes wait in the queue of the network card", seen.value),
            [seen],
        ),
        None => unseen(Source::Host, "server"),
    }
}

fn windows_limit(scene: &Scene<'_>) -> Answer {
    match (super::p3::RULE.direct)(scene) {
        Answer::Yes(said) => match (super::p3::RULE.must[0])(scene) {
            Answer::Yes(_) => Answer::Yes(said),
            other => other,
        },
        other => other,
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "N2-body",
        bottleneck: Bottleneck::N2,
        class: Class::Client,
        factor: Factor::SmallerBody { to_share: 0.5 },
        base: scene.high,
        measure: Measure::Rate,
        predicted: between(1.5, 1.9, 2.1),
        words: "Half the bytes of each answer.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "N2-connections", Bottleneck::N2),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
