//! P2: the server allows so many streams on a connection, and the client waits for one.

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
    bottleneck: Bottleneck::P2,
    rank: Rank::Ordinary,
    proof: "The client waits for a free stream; the server's SETTINGS name the number (nginx: 128), and as many requests are in the server.",
    confused: "A limit of the pool or of workers: there the client does not wait for a stream of its own.",
    experiment: "Two connections: requests in flight double.",
    advice: "Raise the number of concurrent streams, or let the client open a second connection.",
    claim,
    direct,
    must: &[is_http2],
    supports: &[in_flight_is_streams],
    refutes: &[more_in_flight_than_streams],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, subject| part == Part::StreamWait && subject.is_empty())
}

fn direct(scene: &Scene<'_>) -> Answer {
    let Some(seen) = scene.at_high(Signal::ClientStreamWaitMs, "") else {
        return unseen(Source::Client, "");
    };
    let latency = scene.view.latency(scene.high).unwrap_or(f64::INFINITY);
    answer(
        seen.value >= 0.25 * latency,
        format!(
            "requests wait {:.1} ms of {latency:.1} ms for a free stream",
            seen.value
        ),
        [seen],
    )
}

fn is_http2(scene: &Scene<'_>) -> Answer {
    let is_http1 = scene
        .load()
        .and_then(|load| load.protocol.as_deref())
        .is_some_and(|protocol| protocol != "HTTP/2");
    let words = if is_http1 {
        "HTTP/1 has no streams"
    } else {
        "HTTP/2 was spoken"
    };
    answer(
        !is_http1,
        words.to_owned(),
        scene.at_high(Signal::ClientLatencyMs, ""),
    )
}

fn slots(scene: &Scene<'_>) -> Option<f64> {
    let load = scene.load()?;
    let allowed = scene
        .view
        .fact(Signal::ClientStreamsAllowed, "")
        .map(|seen| seen.value);
    let streams = match (allowed, load.streams.map(f64::from)) {
        (Some(allowed), Some(asked)) => allowed.min(asked),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return None,
    };
    Some(streams * f64::from(load.connections.unwrap_or(1)))
}

fn in_flight_is_streams(scene: &Scene<'_>) -> Answer {
    match (scene.at_high(Signal::AppInFlight, ""), slots(scene)) {
        (Some(seen), Some(slots)) => answer(
            seen.value >= slots * 0.5 && seen.value <= slots * 1.1,
            format!(
                "{:.1} requests are in the server, of {slots:.0} streams",
                seen.value
            ),
            [seen],
        ),
        _ => unseen(Source::Metrics, ""),
    }
}

fn more_in_flight_than_streams(scene: &Scene<'_>) -> Answer {
    match (scene.at_high(Signal::AppInFlight, ""), slots(scene)) {
        (Some(seen), Some(slots)) => answer(
            seen.value > slots * 1.3 + 1.0,
            format!(
                "{:.1} requests are in the server, more than {slots:.0} streams",
                seen.value
            ),
            [seen],
        ),
        _ => unseen(Source::Metrics, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let from = scene.load().and_then(|load| load.connections).unwrap_or(1).max(1);
    let direct = Direct {
        id: "P2-connections",
        bottleneck: Bottleneck::P2,
        class: Class::Client,
        factor: Factor::Connections {
            from,
            to: from.saturating_mul(2),
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: doubled(scene, Bottleneck::P2),
        words: "Twice the connections, each with as many streams.".to_owned(),
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
        more_users(scene, "P2-users", Bottleneck::P2),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec!["http2_max_concurrent_streams 512;".to_owned()]
}
