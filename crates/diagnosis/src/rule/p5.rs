//! P5: every connection takes a port, and closed ones keep it for a minute.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::counted,
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::P5,
    rank: Rank::Cliff,
    proof: "EADDRNOTAVAIL at the client, error 99 in nginx's log, or TIME_WAIT near the size of the range: 28,232 ports in 60 s are 470 connections a second.",
    confused: "A full accept queue: there ListenDrops rise.",
    experiment: "A wider range of ports: the errors vanish.",
    advice: "Keep connections alive. Until then: a wider range of ports, or more upstream addresses.",
    claim,
    direct,
    must: &[],
    supports: &[time_wait_is_full],
    refutes: &[super::p7::direct],
    counters,
    exact,
};

const COUNTS: [(Signal, &str); 2] = [
    (Signal::ClientConnectFailures, "EADDRNOTAVAIL"),
    (Signal::ProxyNoAddress, ""),
];

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.errors(&COUNTS)
}

fn direct(scene: &Scene<'_>) -> Answer {
    counted(scene, &COUNTS, "connections found no free port", Source::Proxy)
}

fn time_wait_is_full(scene: &Scene<'_>) -> Answer {
    for party in ["proxy", "client"] {
        if let (Some(waiting), Some(ports)) = (
            scene.view.worst(Signal::HostTimeWait, party),
            scene.view.fact(Signal::HostPorts, party),
        ) {
            return answer(
                waiting.value >= 0.8 * ports.value,
                format!(
                    "{:.0} sockets in TIME_WAIT, of {:.0} ports",
                    waiting.value, ports.value
                ),
                [waiting, ports],
            );
        }
    }
    unseen(Source::Host, "proxy")
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "P5-ports",
        bottleneck: Bottleneck::P5,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "ports".to_owned(),
            times: 8.0,
        },
        base: scene.high,
        measure: Measure::ErrorShare,
        predicted: between(0.0, 0.0, 0.1),
        words: "Eight times the ports.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "P5-connections", Bottleneck::P5),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec![
        "upstream api { server 127.0.0.1:8080; keepalive 64; }\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";".to_owned(),
        "sysctl -w net.ipv4.ip_local_port_range='1024 65535'".to_owned(),
    ]
}
