//! C1: HTTP/1 gives each connection one request at a time, and browsers open six.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, doubled, more_users, unchanged},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::C1,
    rank: Rank::Ordinary,
    proof: "The client's wait for a free connection is more than half of the growth, and the server's own time stays flat.",
    confused: "A pool in the server: there more requests are in the server than the client has connections.",
    experiment: "Twice the connections: throughput doubles (x1.80 to x1.99 was measured), up to the next limit.",
    advice: "Speak HTTP/2 to the browser, which carries many requests on one connection, or fetch many objects with one request.",
    claim,
    direct,
    must: &[is_http1],
    supports: &[in_flight_is_connections],
    refutes: &[more_in_flight_than_connections],
    counters,
    exact: |_| vec!["http2 on;  # nginx 1.25.1 and later; before: listen 443 ssl http2;".to_owned()],
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, _| part == Part::Queued)
}

fn direct(scene: &Scene<'_>) -> Answer {
    let Some(seen) = scene.at_high(Signal::ClientQueuedMs, "") else {
        return unseen(Source::Client, "");
    };
    let latency = scene.view.latency(scene.high).unwrap_or(f64::INFINITY);
    answer(
        seen.value >= 0.25 * latency,
        format!(
            "requests wait {:.1} ms of {latency:.1} ms for a free connection",
            seen.value
        ),
        [seen],
    )
}

fn is_http1(scene: &Scene<'_>) -> Answer {
    let is_http2 = scene
        .load()
        .and_then(|load| load.protocol.as_deref())
        .is_some_and(|protocol| protocol == "HTTP/2");
    let words = if is_http2 {
        "HTTP/2 was spoken"
    } else {
        "one request at a time on each connection"
    };
    answer(
        !is_http2,
        words.to_owned(),
        scene.at_high(Signal::ClientQueuedMs, ""),
    )
}

fn connections(scene: &Scene<'_>) -> Option<u32> {
    scene.load().and_then(|load| load.connections)
}

fn in_flight_is_connections(scene: &Scene<'_>) -> Answer {
    match (scene.at_high(Signal::AppInFlight, ""), connections(scene)) {
        (Some(seen), Some(connections)) => {
            let connections = f64::from(connections);
            answer(
                seen.value >= connections * 0.5 && seen.value <= connections * 1.1,
                format!(
                    "{:.1} requests are in the server, of {connections} connections",
                    seen.value
                ),
                [seen],
            )
        }
        _ => unseen(Source::Metrics, ""),
    }
}

fn more_in_flight_than_connections(scene: &Scene<'_>) -> Answer {
    match (scene.at_high(Signal::AppInFlight, ""), connections(scene)) {
        (Some(seen), Some(connections)) => answer(
            seen.value > f64::from(connections) * 1.3 + 1.0,
            format!(
                "{:.1} requests are in the server, more than {connections} connections",
                seen.value
            ),
            [seen],
        ),
        _ => unseen(Source::Metrics, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let from = connections(scene).unwrap_or(6).max(1);
    let direct = Direct {
        id: "C1-connections",
        bottleneck: Bottleneck::C1,
        class: Class::Client,
        factor: Factor::Connections {
            from,
            to: from.saturating_mul(2),
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: doubled(scene, Bottleneck::C1),
        words: "Twice the connections.".to_owned(),
    };
    let negative = unchanged(
        Measure::Signal {
            signal: Signal::ClientFirstByteMs,
            subject: String::new(),
        },
        "The server's own time does not change.",
    );
    vec![
        direct.counter(negative),
        more_users(scene, "C1-users", Bottleneck::C1),
    ]
}
