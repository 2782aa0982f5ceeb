//! P8: somebody rejects what is above a rate or a number of connections.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, between, control},
    scene::{Answer, Claim, ERRORS_MIN, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::P8,
    rank: Rank::Cliff,
    proof: "429 or 503 that come faster than good answers do, Retry-After, nginx's `limiting requests`, and a rate of good answers that stays the same under growing load.",
    confused: "An overloaded server: its 503 are slow, and it writes them itself.",
    experiment: "An offered rate below the limit: no rejections.",
    advice: "Raise the limit, exempt this client, or let clients back off.",
    claim,
    direct,
    must: &[],
    supports: &[retry_after, rate_is_constant],
    refutes: &[rejections_are_slow],
    counters,
    exact,
};

const COUNTS: [(Signal, &str); 3] = [
    (Signal::ClientStatus, "429"),
    (Signal::ClientStatus, "503"),
    (Signal::ProxyLimited, ""),
];

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.errors(&COUNTS)
}

/// Time to a rejection and to a good answer.
fn times(scene: &Scene<'_>) -> Option<(f64, f64, crate::view::Seen)> {
    let cliff = scene.cliff()?;
    let rejected = ["429", "503"]
        .iter()
        .filter(|status| {
            scene
                .view
                .value(cliff, Signal::ClientStatus, status)
                .unwrap_or(0.0)
                > 0.0
        })
        .find_map(|status| scene.view.at(cliff, Signal::ClientStatusMs, status))
        .or_else(|| scene.view.at(cliff, Signal::ClientErrorMs, ""))?;
    let good = scene
        .view
        .value(cliff, Signal::ClientP50Ms, "")
        .or_else(|| scene.view.latency(cliff))
        // Where everything was rejected, a good answer is one of another experiment.
        .or_else(|| scene.view.natural().find_map(|id| scene.view.latency(id)))?;
    Some((rejected.value, good, rejected))
}

fn direct(scene: &Scene<'_>) -> Answer {
    if let Some(seen) = scene
        .view
        .worst(Signal::ProxyLimited, "")
        .filter(|seen| seen.value >= 1.0)
    {
        return answer(
            true,
            format!("the proxy's log has {:.0} lines of a limit", seen.value),
            [seen],
        );
    }
    let has_rejections = ["429", "503"].iter().any(|status| {
        scene
            .view
            .worst(Signal::ClientStatus, status)
            .is_some_and(|seen| seen.value >= 1.0)
    });
    if !has_rejections {
        let seen = scene
            .view
            .worst(Signal::ClientRequests, "")
            .or_else(|| scene.view.worst(Signal::ClientLatencyMs, ""));
        return answer(false, "no 429 and no 503".to_owned(), seen);
    }
    match times(scene) {
        Some((rejected, good, seen)) => answer(
            rejected < good,
            format!("a rejection takes {rejected:.1} ms, a good answer {good:.1} ms"),
            [seen],
        ),
        None => unseen(Source::Client, ""),
    }
}

fn retry_after(scene: &Scene<'_>) -> Answer {
    match scene.view.worst(Signal::ClientRetryAfter, "") {
        Some(seen) => answer(
            seen.value >= 1.0,
            format!("{:.0} answers say Retry-After", seen.value),
            [seen],
        ),
        None => unseen(Source::Client, ""),
    }
}

fn rate_is_constant(scene: &Scene<'_>) -> Answer {
    let failing: Vec<&str> = scene
        .view
        .natural()
        .filter(|id| scene.view.error_share(id) >= ERRORS_MIN)
        .collect();
    let rates: Vec<f64> = failing.iter().filter_map(|id| scene.view.rate(id)).collect();
    let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rates.iter().copied().fold(0.0, f64::max);
    if rates.len() < 2 {
        return unseen(Source::Client, "");
    }
    answer(
        most <= least * 1.2,
        format!(
            "good answers stay at {least:.0} to {most:.0} a second under {} loads",
            rates.len()
        ),
        failing
            .first()
            .and_then(|id| scene.view.at(id, Signal::ClientErrors, "")),
    )
}

fn rejections_are_slow(scene: &Scene<'_>) -> Answer {
    match times(scene) {
        Some((rejected, good, seen)) => answer(
            rejected > good * 1.5,
            format!("a rejection takes {rejected:.1} ms, longer than a good answer"),
            [seen],
        ),
        None => unseen(Source::Client, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let base = scene.cliff().unwrap_or(scene.high);
    let accepted = scene.view.rate(base).unwrap_or(1.0);
    let offered = accepted / (1.0 - scene.view.error_share(base)).max(0.01);
    let direct = Direct {
        id: "P8-rate",
        bottleneck: Bottleneck::P8,
        class: Class::Client,
        factor: Factor::Rate {
            from: offered,
            to: accepted * 0.8,
        },
        base,
        measure: Measure::ErrorShare,
        predicted: between(0.0, 0.0, 0.1),
        words: format!("Offered {:.0} a second, below what is accepted.", accepted * 0.8),
    };
    vec![
        direct.counter(None),
        control(
            "P8-rate-up",
            Bottleneck::P8,
            base,
            Factor::Rate {
                from: offered,
                to: offered * 1.5,
            },
            Measure::Rate,
            "Half as much again offered: as many are accepted.",
        ),
    ]
}

fn exact(scene: &Scene<'_>) -> Vec<String> {
    let most = |subject: &str| {
        let seen = scene.view.worst(Signal::ProxyLimited, subject);
        seen.map_or(0.0, |seen| seen.value)
    };
    // The log tells which of the two it is.
    let connections = most("connections");
    if connections > 0.0 && connections >= most("") / 2.0 {
        return vec!["limit_conn api 200;  # in the place of fewer".to_owned()];
    }
    vec!["limit_req zone=api burst=200 nodelay;  # or a higher rate= in limit_req_zone".to_owned()]
}
