//! S2: one thread or one lock of the server does all the work, one after another.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    predict::resource::ONE_CORE_MAX,
    rule::{Direct, Rank, Rule, between, doubled, more_connections, more_users},
    scene::{Answer, Claim, Scene, answer, circumstance, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::S2,
    rank: Rank::Ordinary,
    proof: "One thread near 100 % while the process uses less than 1.3 cores; or little CPU, and waiting for a lock is most of the growth (97 to 99 % were measured). Suspected only: growth inside the handlers of an idle server whose database is flat.",
    confused: "S1 and D1: more cores or more database connections change nothing here.",
    experiment: "A second instance: throughput doubles. More cores: nothing. Where all users share one connection, a second one: throughput rises by what another core can do.",
    advice: "Split the lock or the work of the thread, or run more instances. Where one connection carries all requests, let the client open more.",
    claim,
    direct,
    must: &[],
    supports: &[waits_in_futex, server_is_idle],
    refutes: &[throttled],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let is_connection = matches!(one_connection(scene), Answer::Yes(_));
    let is_idle = matches!(waits_inside(scene), Answer::Yes(_));
    let is_hot = is_connection || matches!(hot_thread(scene), Answer::Yes(_));
    scene.growth(|part, subject| match part {
        Part::Lock => true,
        Part::WaitingForCpu => is_hot && subject == "server",
        Part::Rest | Part::AppQueue if is_idle => true,
        Part::Rest | Part::Between | Part::AppQueue | Part::Server | Part::Serialise | Part::DatabaseGap => {
            is_hot
        }
        // Answers of one connection are written one after the other.
        Part::Transfer => is_connection,
        _ => false,
    })
}

const HOT: f64 = 0.9;

/// One thread has a whole core, and more cores are there that the server does not use.
pub(super) fn hot_thread(scene: &Scene<'_>) -> Answer {
    match (
        scene.at_high(Signal::ProcessBusiestShare, "server"),
        scene.cores_busy("server"),
    ) {
        (Some(busiest), Some((busy, seen))) => {
            let cores = scene
                .view
                .fact(Signal::ProcessCores, "server")
                .map_or(2.0, |seen| seen.value);
            answer(
                busiest.value >= HOT && busy < ONE_CORE_MAX && cores >= 1.5,
                format!(
                    "the busiest thread uses {:.0} % of a core and the server {busy:.2} of {cores:.0} cores",
                    busiest.value * 100.0
                ),
                [busiest, seen],
            )
        }
        _ => unseen(Source::Process, "server"),
    }
}

const ONE_CORE: f64 = 0.85;
/// A machine that is busy for more of the time has no core free.
const FULL: f64 = 0.88;

/// All users share one connection, and the server uses one core for it though it has more: whoever serves a
/// connection is one at a time, whichever threads take turns at it.
pub(super) fn one_connection(scene: &Scene<'_>) -> Answer {
    let is_one = scene
        .load()
        .is_some_and(|load| load.connections == Some(1) && load.protocol.as_deref() == Some("HTTP/2"));
    // On a machine without a free core it says nothing that the server uses one.
    let is_room = scene
        .at_high(Signal::HostBusyShare, "server")
        .is_none_or(|seen| seen.value < FULL);
    match (
        scene.cores_busy("server"),
        scene.view.fact(Signal::ProcessCores, "server"),
    ) {
        (Some((busy, seen)), Some(cores)) => answer(
            is_one && is_room && (ONE_CORE..=ONE_CORE_MAX).contains(&busy) && cores.value >= 1.5,
            format!(
                "all requests go over one connection, and the server uses {busy:.2} of {:.0} cores for it",
                cores.value
            ),
            [seen, cores],
        ),
        _ => unseen(Source::Process, "server"),
    }
}

fn direct(scene: &Scene<'_>) -> Answer {
    let server = scene.server_ms();
    match scene.at_high(Signal::AppLockMs, "") {
        Some(seen) if seen.value >= 0.25 * server => answer(
            true,
            format!(
                "requests wait {:.1} ms of {server:.1} ms for a lock in the server",
                seen.value
            ),
            [seen],
        ),
        _ if matches!(one_connection(scene), Answer::Yes(_)) => one_connection(scene),
        lock => match (hot_thread(scene), lock) {
            (Answer::Unseen(_), Some(seen)) => answer(
                false,
                format!(
                    "requests wait {:.1} ms of {server:.1} ms for a lock in the server",
                    seen.value
                ),
                [seen],
            ),
            (Answer::No(hot), None) => match waits_inside(scene) {
                Answer::Yes(said) => Answer::Yes(said),
                Answer::No(_) | Answer::Unseen(_) => Answer::No(hot),
            },
            (hot, _) => hot,
        },
    }
}

/// A server that uses less of a core does not compute.
const IDLE_MAX: f64 = 0.5;
/// So much of the growth within its handlers is not the noise of other parts.
const INSIDE_MIN: f64 = 0.5;

/// Nothing tells of locks, and requests take longer inside the handlers of a server that has nothing to do, while the
/// database and other services take as long as before: they wait for each other.
fn waits_inside(scene: &Scene<'_>) -> Answer {
    let (Some((busy, seen)), Some(busiest)) = (
        scene.cores_busy("server"),
        scene.at_high(Signal::ProcessBusiestShare, "server"),
    ) else {
        return unseen(Source::Process, "server");
    };
    let (Some(handler), Some(database)) = (scene.at_high(Signal::AppHandlerMs, ""), scene.database_share())
    else {
        return unseen(Source::Metrics, "");
    };
    let share = |is_wanted: fn(Part) -> bool| {
        scene
            .attribution
            .as_ref()
            .filter(|_| scene.is_troubled)
            .map_or(0.0, |found| found.share(|part, _| is_wanted(part)))
    };
    let inside = share(|part| matches!(part, Part::Rest | Part::AppQueue));
    let downstream = share(|part| part == Part::Downstream);
    let is_so = busy < IDLE_MAX
        && busiest.value < IDLE_MAX
        && inside >= INSIDE_MIN
        && database < super::s6::DATABASE_FLAT
        && downstream < super::s6::DATABASE_FLAT
        && !matches!(throttled(scene), Answer::Yes(_));
    circumstance(
        is_so,
        format!(
            "requests wait inside the server, for a lock or a pool in the process: {:.0} % of the growth is in its handlers, \
             which use {busy:.2} cores, and {:.0} % in the database; a timer of the lock or pool, a dump of the stacks, or \
             one of its outbound calls would tell",
            inside * 100.0,
            database * 100.0
        ),
        [handler, seen],
    )
}

fn waits_in_futex(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::ProcessFutexShare, "server") {
        Some(seen) => answer(
            seen.value >= 0.3,
            format!(
                "{:.0} % of its threads' samples wait in a futex",
                seen.value * 100.0
            ),
            [seen],
        ),
        None => unseen(Source::Process, "server"),
    }
}

fn server_is_idle(scene: &Scene<'_>) -> Answer {
    match scene.cores_busy("server") {
        Some((busy, seen)) => answer(
            busy < ONE_CORE_MAX,
            format!("the server uses {busy:.2} cores"),
            [seen],
        ),
        None => unseen(Source::Process, "server"),
    }
}

fn throttled(scene: &Scene<'_>) -> Answer {
    super::d9b::throttled(scene, "server")
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    if matches!(one_connection(scene), Answer::Yes(_)) {
        return by_connections(scene);
    }
    let direct = Direct {
        id: "S2-instances",
        bottleneck: Bottleneck::S2,
        class: Class::Reconfigure,
        factor: Factor::Reconfigure {
            setting: "server.instances".to_owned(),
            times: 2.0,
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: doubled(scene, Bottleneck::S2),
        words: "A second instance.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "S2-connections", Bottleneck::S2),
    ]
}

/// Twice the connections: a second core works, as far as generator and database leave one.
fn by_connections(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let cores = |party: &str| scene.cores_busy(party).map_or(0.0, |(busy, _)| busy);
    let available = scene
        .view
        .fact(Signal::ProcessCores, "server")
        .map_or(2.0, |seen| seen.value);
    let all = cores("server") + cores("client") + cores("database") + cores("proxy");
    let most = (available / all.max(0.1)).clamp(1.2, 2.0);
    let direct = Direct {
        id: "S2-connections",
        bottleneck: Bottleneck::S2,
        class: Class::Client,
        factor: Factor::Connections { from: 1, to: 2 },
        base: scene.high,
        measure: Measure::Rate,
        predicted: between(1.0 + (most - 1.0) * 0.3, most, most * 1.1),
        words: "A second connection for the same users: another core works for it, as far as there is one."
            .to_owned(),
    };
    vec![
        direct.counter(None),
        more_users(scene, "S2-users", Bottleneck::S2),
    ]
}

fn exact(scene: &Scene<'_>) -> Vec<String> {
    if matches!(one_connection(scene), Answer::Yes(_)) {
        return vec!["a second connection, for each core of the server that is free".to_owned()];
    }
    Vec::new()
}
