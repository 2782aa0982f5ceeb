//! N1: the way is long: every round trip costs the same, at any load.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    finding::Basis,
    interval::Interval,
    line,
    rule::{Direct, Rank, Rule, between, more_users},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::N1,
    rank: Rank::Ordinary,
    proof: "The smallest round trip is large, and latency is a few of them, without growth.",
    confused: "A slow server: its own histogram is not short.",
    experiment: "The probe from the same host: the offset is gone.",
    advice: "Keep connections alive so that a request is one round trip, or bring client and server closer.",
    claim,
    direct,
    must: &[],
    supports: &[server_is_short],
    refutes: &[],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let rtt = line::round_trip(&scene.view, "")?;
    let attribution = scene.attribution.as_ref().filter(|_| !scene.is_troubled)?;
    // Connect is a round trip, TLS one or two, the answer one; what is beyond them is somebody else's.
    let trips = [
        (Part::Connect, 1.0),
        (Part::Tls, 2.0),
        (Part::Between, 1.0),
        (Part::Server, 1.0),
    ];
    let spent: f64 = trips
        .iter()
        .map(|(part, most)| {
            attribution
                .ms(*part)
                .1
                .max(0.0)
                .min(most * rtt.value.max(0.0) * 1.1)
        })
        .sum();
    let share = (spent / attribution.high_ms).clamp(0.0, 1.0);
    Some(Claim {
        share: Interval::exact(share),
        basis: Basis::Standing,
        words: format!(
            "{:.0} % of a latency of {:.1} ms, at any load",
            share * 100.0,
            attribution.high_ms
        ),
        cites: vec![rtt.cite],
    })
}

const FAR_MS: f64 = 5.0;

fn direct(scene: &Scene<'_>) -> Answer {
    match line::round_trip(&scene.view, "") {
        Some(seen) => answer(
            seen.value >= FAR_MS,
            format!("the smallest round trip is {:.1} ms", seen.value),
            [seen],
        ),
        None => unseen(Source::Tcp, ""),
    }
}

fn server_is_short(scene: &Scene<'_>) -> Answer {
    let latency = scene.view.latency(scene.high).unwrap_or(f64::INFINITY);
    match scene.at_high(Signal::AppHandlerMs, "") {
        Some(seen) => answer(
            seen.value < 0.5 * latency,
            format!("the server itself takes {:.1} ms of {latency:.1} ms", seen.value),
            [seen],
        ),
        None => unseen(Source::Metrics, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "N1-host",
        bottleneck: Bottleneck::N1,
        class: Class::Probe,
        factor: Factor::SameHost,
        base: scene.high,
        measure: Measure::Latency,
        predicted: between(0.02, 0.3, 0.7),
        words: "The probe from the same host.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_users(scene, "N1-users", Bottleneck::N1),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
