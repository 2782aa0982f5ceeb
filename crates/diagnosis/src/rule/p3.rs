//! P3: a stream may send one flow-control window, then waits a round trip for the next.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    line,
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::P3,
    rank: Rank::Ordinary,
    proof: "Transfer takes as many round trips as the answer has windows, and TCP itself is not limited meanwhile.",
    confused: "Bandwidth: there the time follows bytes, not windows. A slow reader: there TCP is limited by the reader.",
    experiment: "A window four times as large: transfer falls as the number of round trips does (529 to 202 to 97 ms were measured for 16 KiB, 64 KiB and 1 MiB).",
    advice: "Let the client grant a larger initial window, or tune it automatically.",
    claim,
    direct,
    must: &[time_fits],
    supports: &[windows_counted],
    refutes: &[super::n4::reader_limits],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth_or_standing(|part, _| part == Part::Transfer)
}

/// Windows that an answer needs.
fn windows(scene: &Scene<'_>) -> Option<(f64, crate::view::Seen)> {
    let body = scene.at_high(Signal::ClientBodyBytes, "")?;
    let window = scene
        .load()
        .and_then(|load| load.window_bytes)
        .map(|bytes| bytes as f64)
        .or_else(|| {
            scene
                .view
                .fact(Signal::ClientWindowBytes, "")
                .map(|seen| seen.value)
        })?;
    (window > 0.0).then(|| ((body.value / window).ceil(), body))
}

fn direct(scene: &Scene<'_>) -> Answer {
    match windows(scene) {
        Some((windows, body)) => answer(
            windows >= 2.0,
            format!("an answer of {:.0} bytes needs {windows:.0} windows", body.value),
            [body],
        ),
        None => match scene
            .at_high(Signal::ClientBodyBytes, "")
            .or_else(|| scene.at_high(Signal::ClientTransferMs, ""))
        {
            // HTTP/1 has no window of its own.
            Some(seen) if scene.load().and_then(|load| load.protocol.as_deref()) != Some("HTTP/2") => {
                answer(false, "HTTP/1 has no flow-control window".to_owned(), [seen])
            }
            _ => unseen(Source::Client, ""),
        },
    }
}

fn time_fits(scene: &Scene<'_>) -> Answer {
    let (Some((windows, _)), Some(rtt), Some(transfer)) = (
        windows(scene),
        line::round_trip(&scene.view, ""),
        scene.at_low(Signal::ClientTransferMs, ""),
    ) else {
        return unseen(Source::Tcp, "");
    };
    let expected = (windows - 1.0) * rtt.value;
    answer(
        transfer.value >= 0.6 * expected && transfer.value <= 2.0 * expected + rtt.value && rtt.value >= 1.0,
        format!(
            "transfer takes {:.1} ms, and {windows:.0} windows at a round trip of {:.1} ms take {expected:.1}",
            transfer.value, rtt.value
        ),
        [transfer, rtt],
    )
}

fn windows_counted(scene: &Scene<'_>) -> Answer {
    match (windows(scene), scene.at_high(Signal::ClientWindowUpdates, "")) {
        (Some((windows, _)), Some(seen)) => answer(
            seen.value >= windows - 1.5,
            format!("{:.1} window updates an answer", seen.value),
            [seen],
        ),
        _ => unseen(Source::Client, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let Some((windows, _)) = windows(scene) else {
        return Vec::new();
    };
    let from = scene.load().and_then(|load| load.window_bytes).unwrap_or(65_535);
    let after = ((windows / 4.0).ceil() + 2.0) / (windows + 2.0);
    let direct = Direct {
        id: "P3-window",
        bottleneck: Bottleneck::P3,
        class: Class::Client,
        factor: Factor::Window {
            from,
            to: from.saturating_mul(4),
        },
        base: scene.low,
        measure: Measure::Latency,
        predicted: between(after * 0.6, after, (after * 1.4).min(0.95)),
        words: "A window four times as large.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "P3-connections", Bottleneck::P3),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec!["SETTINGS_INITIAL_WINDOW_SIZE = 1048576".to_owned()]
}
