//! P10: no file descriptor, or no connection slot of the proxy, is left.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::{counted, turned_away},
    rule::{Direct, Rank, Rule, between, more_users},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
    view::Seen,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::P10,
    rank: Rank::Cliff,
    proof: "`Too many open files` or `worker_connections are not enough` in the proxy's log; open files of the proxy or the server at their limit.",
    confused: "A full accept queue: there ListenDrops rise. EMFILE at the client: that is the generator's own limit, C2.",
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

/// What the target says. A connect that fails with EMFILE found no descriptor at the generator: that is C2.
const COUNTS: [(Signal, &str); 2] = [(Signal::ProxyWorkerConnections, ""), (Signal::ProxyNoFile, "")];

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
        .or_else(|| turned_away(scene, &COUNTS))
}

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
    let parties = ["proxy", "server"].into_iter().filter_map(|party| {
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
