//! P10: no file descriptor, or no connection slot of the proxy, is left.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::counted,
    rule::{Direct, Rank, Rule, between, more_users},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
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

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.errors(&COUNTS)
}

fn direct(scene: &Scene<'_>) -> Answer {
    counted(
        scene,
        &COUNTS,
        "times no descriptor or slot was left",
        Source::Proxy,
    )
}

fn files_are_at_the_limit(scene: &Scene<'_>) -> Answer {
    for party in ["proxy", "server", "client"] {
        if let (Some(open), Some(most)) = (
            scene.view.worst(Signal::ProcessFiles, party),
            scene.view.fact(Signal::ProcessFilesMax, party),
        ) {
            return answer(
                open.value >= 0.95 * most.value,
                format!(
                    "the {party} has {:.0} of {:.0} files open",
                    open.value, most.value
                ),
                [open, most],
            );
        }
    }
    unseen(Source::Process, "proxy")
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
