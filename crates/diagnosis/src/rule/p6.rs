//! P6: a TLS handshake for every request.

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
    bottleneck: Bottleneck::P6,
    rank: Rank::Ordinary,
    proof: "The client's TLS phase is most of the trouble, with about one handshake a request.",
    confused: "Connect latency: that is the TCP phase.",
    experiment: "Keep connections: the share goes to zero.",
    advice: "Keep connections alive, allow sessions to be resumed, and use an ECDSA certificate: RSA-4096 costs ten times as much.",
    claim,
    direct,
    must: &[],
    supports: &[cryptography],
    refutes: &[],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth_or_standing(|part, _| part == Part::Tls)
}

fn direct(scene: &Scene<'_>) -> Answer {
    match scene.each(Signal::ClientHandshakes, "") {
        Some((each, seen)) => answer(each >= 0.5, format!("{each:.2} handshakes a request"), [seen]),
        None => match scene.at_high(Signal::ClientTlsMs, "") {
            Some(seen) if seen.value <= 0.0 => answer(false, "no time goes into TLS".to_owned(), [seen]),
            _ => unseen(Source::Client, ""),
        },
    }
}

fn cryptography(scene: &Scene<'_>) -> Answer {
    for party in ["proxy", "server"] {
        if let Some(seen) = scene.at_high(Signal::ProcessCryptoShare, party) {
            return answer(
                seen.value >= 0.3,
                format!(
                    "{:.0} % of the CPU of the {party} is cryptography",
                    seen.value * 100.0
                ),
                [seen],
            );
        }
    }
    unseen(Source::Process, "")
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "P6-keepalive",
        bottleneck: Bottleneck::P6,
        class: Class::Client,
        factor: Factor::KeepAlive,
        base: scene.high,
        measure: Measure::Signal {
            signal: Signal::ClientTlsMs,
            subject: String::new(),
        },
        predicted: between(0.0, 0.02, 0.2),
        words: "Connections are kept.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_users(scene, "P6-users", Bottleneck::P6),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec!["keepalive_timeout 75s;\nssl_session_cache shared:tls:10m;\nssl_session_tickets on;".to_owned()]
}
