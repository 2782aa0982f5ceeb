//! N3: packets are lost, and each loss costs a timeout.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, between, more_users},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::N3,
    rank: Rank::Ordinary,
    proof: "Segments are sent again (one in a hundred or more), and latency has steps of the retransmission timeout, 200 ms and more.",
    confused: "P7: there ListenDrops rise.",
    experiment: "The same probe on the other side of the suspected link: nothing is sent again.",
    advice: "Find and mend the link: cable, duplex, shaper, or a queue that is too short.",
    claim,
    direct,
    must: &[],
    supports: &[steps],
    refutes: &[super::p7::direct],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth_or_standing(|part, _| {
        matches!(
            part,
            Part::Between | Part::Transfer | Part::Connect | Part::Server | Part::Queued | Part::StreamWait
        )
    })
}

const LOST_MIN: f64 = 0.01;

fn direct(scene: &Scene<'_>) -> Answer {
    let again = scene
        .at_high(Signal::TcpRetransmits, "")
        .or_else(|| scene.at_high(Signal::TcpRetransmits, "server"));
    let Some(again) = again else {
        return unseen(Source::Tcp, "");
    };
    let sent = scene
        .at_high(Signal::TcpSegments, &again.cite.subject)
        .map(|seen| seen.value)
        .or_else(|| scene.view.answers(scene.high))
        .unwrap_or(f64::INFINITY);
    answer(
        again.value >= LOST_MIN * sent,
        format!("{:.0} of {sent:.0} segments were sent again", again.value),
        [again],
    )
}

fn steps(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::TcpRetransmitPileShare, "") {
        Some(seen) => answer(
            seen.value >= 0.005,
            format!(
                "{:.1} % of the requests are slower by a step of the retransmission timeout",
                seen.value * 100.0
            ),
            [seen],
        ),
        None => unseen(Source::Tcp, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "N3-host",
        bottleneck: Bottleneck::N3,
        class: Class::Probe,
        factor: Factor::SameHost,
        base: scene.high,
        measure: Measure::Signal {
            signal: Signal::TcpRetransmits,
            subject: String::new(),
        },
        predicted: between(0.0, 0.0, 0.2),
        words: "The probe on the other side of the link.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_users(scene, "N3-users", Bottleneck::N3),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
