//! S6: answers are large, and writing or compressing them takes the CPU.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, circumstance, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::S6,
    rank: Rank::Ordinary,
    proof: "Writing the answer is most of the time, by its own timer, by CPU samples, or by regression of CPU on bytes; transfer is small. Suspected only: a hot thread beside answers of 100 kB and more, and a database that is flat.",
    confused: "Bandwidth: there the CPU is idle.",
    experiment: "Half the bytes: CPU and latency fall in proportion.",
    advice: "Let clients choose fields and pages, stream the answer, keep parts of it ready as bytes, or compress less.",
    claim,
    direct,
    must: &[answers_are_large],
    supports: &[],
    refutes: &[transfer_is_larger],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let is_hot = matches!(hot(scene), Answer::Yes(_));
    scene.growth_or_standing(|part, subject| match part {
        Part::Serialise => true,
        Part::Rest | Part::Between | Part::AppQueue | Part::Server | Part::DatabaseGap => is_hot,
        Part::WaitingForCpu => is_hot && subject == "server",
        _ => false,
    })
}

const LARGE_BYTES: f64 = 50_000.0;
const SHARE_MIN: f64 = 0.4;
/// Answers as large as this are suspected where a thread is hot and nothing tells what it does.
const SUSPICIOUS_BYTES: f64 = 100_000.0;
/// A database that is less of the growth is flat.
pub(super) const DATABASE_FLAT: f64 = 0.25;

/// By CPU samples, else by regression over endpoints, else by circumstance.
fn hot(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::ProcessSerialiseShare, "server") {
        Some(seen) => answer(
            seen.value >= SHARE_MIN,
            format!(
                "{:.0} % of the server's CPU writes or compresses answers",
                seen.value * 100.0
            ),
            [seen],
        ),
        None => match by_regression(scene) {
            Answer::Unseen(_) => by_circumstance(scene),
            told => told,
        },
    }
}

/// How much of the CPU follows the bytes of answers, over endpoints.
fn by_regression(scene: &Scene<'_>) -> Answer {
    match (
        scene.view.fact(Signal::AppByteMs, ""),
        scene.at_high(Signal::AppResponseBytes, ""),
        scene.each(Signal::ProcessCpuMs, "server"),
    ) {
        (Some(by_byte), Some(bytes), Some((cpu_ms, _))) => {
            let written = by_byte.value * bytes.value / 1_048_576.0;
            answer(
                written >= SHARE_MIN * cpu_ms,
                format!(
                    "by regression {written:.1} of {cpu_ms:.1} ms of CPU a request follow the bytes of its answer"
                ),
                [by_byte, bytes],
            )
        }
        _ => unseen(Source::Process, "server"),
    }
}

/// Nobody has looked into the process: a thread without a free moment that sends large answers, while the database
/// takes no longer than before, is reason to suspect what makes them.
fn by_circumstance(scene: &Scene<'_>) -> Answer {
    // A timer of the server's own says more.
    if scene.at_high(Signal::AppSerialiseMs, "").is_some() {
        return unseen(Source::Process, "server");
    }
    let is_connection = matches!(super::s2::one_connection(scene), Answer::Yes(_));
    let Answer::Yes(hot) = super::s2::hot_thread(scene) else {
        return unseen(Source::Process, "server");
    };
    let Some(bytes) = bytes(scene).filter(|_| !is_connection) else {
        return unseen(Source::Process, "server");
    };
    let Some(database) = scene.database_share() else {
        return unseen(Source::Process, "server");
    };
    let is_so = bytes.value >= SUSPICIOUS_BYTES && database < DATABASE_FLAT;
    if !is_so {
        return unseen(Source::Process, "server");
    }
    circumstance(
        true,
        format!(
            "{}, each answer has {:.0} kB, and the database is {:.0} % of the growth; a profile of the server would tell \
             whether it writes and compresses them, or does something else",
            hot.words,
            bytes.value / 1000.0,
            database * 100.0
        ),
        [bytes],
    )
}

fn direct(scene: &Scene<'_>) -> Answer {
    let latency = scene.view.latency(scene.high).unwrap_or(f64::INFINITY);
    match scene.at_high(Signal::AppSerialiseMs, "") {
        Some(seen) if seen.value >= 0.25 * latency => answer(
            true,
            format!("writing the answer takes {:.1} ms of {latency:.1} ms", seen.value),
            [seen],
        ),
        written => match (hot(scene), written) {
            (Answer::Unseen(_), Some(seen)) => answer(
                false,
                format!("writing the answer takes {:.1} ms of {latency:.1} ms", seen.value),
                [seen],
            ),
            (hot, _) => hot,
        },
    }
}

fn bytes(scene: &Scene<'_>) -> Option<crate::view::Seen> {
    scene
        .at_high(Signal::AppResponseBytes, "")
        .or_else(|| scene.at_high(Signal::ClientBodyBytes, ""))
}

fn answers_are_large(scene: &Scene<'_>) -> Answer {
    match bytes(scene) {
        Some(seen) => answer(
            seen.value >= LARGE_BYTES,
            format!("an answer has {:.0} bytes", seen.value),
            [seen],
        ),
        None => unseen(Source::Client, ""),
    }
}

fn transfer_is_larger(scene: &Scene<'_>) -> Answer {
    let latency = scene.view.latency(scene.high).unwrap_or(f64::INFINITY);
    match scene.at_high(Signal::ClientTransferMs, "") {
        Some(seen) => answer(
            seen.value >= 0.5 * latency,
            format!("transfer takes {:.1} ms of {latency:.1} ms", seen.value),
            [seen],
        ),
        None => unseen(Source::Client, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "S6-body",
        bottleneck: Bottleneck::S6,
        class: Class::Client,
        factor: Factor::SmallerBody { to_share: 0.5 },
        base: scene.high,
        measure: Measure::Latency,
        predicted: between(0.4, 0.6, 0.85),
        words: "Half the bytes of each answer.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "S6-connections", Bottleneck::S6),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
