//! P9: somebody gives up at a fixed time.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::counted,
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, ERRORS_MIN, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::P9,
    rank: Rank::Symptom,
    proof: "504 or 499, or times that pile up at a round number: 1, 5, 30, 60 s.",
    confused: "A real tail of slow answers: it does not pile up.",
    experiment: "Another timeout: the pile moves with it.",
    advice: "Find what takes so long, then align the timeouts: each one inside must be shorter than the one around it.",
    claim,
    direct,
    must: &[],
    supports: &[logged],
    refutes: &[],
    counters,
    exact,
};

const COUNTS: [(Signal, &str); 4] = [
    (Signal::ClientStatus, "504"),
    (Signal::ClientStatus, "499"),
    (Signal::ClientTimeouts, ""),
    (Signal::ProxyTimeouts, ""),
];

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.errors(&COUNTS)
}

fn direct(scene: &Scene<'_>) -> Answer {
    let cliff = scene.cliff().unwrap_or(scene.high);
    let pile = scene
        .view
        .subjects(cliff, Signal::ClientPileShare)
        .into_iter()
        .next();
    if let Some((at, seen)) = pile {
        let failed = scene.view.error_share(cliff);
        return answer(
            seen.value >= 0.5 * failed && seen.value >= ERRORS_MIN,
            format!("{:.1} % of the requests end at {at} ms", seen.value * 100.0),
            [seen],
        );
    }
    counted(scene, &COUNTS, "requests timed out", Source::Client)
}

fn logged(scene: &Scene<'_>) -> Answer {
    match scene.view.worst(Signal::ProxyTimeouts, "") {
        Some(seen) => answer(
            seen.value >= 1.0,
            format!("the proxy's log has {:.0} timeouts", seen.value),
            [seen],
        ),
        None => unseen(Source::Proxy, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "P9-timeout",
        bottleneck: Bottleneck::P9,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "timeout".to_owned(),
            times: 2.0,
        },
        base: scene.high,
        measure: Measure::Signal {
            signal: Signal::ClientErrorMs,
            subject: String::new(),
        },
        predicted: between(1.6, 2.0, 2.2),
        words: "Twice the timeout: failures come at twice the time.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "P9-connections", Bottleneck::P9),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec!["proxy_read_timeout 60s;".to_owned()]
}
