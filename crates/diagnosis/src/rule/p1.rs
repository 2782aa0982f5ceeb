//! P1: a proxy closes each HTTP/2 connection after so many requests, and what was under way is lost.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    finding::Basis,
    interval::Interval,
    rule::{Direct, Rank, Rule, between, control},
    scene::{Answer, Claim, ERRORS_MIN, Scene, answer, unseen},
    signal::Signal,
    source::Source,
    view::Seen,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::P1,
    rank: Rank::Cliff,
    proof: "GOAWAY with NO_ERROR after exactly the same number of requests on every connection: (last stream - first stream)/2 + 1.",
    confused: "A crash or a reset: there the code is an error, and the counts differ.",
    experiment: "Fewer requests on each connection than the limit: no failures (900 of 900 were measured).",
    advice: "Raise the proxy's limit of requests per connection, and let clients reconnect and send again what lies above the last stream.",
    claim,
    direct,
    must: &[count_repeats],
    supports: &[no_error_code],
    refutes: &[error_codes],
    counters,
    exact,
};

/// Requests that a client had to send again are trouble too, if they are as many as in a burst. How many were under
/// way above the last stream is chance: 3 to 10 % of a burst of 5,000 with a limit of 1,000 and 128 streams.
const RESENT_MIN: f64 = 0.01;

/// The experiment that suffered most.
struct Suffered<'a> {
    id: &'a str,
    goaways: Seen,
    /// Shares of its requests.
    errors: f64,
    resent: f64,
    stranded: f64,
}

fn suffered<'a>(scene: &Scene<'a>) -> Option<Suffered<'a>> {
    let view = &scene.view;
    let found = view.natural().filter_map(|id| {
        let goaways = view
            .at(id, Signal::ClientGoAways, "0")
            .filter(|seen| seen.value >= 1.0)?;
        let errors = view.error_share(id);
        let requests = view
            .value(id, Signal::ClientRequests, "")
            .or_else(|| view.answers(id))?
            .max(1.0);
        let resent = view.value(id, Signal::ClientResent, "").unwrap_or(0.0) / requests;
        let stranded = stranded(scene, id, requests);
        let is_trouble = errors >= ERRORS_MIN || resent >= RESENT_MIN || stranded >= ERRORS_MIN;
        is_trouble.then_some(Suffered {
            id,
            goaways,
            errors,
            resent,
            stranded,
        })
    });
    found.max_by(|a, b| {
        (a.errors + a.resent + a.stranded)
            .total_cmp(&(b.errors + b.resent + b.stranded))
            .then(b.id.cmp(a.id))
    })
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let view = &scene.view;
    let Suffered {
        id,
        goaways,
        errors,
        resent,
        stranded,
    } = suffered(scene)?;
    // A rejected request has a status, a lost one has none: what was answered is not the GOAWAY's fault.
    let rejected: f64 = view
        .subjects(id, Signal::ClientStatus)
        .iter()
        .filter(|(status, _)| !status.starts_with('2'))
        .map(|(_, seen)| seen.value)
        .sum();
    let failed = view.value(id, Signal::ClientErrors, "").unwrap_or(0.0);
    let share = if failed > 0.0 {
        (1.0 - rejected / failed).clamp(0.0, 1.0)
    } else {
        1.0
    };
    Some(Claim {
        share: Interval::exact(share),
        basis: Basis::Errors,
        words: format!(
            "{:.0} % of the lost requests in {id}: {:.1} % failed and {:.1} % were sent again; a client that does not connect again loses {:.0} %",
            share * 100.0,
            errors * 100.0,
            resent * 100.0,
            stranded * 100.0
        ),
        cites: vec![goaways.cite],
    })
}

/// What is left of a burst over a chosen number of connections after each has carried what the server allows. Our client
/// connects again; many do not, and lose it all.
fn stranded(scene: &Scene<'_>, id: &str, requests: f64) -> f64 {
    let Some(load) = scene.view.experiment(id).map(|experiment| &experiment.load) else {
        return 0.0;
    };
    let counts = scene.view.points(id, Signal::ClientGoAwayRequests, "");
    // Once may be chance; the rule wants the same number again.
    let (Some(connections), true, [first, _, ..]) = (load.connections, load.requests.is_some(), counts)
    else {
        return 0.0;
    };
    (1.0 - first.1 * f64::from(connections) / requests).max(0.0)
}

fn direct(scene: &Scene<'_>) -> Answer {
    match scene.view.worst(Signal::ClientGoAways, "0") {
        Some(seen) => answer(
            seen.value >= 1.0,
            format!("{:.0} GOAWAY frames with NO_ERROR", seen.value),
            [seen],
        ),
        None => match scene
            .view
            .worst(Signal::ClientRequests, "")
            .or_else(|| scene.view.worst(Signal::ClientLatencyMs, ""))
        {
            Some(seen) => answer(false, "no GOAWAY was received".to_owned(), [seen]),
            None => unseen(Source::Client, ""),
        },
    }
}

/// Requests until each GOAWAY, over all experiments that saw one.
fn counts(scene: &Scene<'_>) -> Vec<f64> {
    let mut counts: Vec<f64> = Vec::new();
    for id in scene.view.natural() {
        let points = scene.view.points(id, Signal::ClientGoAwayRequests, "");
        if points.is_empty() {
            counts.extend(scene.view.value(id, Signal::ClientGoAwayRequests, ""));
        } else {
            counts.extend(points.iter().map(|(_, count)| *count));
        }
    }
    counts.sort_by(f64::total_cmp);
    counts
}

fn count_repeats(scene: &Scene<'_>) -> Answer {
    let counts = counts(scene);
    match (
        counts.first(),
        counts.last(),
        scene.view.worst(Signal::ClientGoAwayRequests, ""),
    ) {
        (Some(least), Some(most), Some(seen)) => answer(
            least.round() == most.round(),
            format!(
                "each connection carried {least:.0} to {most:.0} requests until its GOAWAY, over {} of them",
                counts.len()
            ),
            [seen],
        ),
        _ => unseen(Source::Client, ""),
    }
}

fn no_error_code(scene: &Scene<'_>) -> Answer {
    direct(scene)
}

fn error_codes(scene: &Scene<'_>) -> Answer {
    let other = scene
        .view
        .fact_subjects(Signal::ClientGoAways)
        .into_iter()
        .find(|(code, seen)| *code != "0" && seen.value >= 1.0);
    match other {
        Some((code, seen)) => answer(true, format!("GOAWAY with error code {code}"), [seen]),
        None => answer(
            false,
            "no GOAWAY with an error code".to_owned(),
            scene.view.worst(Signal::ClientGoAways, "0"),
        ),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let limit = counts(scene).first().copied().unwrap_or(1000.0).max(2.0);
    let worst = suffered(scene);
    let base = worst.as_ref().map_or(scene.high, |worst| worst.id);
    // A client that sends again has lost nothing, but it had to.
    let measure = match &worst {
        Some(worst) if worst.resent > worst.errors => Measure::Signal {
            signal: Signal::ClientResent,
            subject: String::new(),
        },
        Some(_) | None => Measure::ErrorShare,
    };
    let direct = Direct {
        id: "P1-split",
        bottleneck: Bottleneck::P1,
        class: Class::Client,
        factor: Factor::RequestsPerConnection {
            to: (limit * 0.9) as u32,
        },
        base,
        measure,
        predicted: between(0.0, 0.0, 0.05),
        words: format!(
            "{:.0} requests on a connection, fewer than {limit:.0}.",
            limit * 0.9
        ),
    };
    let streams = scene
        .view
        .experiment(base)
        .and_then(|experiment| experiment.load.streams)
        .unwrap_or(100);
    let allowed = scene
        .view
        .fact(Signal::ClientStreamsAllowed, "")
        .map_or(f64::INFINITY, |seen| seen.value);
    // More than are allowed are none, so changing those would change nothing.
    let streams = f64::from(streams).min(allowed).max(2.0) as u32;
    vec![
        direct.counter(None),
        control(
            "P1-streams",
            Bottleneck::P1,
            base,
            Factor::Streams {
                from: streams,
                to: streams / 2,
            },
            Measure::Signal {
                signal: Signal::ClientGoAwayRequests,
                subject: String::new(),
            },
            "Half the streams at once: a connection still ends after as many requests.",
        ),
    ]
}

fn exact(scene: &Scene<'_>) -> Vec<String> {
    let now = counts(scene)
        .first()
        .map(|count| format!("  # now {count:.0}"))
        .unwrap_or_default();
    vec![
        format!("keepalive_requests 100000;{now}"),
        "http2_max_requests 100000;  # nginx before 1.19.7".to_owned(),
    ]
}
