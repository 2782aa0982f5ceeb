//! N4: the reader takes its time, and everybody before it waits.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::waits,
    rule::{Direct, Rank, Rule, between, more_users},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::N4,
    rank: Rank::Ordinary,
    proof: "TCP is limited by the reader's window (300 of 300 ms were measured), or backends wait in Client/ClientWrite.",
    confused: "N2: there TCP is not limited by the reader.",
    experiment: "A faster reader: gone.",
    advice: "Read faster, or bound what is kept for a slow reader and let it go.",
    claim,
    direct,
    must: &[],
    supports: &[backends_wait],
    refutes: &[],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth_or_standing(|part, subject| match part {
        Part::Transfer | Part::Between => true,
        Part::Database => subject == CLIENT_WRITE,
        _ => false,
    })
}

const LIMITED_MIN: f64 = 0.5;
const CLIENT_WRITE: &str = "Client/ClientWrite";
const WAITING: &str = "wait for the reader of their rows";

/// The window of the client's connections, which the server's end tells of; else those who read from the database,
/// of whom the database tells.
fn direct(scene: &Scene<'_>) -> Answer {
    match reader_limits(scene) {
        Answer::Yes(said) => Answer::Yes(said),
        other => match waits(scene, |wait| wait == CLIENT_WRITE, LIMITED_MIN, WAITING) {
            Answer::Yes(said) => Answer::Yes(said),
            Answer::No(_) | Answer::Unseen(_) => other,
        },
    }
}

/// Whether the client's window stops the server.
pub(super) fn reader_limits(scene: &Scene<'_>) -> Answer {
    let seen = scene
        .at_high(Signal::TcpReaderLimitedShare, "server")
        .or_else(|| scene.view.fact(Signal::TcpReaderLimitedShare, ""));
    match seen {
        Some(seen) => answer(
            seen.value >= LIMITED_MIN,
            format!(
                "the reader's window stops the sender {:.0} % of the time",
                seen.value * 100.0
            ),
            [seen],
        ),
        None => unseen(Source::Tcp, "server"),
    }
}

fn backends_wait(scene: &Scene<'_>) -> Answer {
    waits(scene, |wait| wait == CLIENT_WRITE, 0.2, WAITING)
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "N4-reader",
        bottleneck: Bottleneck::N4,
        class: Class::Client,
        factor: Factor::FastReader,
        base: scene.high,
        measure: Measure::Latency,
        predicted: between(0.01, 0.3, 0.8),
        words: "The client reads as fast as it can.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_users(scene, "N4-users", Bottleneck::N4),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
