//! C1: HTTP/1 gives each connection one request at a time, and browsers open six.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    experiment::{Experiment, Purpose},
    finding::Basis,
    interval::Interval,
    rule::{Direct, Rank, Rule, between, control, doubled, more_users, unchanged},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
    view::Seen,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::C1,
    rank: Rank::Ordinary,
    proof: "The client's wait for a free connection is more than half of the growth, and the server's own time stays flat. Or it is most of what a part of a page takes, where the user has said how many parts there are at once (--at-once).",
    confused: "A pool in the server: there more requests are in the server than the client has connections.",
    experiment: "Twice the connections: throughput doubles (x1.80 to x1.99 was measured), up to the next limit.",
    advice: "Speak HTTP/2 to the browser, which carries many requests on one connection, or fetch many objects with one request.",
    claim,
    direct,
    must: &[is_http1],
    supports: &[in_flight_is_connections, faster_over_http2],
    refutes: &[more_in_flight_than_connections],
    counters,
    exact: |_| vec!["http2 on;  # nginx 1.25.1 and later; before: listen 443 ssl http2;".to_owned()],
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene
        .growth(|part, _| part == Part::Queued)
        .or_else(|| page_claim(scene))
}

/// Of a wait, what is the connections' fault at least, in the latency of a page's parts.
const OF_PAGE: f64 = 0.5;

/// How a browser asks for a page: all its parts at once, over few connections. It says nothing unless the user has
/// said how many parts there are: whoever asks for many at once is made to wait by any number of connections.
fn page<'a>(scene: &Scene<'a>) -> Option<&'a Experiment> {
    let settings = &scene.view.evidence.head.settings;
    settings.get(PAGE)?;
    scene
        .view
        .experiments()
        .filter(|experiment| matches!(experiment.purpose, Purpose::Story(_)))
        .filter(|experiment| experiment.load.protocol.as_deref() != Some("HTTP/2"))
        .filter(|experiment| {
            experiment
                .load
                .connections
                .is_some_and(|connections| connections > 1)
        })
        .filter(|experiment| scene.view.latency(&experiment.id).is_some())
        .max_by_key(|experiment| experiment.load.connections)
}

/// The setting that a user makes who says how many parts a page has.
const PAGE: &str = "at_once";

fn page_claim(scene: &Scene<'_>) -> Option<Claim> {
    let page = page(scene)?;
    let view = &scene.view;
    let latency = view.latency(&page.id)?;
    let queued = view.at(&page.id, Signal::ClientQueuedMs, "")?;
    let answered = view.value(&page.id, Signal::ClientFirstByteMs, "")?;
    // Who waits for a connection waits for the server as well, if that has become slower by so many at once.
    let alone = view
        .value(scene.low, Signal::ClientFirstByteMs, "")
        .unwrap_or(answered);
    let slower = if answered > 0.0 {
        ((answered - alone) / answered).max(0.0)
    } else {
        0.0
    };
    let share = queued.value / latency * (1.0 - slower);
    (share >= OF_PAGE).then(|| Claim {
        share: Interval::exact(share.min(1.0)),
        basis: Basis::Standing,
        words: format!(
            "{:.0} % of the {latency:.1} ms that a part of a page takes: of {} parts at once, {} connections carry one each",
            share * 100.0,
            page.load.requests.unwrap_or(0),
            page.load.connections.unwrap_or(0)
        ),
        cites: vec![queued.cite],
    })
}

/// Where the wait is: in the ramp, else in the story of a page.
fn place<'a>(scene: &Scene<'a>) -> &'a str {
    let high = scene.high;
    let is_in_ramp = scene
        .view
        .value(high, Signal::ClientQueuedMs, "")
        .is_some_and(|queued| queued >= WAIT_MIN * scene.view.latency(high).unwrap_or(f64::INFINITY));
    match page(scene) {
        Some(page) if !is_in_ramp => page.id.as_str(),
        _ => high,
    }
}

const WAIT_MIN: f64 = 0.25;

fn direct(scene: &Scene<'_>) -> Answer {
    let place = place(scene);
    let Some(seen) = scene.view.at(place, Signal::ClientQueuedMs, "") else {
        return unseen(Source::Client, "");
    };
    let latency = scene.view.latency(place).unwrap_or(f64::INFINITY);
    answer(
        seen.value >= WAIT_MIN * latency,
        format!(
            "requests wait {:.1} ms of {latency:.1} ms for a free connection",
            seen.value
        ),
        [seen],
    )
}

fn is_http1(scene: &Scene<'_>) -> Answer {
    // What the client prefers is what the ramp speaks, whatever a story tried.
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
    let place = scene.view.experiment(place(scene))?;
    place.load.connections
}

fn in_flight(scene: &Scene<'_>) -> Option<(Seen, f64)> {
    let seen = scene.view.at(place(scene), Signal::AppInFlight, "")?;
    Some((seen, f64::from(connections(scene)?)))
}

fn in_flight_is_connections(scene: &Scene<'_>) -> Answer {
    match in_flight(scene) {
        Some((seen, connections)) => answer(
            seen.value >= connections * 0.5 && seen.value <= connections * 1.1,
            format!(
                "{:.1} requests are in the server, of {connections} connections",
                seen.value
            ),
            [seen],
        ),
        None => unseen(Source::Metrics, ""),
    }
}

/// The same page over one connection of HTTP/2, where the target speaks it.
fn faster_over_http2(scene: &Scene<'_>) -> Answer {
    let of_page = page(scene).filter(|page| page.id == place(scene));
    let other = scene
        .view
        .experiments()
        .filter(|experiment| matches!(experiment.purpose, Purpose::Story(_)))
        .find(|experiment| experiment.load.protocol.as_deref() == Some("HTTP/2"));
    let (Some(page), Some(other)) = (of_page, other) else {
        return unseen(Source::Client, "");
    };
    match (
        scene.view.at(&page.id, Signal::ClientLatencyMs, ""),
        scene.view.at(&other.id, Signal::ClientLatencyMs, ""),
    ) {
        (Some(before), Some(after)) => answer(
            after.value <= FASTER * before.value,
            format!(
                "a part of the page takes {:.1} ms over HTTP/2 and {:.1} ms over HTTP/1.1",
                after.value, before.value
            ),
            [after, before],
        ),
        _ => unseen(Source::Client, ""),
    }
}

const FASTER: f64 = 0.7;

fn more_in_flight_than_connections(scene: &Scene<'_>) -> Answer {
    match in_flight(scene) {
        Some((seen, connections)) => answer(
            seen.value > connections * 1.3 + 1.0,
            format!(
                "{:.1} requests are in the server, more than {connections} connections",
                seen.value
            ),
            [seen],
        ),
        None => unseen(Source::Metrics, ""),
    }
}

/// Of a page: twice the connections carry twice as many parts, and half the parts are carried no faster.
fn page_counters(scene: &Scene<'_>, page: &Experiment) -> Vec<CounterExperiment> {
    let from = page.load.connections.unwrap_or(6).max(1);
    let parts = u32::try_from(page.load.requests.unwrap_or(2)).unwrap_or(u32::MAX);
    let now = scene.view.rate(&page.id).unwrap_or(0.0);
    let next = scene
        .limits()
        .iter()
        .find(|limit| limit.bottleneck != Bottleneck::C1 && limit.rate.mid > now * 1.05);
    let most = match next {
        Some(next) if now > 0.0 => (next.rate.mid / now).clamp(1.1, 2.0),
        _ => 2.0,
    };
    let direct = Direct {
        id: "C1-page-connections",
        bottleneck: Bottleneck::C1,
        class: Class::Client,
        factor: Factor::Connections {
            from,
            to: from.saturating_mul(2),
        },
        base: &page.id,
        measure: Measure::Rate,
        predicted: between((most * 0.8).max(1.05), most, most * 1.1),
        words: "Twice the connections for the same page.".to_owned(),
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
        control(
            "C1-page-parts",
            Bottleneck::C1,
            &page.id,
            Factor::AtOnce {
                from: parts,
                to: (parts / 2).max(1),
            },
            Measure::Rate,
            "Half as many parts at once: the connections carry as many a second.",
        ),
    ]
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    if let Some(page) = page(scene).filter(|page| page.id == place(scene)) {
        return page_counters(scene, page);
    }
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
