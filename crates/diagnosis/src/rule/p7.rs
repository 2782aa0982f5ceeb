//! P7: the queue of connections that nobody has accepted yet is full.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, between, more_users},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
    view::Seen,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::P7,
    rank: Rank::Cliff,
    proof: "ListenOverflows and ListenDrops rise by two in a hundred requests or more, and connects take 1 s and 3 s: the times of a repeated SYN.",
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
    // Connecting is seen as such, or not: where nobody tells how long the proxy takes to connect.
    failed.or_else(|| {
        let connecting = scene
            .growth(|part, _| matches!(part, Part::Connect | Part::Queued | Part::UpstreamConnect))
            .and_then(|claim| by_drops(scene, claim));
        let unseen = scene
            .growth(|part, _| matches!(part, Part::Between | Part::Server))
            .and_then(|claim| by_drops(scene, claim));
        [connecting, unseen]
            .into_iter()
            .flatten()
            .max_by(|one, other| one.share.mid.total_cmp(&other.share.mid))
    })
}

const PARTIES: [&str; 3] = ["server", "proxy", ""];
const DROPS: [Signal; 2] = [Signal::HostListenDrops, Signal::HostListenOverflows];

/// A claim as far as drops can explain it: what is dropped is tried again after a second, and after twice that if it
/// is dropped again.
fn by_drops(scene: &Scene<'_>, mut claim: Claim) -> Option<Claim> {
    const RETRY_MS: f64 = 1_000.0;
    /// Linux gives up after so many.
    const RETRIES_MAX: f64 = 6.0;
    let (each, seen) = PARTIES
        .iter()
        .flat_map(|party| DROPS.map(|signal| scene.each(signal, party)))
        .flatten()
        .max_by(|one, other| one.0.total_cmp(&other.0))?;
    let cost_ms = RETRY_MS * each.max(each.min(RETRIES_MAX).exp2() - 1.0);
    let attribution = scene.attribution.as_ref()?;
    let share = cost_ms / (attribution.high_ms - attribution.low_ms);
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

/// Fewer requests that meet a full queue are no cause.
pub(super) const OF_REQUESTS: f64 = 0.02;

/// Drops, in all rounds together, that are more than one client of another service on that host.
const DROPS_MIN: f64 = 5.0;

pub(super) fn direct(scene: &Scene<'_>) -> Answer {
    let mut worst: Option<(f64, f64, Seen)> = None;
    for party in PARTIES {
        for signal in DROPS {
            let mut all = 0.0;
            let mut most: Option<(f64, Seen)> = None;
            for id in scene.view.natural() {
                let Some(seen) = scene.view.at(id, signal, party) else {
                    continue;
                };
                all += seen.value * f64::from(seen.cite.rounds);
                let share = seen.value / scene.view.requests(id).max(1.0);
                if most.as_ref().is_none_or(|(least, _)| share > *least) {
                    most = Some((share, seen));
                }
            }
            if let Some((share, seen)) = most
                && worst.as_ref().is_none_or(|(least, ..)| share > *least)
            {
                worst = Some((share, all, seen));
            }
        }
    }
    match worst {
        Some((share, all, seen)) => answer(
            share >= OF_REQUESTS && all >= DROPS_MIN,
            format!(
                "{all:.0} connections were dropped at the accept queue in all rounds, for {:.1} % of the requests at most",
                share * 100.0
            ),
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
