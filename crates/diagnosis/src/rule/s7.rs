//! S7: another service that the server calls is slow, or takes few calls at once.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, control, longer},
    scene::{Answer, Claim, Scene, answer, circumstance, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::S7,
    rank: Rank::Ordinary,
    proof: "The client of that service is 98 to 99 % of the growth, and its calls in flight are at their limit where that is told. By `Server-Timing` alone it is suspected until changing it has helped.",
    confused: "A lock of the server's own: there is no outbound call.",
    experiment: "Time added in the path to that service lowers throughput; the same added to the database changes nothing (127 to 127 a second were measured).",
    advice: "Bound the calls so that others do not wait behind them, keep answers for a while, or raise the service's limit.",
    claim,
    direct,
    must: &[],
    supports: &[slots_are_full],
    refutes: &[],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth(|part, subject| part == Part::Downstream && subject.is_empty())
}

fn direct(scene: &Scene<'_>) -> Answer {
    let Some(seen) = scene.at_high(Signal::AppDownstreamMs, "") else {
        return unseen(Source::Metrics, "");
    };
    let server = scene.server_ms();
    let is_most = seen.value >= 0.25 * server;
    let words = format!(
        "calls of other services take {:.1} ms of {server:.1} ms",
        seen.value
    );
    // The names in that header are anybody's, and so is who wrote it: the server, or a proxy before it.
    if scene.is_told_by_timing() {
        return circumstance(is_most, format!("{words}, by `Server-Timing`"), [seen]);
    }
    answer(is_most, words, [seen])
}

fn slots_are_full(scene: &Scene<'_>) -> Answer {
    match (
        scene.at_high(Signal::AppDownstreamInFlight, ""),
        scene.view.fact(Signal::AppDownstreamMax, ""),
    ) {
        (Some(seen), Some(most)) => answer(
            seen.value >= 0.85 * most.value,
            format!(
                "{:.1} of {:.0} calls at once are in flight",
                seen.value, most.value
            ),
            [seen, most],
        ),
        _ => unseen(Source::Metrics, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let hold = scene
        .at_low(Signal::AppDownstreamMs, "")
        .map_or(10.0, |seen| seen.value.max(1.0));
    let added = (hold * 0.4).max(1.0);
    let direct = Direct {
        id: "S7-delay",
        bottleneck: Bottleneck::S7,
        class: Class::Probe,
        factor: Factor::Delay {
            path: "downstream".to_owned(),
            ms: added,
        },
        base: scene.high,
        measure: Measure::Rate,
        predicted: longer(hold, added),
        words: format!("{added:.1} ms more in the path to the service lengthen each call of {hold:.1} ms."),
    };
    vec![
        direct.counter(None),
        control(
            "S7-database-delay",
            Bottleneck::S7,
            scene.high,
            Factor::Delay {
                path: "database".to_owned(),
                ms: 4.0,
            },
            Measure::Rate,
            "4 ms more in the path to the database: nobody waits for it.",
        ),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    Vec::new()
}
