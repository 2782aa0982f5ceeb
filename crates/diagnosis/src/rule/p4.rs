//! P4: the proxy makes a connection to the upstream for every request.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    finding::Basis,
    interval::Interval,
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::P4,
    rank: Rank::Ordinary,
    proof: "As many connections to the upstream as requests, so TIME_WAIT on the proxy grows by one a request (1,001 against 257 per 1,000 were measured).",
    confused: "Clients that make new connections: they are counted at the client.",
    experiment: "Keep upstream connections: connects fall.",
    advice: "Keep connections to the upstream alive. Bursts above the cache still make new ones.",
    claim,
    direct,
    must: &[],
    supports: &[connecting_costs],
    refutes: &[clients_reconnect],
    counters,
    exact,
};

fn connect_part(scene: &Scene<'_>, step: &str) -> f64 {
    scene
        .view
        .value(step, Signal::ProxyUpstreamConnectMs, "")
        .unwrap_or(0.0)
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let attribution = scene.attribution.as_ref()?;
    let (low, high) = (connect_part(scene, scene.low), connect_part(scene, scene.high));
    let cite = scene.at_high(Signal::ProxyUpstreamConnectMs, "")?;
    let growth = attribution.high_ms - attribution.low_ms;
    let (share, basis) = if scene.is_troubled {
        ((high - low) / growth.max(1e-9), Basis::Growth)
    } else {
        (high / attribution.high_ms, Basis::Standing)
    };
    let share = share.clamp(0.0, 1.0);
    (share > 0.0).then(|| Claim {
        share: Interval::exact(share),
        basis,
        words: format!(
            "{:.0} %: connecting to the upstream takes {high:.1} ms",
            share * 100.0
        ),
        cites: vec![cite.cite],
    })
}

fn direct(scene: &Scene<'_>) -> Answer {
    let connections = scene
        .each(Signal::ProxyUpstreamConnections, "")
        .or_else(|| scene.each(Signal::HostTimeWaitMade, "proxy"));
    match connections {
        Some((each, seen)) => answer(
            each >= 0.8,
            format!("the proxy makes {each:.2} connections to the upstream for each request"),
            [seen],
        ),
        None => unseen(Source::Proxy, ""),
    }
}

fn connecting_costs(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::ProxyUpstreamConnectMs, "") {
        Some(seen) => answer(
            seen.value > 0.0,
            format!("each connect takes {:.2} ms", seen.value),
            [seen],
        ),
        None => unseen(Source::Proxy, ""),
    }
}

fn clients_reconnect(scene: &Scene<'_>) -> Answer {
    match scene.each(Signal::ClientConnectionsMade, "") {
        Some((each, seen)) => answer(
            each >= 0.8,
            format!("the client makes {each:.2} connections for each request"),
            [seen],
        ),
        None => unseen(Source::Client, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "P4-keepalive",
        bottleneck: Bottleneck::P4,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "proxy.upstream_keepalive".to_owned(),
            times: 1.0,
        },
        base: scene.high,
        measure: Measure::Signal {
            signal: Signal::ProxyUpstreamConnections,
            subject: String::new(),
        },
        predicted: between(0.0, 0.05, 0.4),
        words: "Upstream connections are kept.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "P4-connections", Bottleneck::P4),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec!["upstream api { server 127.0.0.1:8080; keepalive 64; }\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";".to_owned()]
}
