//! P10: no file descriptor, or no connection slot of the proxy, is left.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    finding::Basis,
    guard,
    interval::Interval,
    rule::clue::counted,
    rule::{Direct, Rank, Rule, between, more_users},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
    view::Seen,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::P10,
    rank: Rank::Cliff,
    proof: "EMFILE, or `worker_connections are not enough` in the log; open files at their limit.",
    confused: "A full accept queue: there ListenDrops rise.",
    experiment: "A higher limit: the errors vanish.",
    advice: "Raise the limit.",
    claim,
    direct,
    must: &[],
    supports: &[files_are_at_the_limit],
    refutes: &[],
    counters,
    exact,
};

const COUNTS: [(Signal, &str); 3] = [
    (Signal::ProxyWorkerConnections, ""),
    (Signal::ProxyNoFile, ""),
    (Signal::ClientConnectFailures, "EMFILE"),
];

/// What clients get to see of a server that has no descriptor for them.
const REFUSALS: [(Signal, &str); 4] = [
    (Signal::ClientStatus, "502"),
    (Signal::ClientStatus, "503"),
    (Signal::ClientStatus, "500"),
    (Signal::ClientResets, ""),
];

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let is_at_limit = fullest(scene).is_some_and(|(share, ..)| share >= AT_LIMIT);
    scene
        .errors(&COUNTS)
        .or_else(|| scene.errors(&REFUSALS).filter(|_| is_at_limit))
        .or_else(|| turned_away(scene))
}

/// Who finds no slot when it connects sends no request that could fail: such users are missing from those in flight,
/// and so are their answers.
fn turned_away(scene: &Scene<'_>) -> Option<Claim> {
    let counted = COUNTS
        .iter()
        .filter_map(|(signal, subject)| scene.at_high(*signal, subject))
        .max_by(|a, b| a.value.total_cmp(&b.value))
        .filter(|seen| seen.value >= 1.0)?;
    let in_flight = scene
        .at_high(Signal::ClientInFlight, "")
        .filter(|_| scene.is_troubled)?;
    let users = scene.view.users(scene.high)?;
    let missing = 1.0 - in_flight.value / users;
    let lost = 1.0 - guard::proportional(&scene.view)?;
    if missing < MISSING_MIN || lost <= 0.0 {
        return None;
    }
    Some(Claim {
        share: Interval::exact((missing / lost).min(1.0)),
        basis: Basis::LostThroughput,
        words: format!(
            "the lost throughput: of {users:.0} users {:.0} are in flight, the others find no connection",
            in_flight.value
        ),
        cites: vec![counted.cite, in_flight.cite],
    })
}

/// Between two requests a user is not in flight either.
const MISSING_MIN: f64 = 0.1;

fn direct(scene: &Scene<'_>) -> Answer {
    let counted = counted(
        scene,
        &COUNTS,
        "times no descriptor or slot was left",
        Source::Proxy,
    );
    match files_are_at_the_limit(scene) {
        Answer::Yes(said) if !matches!(counted, Answer::Yes(_)) => Answer::Yes(said),
        _ => counted,
    }
}

/// Of a party's descriptors: it needs one for a moment to refuse with.
const AT_LIMIT: f64 = 0.95;

/// The party that has most of its files open, and what share of them.
fn fullest(scene: &Scene<'_>) -> Option<(f64, &'static str, Seen, Seen)> {
    let parties = ["proxy", "server", "client"].into_iter().filter_map(|party| {
        let open = scene.view.worst(Signal::ProcessFiles, party)?;
        let most = scene.view.fact(Signal::ProcessFilesMax, party)?;
        (most.value > 0.0).then(|| (open.value / most.value, party, open, most))
    });
    parties.max_by(|a, b| a.0.total_cmp(&b.0))
}

fn files_are_at_the_limit(scene: &Scene<'_>) -> Answer {
    match fullest(scene) {
        Some((share, party, open, most)) => answer(
            share >= AT_LIMIT,
            format!(
                "the {party} has {:.0} of {:.0} files open",
                open.value, most.value
            ),
            [open, most],
        ),
        None => unseen(Source::Process, "proxy"),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "P10-limit",
        bottleneck: Bottleneck::P10,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "files".to_owned(),
            times: 8.0,
        },
        base: scene.high,
        measure: Measure::ErrorShare,
        predicted: between(0.0, 0.0, 0.1),
        words: "Eight times the limit.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_users(scene, "P10-users", Bottleneck::P10),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec![
        "worker_rlimit_nofile 65535;\nevents { worker_connections 16384; }".to_owned(),
        "LimitNOFILE=65535".to_owned(),
    ]
}
