//! P7: the queue of connections that nobody has accepted yet is full.

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
    bottleneck: Bottleneck::P7,
    rank: Rank::Cliff,
    proof: "ListenOverflows and ListenDrops rise, and connects take 1 s and 3 s: the times of a repeated SYN.",
    confused: "Packet loss: there segments are sent again without ListenDrops.",
    experiment: "Eight times the backlog: the drops vanish.",
    advice: "A larger backlog and somaxconn, and more that accept.",
    claim,
    direct,
    must: &[],
    supports: &[connects_pile, queue_is_full],
    refutes: &[],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let failed = scene.errors(&[
        (Signal::ClientConnectFailures, "timeout"),
        (Signal::ClientConnectFailures, "refused"),
    ]);
    failed
        .or_else(|| {
            scene.growth(|part, _| matches!(part, Part::Connect | Part::Queued | Part::UpstreamConnect))
        })
        .or_else(|| by_drops(scene))
}

/// A dropped connection is tried again after a second: what that comes to, where nobody tells how long the proxy
/// takes to connect, and as far as nothing else explains it.
fn by_drops(scene: &Scene<'_>) -> Option<Claim> {
    const RETRY_MS: f64 = 1_000.0;
    let (each, seen) = scene.each(Signal::HostListenDrops, "server")?;
    let mut claim = scene.growth(|part, _| matches!(part, Part::Between | Part::Server))?;
    let attribution = scene.attribution.as_ref()?;
    let share = each * RETRY_MS / (attribution.high_ms - attribution.low_ms);
    if share <= 0.0 {
        return None;
    }
    claim.share.low = claim.share.low.min(share);
    claim.share.mid = claim.share.mid.min(share);
    claim.share.high = claim.share.high.min(share).max(claim.share.mid);
    claim.words = format!(
        "{:.0} % of the growth of latency: {each:.2} connections of a request were dropped, a second each",
        claim.share.mid * 100.0
    );
    claim.cites.push(seen.cite);
    Some(claim)
}

pub(super) fn direct(scene: &Scene<'_>) -> Answer {
    let mut found: Option<crate::view::Seen> = None;
    for party in ["server", "proxy", ""] {
        for signal in [Signal::HostListenDrops, Signal::HostListenOverflows] {
            let seen = scene.view.worst(signal, party);
            if seen.as_ref().map(|seen| seen.value) > found.as_ref().map(|seen| seen.value) {
                found = seen;
            }
        }
    }
    match found {
        Some(seen) => answer(
            seen.value >= 1.0,
            format!("{:.0} connections were dropped at the accept queue", seen.value),
            [seen],
        ),
        None => unseen(Source::Host, "server"),
    }
}

fn connects_pile(scene: &Scene<'_>) -> Answer {
    match scene.view.worst(Signal::ClientConnectPileShare, "") {
        Some(seen) => answer(
            seen.value >= 0.01,
            format!(
                "{:.1} % of the connects took the time of a repeated SYN",
                seen.value * 100.0
            ),
            [seen],
        ),
        None => unseen(Source::Client, ""),
    }
}

fn queue_is_full(scene: &Scene<'_>) -> Answer {
    match scene.view.worst(Signal::HostListenQueue, "server") {
        Some(seen) => answer(
            seen.value >= 1.0,
            format!("the accept queue is {:.0} % full", seen.value * 100.0),
            [seen],
        ),
        None => unseen(Source::Host, "server"),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "P7-backlog",
        bottleneck: Bottleneck::P7,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "backlog".to_owned(),
            times: 8.0,
        },
        base: scene.high,
        measure: Measure::Signal {
            signal: Signal::HostListenDrops,
            subject: "server".to_owned(),
        },
        predicted: between(0.0, 0.0, 0.2),
        words: "Eight times the backlog.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_users(scene, "P7-users", Bottleneck::P7),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec![
        "sysctl -w net.core.somaxconn=4096".to_owned(),
        "listen 443 ssl backlog=4096;".to_owned(),
    ]
}
