//! C2: the load generator itself is the limit, so the measurement says nothing about the target.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    finding::Basis,
    interval::Interval,
    rule::clue::{counted, turned_away},
    rule::{Direct, Rank, Rule, between, more_users, unchanged},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::C2,
    rank: Rank::Void,
    proof: "The generator's busiest thread has no CPU left, waits for one, or turns its loop slowly (0.6 ms is healthy, 8.5 ms was starved), while the server's own time stays flat. Or its connects fail with EMFILE: it has no file descriptor left.",
    confused: "A slow server: there the server's own histogram agrees with the client's.",
    experiment: "Two generators with half the load each: latency falls.",
    advice: "The result is void. Use more or larger generators (with a higher `ulimit -n` where files were short), or less load, and measure again.",
    claim,
    direct,
    must: &[],
    supports: &[server_is_flat, impossible_database_time],
    refutes: &[server_agrees],
    counters,
    exact,
};

/// Answers, all rounds together, below which the generator's own percentiles and means are chance.
const ANSWERS_MIN: f64 = 50.0;

/// Answers at high load, all rounds together.
fn answers(scene: &Scene<'_>) -> f64 {
    let rounds = scene.view.rounds(scene.high, Signal::ClientOk, "");
    rounds.map_or(f64::INFINITY, |rounds| rounds.values().sum())
}

/// Connections for which the generator had no descriptor left.
const NO_FILE: [(Signal, &str); 1] = [(Signal::ClientConnectFailures, "EMFILE")];

/// Failures, or users without a connection, most of which are for want of a descriptor of our own.
fn no_file(scene: &Scene<'_>) -> Option<Claim> {
    scene
        .errors(&NO_FILE)
        .or_else(|| turned_away(scene, &NO_FILE))
        .filter(|claim| claim.share.mid >= STANDING_MIN)
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    if let Some(no_file) = no_file(scene) {
        return Some(no_file);
    }
    if answers(scene) < ANSWERS_MIN {
        return standing(scene);
    }
    // Everything that only the client has seen.
    let grown = scene.growth(|part, subject| match part {
        Part::Throttled | Part::WaitingForCpu => subject == "client",
        Part::Queued
        | Part::StreamWait
        | Part::Between
        | Part::Transfer
        | Part::Server
        | Part::Unattributed => true,
        _ => false,
    });
    grown.or_else(|| standing(scene))
}

/// An unwell generator voids the run also where latency did not grow: it was as slow with one user.
fn standing(scene: &Scene<'_>) -> Option<Claim> {
    let throttled = scene.throttled("client");
    let delayed = scene
        .at_high(Signal::GeneratorDelayShare, "")
        .map(|seen| (seen.value, seen));
    let (share, seen) = [throttled, delayed]
        .into_iter()
        .flatten()
        .max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (share >= STANDING_MIN).then(|| Claim {
        share: Interval::exact(share.min(1.0)),
        basis: Basis::Standing,
        words: format!(
            "why times of the generator mean nothing: it did not run for {:.0} % of the time in which it wanted to",
            share * 100.0
        ),
        cites: vec![seen.cite],
    })
}

/// A generator that stands still for half of its time, or makes half of the failures, has measured itself.
const STANDING_MIN: f64 = 0.5;

const CPU_MAX: f64 = 0.85;
const DELAY_MAX: f64 = 0.10;
const LOOP_LAG_MAX_MS: f64 = 5.0;

pub(super) fn direct(scene: &Scene<'_>) -> Answer {
    let words = "connections of the generator found no file descriptor left, of its own limit (`ulimit -n`)";
    if no_file(scene).is_some() {
        return counted(scene, &NO_FILE, words, Source::Client);
    }
    let cpu = scene.at_high(Signal::GeneratorCpuShare, "");
    let delay = scene.at_high(Signal::GeneratorDelayShare, "");
    // A loop that turned a few times only has no percentiles.
    let lag = scene
        .at_high(Signal::GeneratorLoopLagMs, "")
        .filter(|_| answers(scene) >= ANSWERS_MIN);
    let throttled = scene.throttled("client");
    if cpu.is_none() && delay.is_none() && lag.is_none() && throttled.is_none() {
        return unseen(Source::Generator, "");
    }
    let of = |seen: &Option<crate::view::Seen>| seen.as_ref().map_or(0.0, |seen| seen.value);
    let stalled = throttled.as_ref().map_or(0.0, |(share, _)| *share);
    let is_unwell =
        of(&cpu) > CPU_MAX || of(&delay) > DELAY_MAX || of(&lag) > LOOP_LAG_MAX_MS || stalled > DELAY_MAX;
    answer(
        is_unwell,
        format!(
            "the generator uses {:.0} % of a CPU, waits {:.0} % of the time for one, is throttled {:.0} %, and turns its loop in {:.1} ms",
            of(&cpu) * 100.0,
            of(&delay) * 100.0,
            stalled * 100.0,
            of(&lag)
        ),
        [cpu, delay, lag, throttled.map(|(_, seen)| seen)]
            .into_iter()
            .flatten(),
    )
}

fn handler_share(scene: &Scene<'_>) -> Option<(f64, crate::view::Seen)> {
    let (low, high) = (
        scene.at_low(Signal::AppHandlerMs, "")?,
        scene.at_high(Signal::AppHandlerMs, "")?,
    );
    let attribution = scene.attribution.as_ref().filter(|_| scene.is_troubled)?;
    let growth = attribution.high_ms - attribution.low_ms;
    (growth > 0.0).then_some(((high.value - low.value) / growth, high))
}

fn server_is_flat(scene: &Scene<'_>) -> Answer {
    match handler_share(scene) {
        Some((share, seen)) => answer(
            share < 0.25,
            format!("the server's own time makes {:.0} % of the growth", share * 100.0),
            [seen],
        ),
        None => unseen(Source::Metrics, ""),
    }
}

fn server_agrees(scene: &Scene<'_>) -> Answer {
    // Connections that we could not make are ours, however slow the server is for others.
    if no_file(scene).is_some() {
        return unseen(Source::Metrics, "");
    }
    match handler_share(scene) {
        Some((share, seen)) => answer(
            share >= 0.6,
            format!("the server's own time makes {:.0} % of the growth", share * 100.0),
            [seen],
        ),
        None => unseen(Source::Metrics, ""),
    }
}

fn impossible_database_time(scene: &Scene<'_>) -> Answer {
    let by_samples = crate::attribution::part::sampled_ms(&scene.view, scene.high);
    match (by_samples, scene.at_high(Signal::AppDbMs, "")) {
        (Some(by_samples), Some(by_server)) => answer(
            by_samples > by_server.value * 1.05,
            format!(
                "the sampler beside the generator sees {by_samples:.1} ms of database time where the server sees {:.1}",
                by_server.value
            ),
            [by_server],
        ),
        _ => unseen(Source::Activity, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "C2-generators",
        bottleneck: Bottleneck::C2,
        class: Class::Client,
        factor: Factor::Generators { to: 2 },
        base: scene.high,
        measure: Measure::Latency,
        predicted: between(0.1, 0.6, 0.9),
        words: "Two generators with half the load each.".to_owned(),
    };
    vec![
        direct.counter(unchanged(
            Measure::Signal {
                signal: Signal::AppHandlerMs,
                subject: String::new(),
            },
            "The server's own time does not change.",
        )),
        more_users(scene, "C2-users", Bottleneck::C2),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
