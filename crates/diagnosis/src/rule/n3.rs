//! N3: packets are lost, and each loss costs a timeout.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    finding::{Basis, Citation},
    interval::Interval,
    line,
    rule::{Direct, Rank, Rule, between, more_users},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
    view::Seen,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::N3,
    rank: Rank::Ordinary,
    proof: "Segments are sent again (one in a hundred or more), and latency has steps of the retransmission timeout, 200 ms and more.",
    confused: "P7: there ListenDrops rise. N2: a full line drops as well, and there packets wait before it.",
    experiment: "The same probe on the other side of the suspected link: nothing is sent again.",
    advice: "Find and mend the link: cable, duplex, shaper, or a queue that is too short.",
    claim,
    direct,
    must: &[],
    supports: &[steps],
    refutes: &[super::p7::direct, line_is_full],
    counters,
    exact,
};

/// What a request takes longer than others by at least this has waited for a retransmission timeout, which no Linux
/// makes shorter than 200 ms.
const STEP_MS: f64 = 190.0;

/// The time that is lost to steps, where the classes of latency tell; else whatever a lost packet can be a part of.
fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let parts = scene.growth_or_standing(|part, _| {
        matches!(
            part,
            Part::Between | Part::Transfer | Part::Connect | Part::Server | Part::Queued | Part::StreamWait
        )
    });
    let Some(stepped) = stepped(scene, scene.high) else {
        return parts;
    };
    let attribution = scene.attribution.as_ref()?;
    let (low_ms, high_ms) = (attribution.low_ms, attribution.high_ms);
    // Of the growth what loss costs at low load is no part; of latency it is. Loss comes by chance, and a short round
    // may have most of it at low load: then nothing has grown.
    let of_growth = (stepped.ms - stepped_ms(scene, scene.low)) / (high_ms - low_ms);
    let of_latency = stepped.ms / high_ms;
    let has_grown = scene.is_troubled && high_ms > low_ms && of_growth > of_latency;
    let (share, basis, of) = if has_grown {
        (
            of_growth,
            Basis::Growth,
            format!("the growth of latency from {low_ms:.1} to {high_ms:.1} ms"),
        )
    } else {
        (
            of_latency,
            Basis::Standing,
            format!("a latency of {high_ms:.1} ms"),
        )
    };
    let share = share.clamp(0.0, 1.0);
    Some(Claim {
        share: Interval::exact(share),
        basis,
        words: format!("{:.0} % of {of}, lost in steps of 200 ms and more", share * 100.0),
        cites: stepped.cites,
    })
}

/// Requests that are slower than the median by a step.
struct Stepped {
    /// What of mean latency they are.
    ms: f64,
    share: f64,
    cites: Vec<Citation>,
}

fn stepped_ms(scene: &Scene<'_>, experiment: &str) -> f64 {
    stepped(scene, experiment).map_or(0.0, |stepped| stepped.ms)
}

fn stepped(scene: &Scene<'_>, experiment: &str) -> Option<Stepped> {
    let median = scene.view.value(experiment, Signal::ClientP50Ms, "")?;
    let classes: Vec<(f64, Seen)> = scene
        .view
        .subjects(experiment, Signal::ClientLatencyClass)
        .into_iter()
        .filter_map(|(end, seen)| Some((end.parse().ok()?, seen)))
        .collect();
    let all: f64 = classes.iter().map(|(_, seen)| seen.value).sum();
    if all <= 0.0 {
        return None;
    }
    let mut stepped = Stepped {
        ms: 0.0,
        share: 0.0,
        cites: Vec::new(),
    };
    for (end, seen) in classes {
        if end - median >= STEP_MS {
            stepped.ms += (end - median) * seen.value / all;
            stepped.share += seen.value / all;
            stepped.cites.push(seen.cite);
        }
    }
    Some(stepped)
}

const LOST_MIN: f64 = 0.01;
/// Segments, over all rounds, that tell one lost in a hundred.
const SEGMENTS_MIN: f64 = 100.0;
const STEPPED_MIN: f64 = 0.005;

/// The end that sends the answers counts what is lost of them, where it is seen.
fn direct(scene: &Scene<'_>) -> Answer {
    let ends: Vec<(f64, f64, Seen)> = ["", "server"]
        .into_iter()
        .filter_map(|end| {
            let again = scene.at_high(Signal::TcpRetransmits, end)?;
            let sent = scene
                .at_high(Signal::TcpSegments, end)
                .map(|seen| seen.value)
                .or_else(|| scene.view.answers(scene.high))
                .unwrap_or(f64::INFINITY);
            Some((again.value / sent.max(1.0), sent, again))
        })
        .collect();
    // Few segments say nothing: an end that only asks sends one for each request.
    let is_enough = |(_, sent, again): &(f64, f64, Seen)| sent * f64::from(again.cite.rounds) >= SEGMENTS_MIN;
    let any = ends
        .first()
        .map(|(share, sent, again)| (*share, *sent, again.clone()));
    let most = ends
        .into_iter()
        .filter(is_enough)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    if let (None, Some((_, sent, again))) = (&most, any) {
        return answer(false, format!("only {sent:.0} segments were sent"), [again]);
    }
    match most {
        Some((share, sent, again)) => answer(
            share >= LOST_MIN,
            format!("{:.0} of {sent:.0} segments were sent again", again.value),
            [again],
        ),
        None => unseen(Source::Tcp, ""),
    }
}

fn steps(scene: &Scene<'_>) -> Answer {
    match stepped(scene, scene.high) {
        Some(stepped) => {
            let words = format!(
                "{:.1} % of the requests are slower by a step of the retransmission timeout",
                stepped.share * 100.0
            );
            let seen = scene.at_high(Signal::ClientP50Ms, "");
            answer(stepped.share >= STEPPED_MIN, words, seen)
        }
        None => match scene.at_high(Signal::TcpRetransmitPileShare, "") {
            Some(seen) => answer(
                seen.value >= STEPPED_MIN,
                format!(
                    "{:.1} % of the requests are slower by a step of the retransmission timeout",
                    seen.value * 100.0
                ),
                [seen],
            ),
            None => unseen(Source::Client, ""),
        },
    }
}

/// A line that is full drops what its queue cannot hold: that is not the link's fault.
fn line_is_full(scene: &Scene<'_>) -> Answer {
    match (super::n2::RULE.direct)(scene) {
        Answer::Yes(said) => match line::queue(&scene.view) {
            Some((true, ..)) => Answer::Yes(said),
            Some((false, ..)) => Answer::No(said),
            None => unseen(Source::Tcp, "server"),
        },
        other => other,
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "N3-host",
        bottleneck: Bottleneck::N3,
        class: Class::Probe,
        factor: Factor::SameHost,
        base: scene.high,
        measure: Measure::Signal {
            signal: Signal::TcpRetransmits,
            subject: String::new(),
        },
        predicted: between(0.0, 0.0, 0.2),
        words: "The probe on the other side of the link.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_users(scene, "N3-users", Bottleneck::N3),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
