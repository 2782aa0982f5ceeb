//! P4: the proxy makes a connection to the upstream for every request.

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
    bottleneck: Bottleneck::P4,
    rank: Rank::Ordinary,
    proof: "By the proxy's access log it connects to the upstream for half of the requests or more, each of which takes the time of connecting. As many connections to the upstream as requests, so TIME_WAIT on the proxy grows by one a request (1,001 against 257 per 1,000 were measured).",
    confused: "Clients that make new connections: they are counted at the client.",
    experiment: "Keep upstream connections: connects fall.",
    advice: "Keep connections to the upstream alive. Bursts above the cache still make new ones.",
    claim,
    direct,
    must: &[],
    supports: &[connecting_costs],
    refutes: &[clients_reconnect, queue_overflows],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let mut claim = scene.growth_or_standing(|part, _| part == Part::UpstreamConnect)?;
    let connect = scene.at_high(Signal::ProxyUpstreamConnectMs, "")?;
    claim.words = format!(
        "{}: connecting to the upstream takes {:.1} ms",
        claim.words, connect.value
    );
    Some(claim)
}

/// By the proxy's log of its requests, else by the sockets that its connections leave.
fn direct(scene: &Scene<'_>) -> Answer {
    let made = scene.at_high(Signal::ProxyUpstreamConnections, "");
    if let (Some(made), Some(all)) = (&made, scene.at_high(Signal::ProxyRequests, ""))
        && all.value > 0.0
    {
        let each = made.value / all.value;
        return answer(
            each >= MOST_REQUESTS,
            format!(
                "for {:.0} % of the requests the proxy connects to its upstream anew",
                each * 100.0
            ),
            [made.clone(), all],
        );
    }
    let connections = scene
        .each(Signal::ProxyUpstreamConnections, "")
        .or_else(|| scene.each(Signal::HostTimeWaitMade, "proxy"));
    match connections {
        Some((each, seen)) => answer(
            each >= EACH_MIN,
            format!("the proxy makes {each:.2} connections to the upstream for each request"),
            [seen],
        ),
        None => unseen(Source::Proxy, "times"),
    }
}

/// What the log says is of the requests themselves; sockets may be those of others.
const MOST_REQUESTS: f64 = 0.5;
const EACH_MIN: f64 = 0.8;

fn connecting_costs(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::ProxyUpstreamConnectMs, "") {
        Some(seen) => answer(
            seen.value > 0.0,
            format!("connecting takes {:.2} ms of each request", seen.value),
            [seen],
        ),
        None => unseen(Source::Proxy, "times"),
    }
}

fn clients_reconnect(scene: &Scene<'_>) -> Answer {
    // Where the proxy counts its own connections, those of clients are no other explanation.
    if scene.at_high(Signal::ProxyRequests, "").is_some() {
        return unseen(Source::Client, "");
    }
    match scene.each(Signal::ClientConnectionsMade, "") {
        Some((each, seen)) => answer(
            each >= 0.8,
            format!("the client makes {each:.2} connections for each request"),
            [seen],
        ),
        None => unseen(Source::Client, ""),
    }
}

/// A connection that finds no place in the accept queue takes a second: that is P7, and keeping them the lesser cure.
fn queue_overflows(scene: &Scene<'_>) -> Answer {
    match scene.each(Signal::HostListenDrops, "server") {
        Some((each, seen)) => answer(
            each >= super::p7::OF_REQUESTS,
            format!("{:.0} % of the requests met a full accept queue", each * 100.0),
            [seen],
        ),
        None => unseen(Source::Host, "server"),
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
