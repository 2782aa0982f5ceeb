//! D8: one request asks the database many times, one after another.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D8,
    rank: Rank::Ordinary,
    proof: "Ten statements a request or more, each fast, the same one again and again; latency is about their number times the round trip.",
    confused: "D2: one slow statement.",
    experiment: "One millisecond more to the database: latency grows by as many milliseconds as there are statements.",
    advice: "Ask once for all: one statement with = ANY($1) instead of one for each id.",
    claim,
    direct,
    must: &[each_is_fast],
    supports: &[same_in_sequence],
    refutes: &[throttled, one_is_slow],
    counters,
    exact,
};

const STATEMENTS_MIN: f64 = 10.0;
const FAST_MS: f64 = 5.0;

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    scene.growth_or_standing(|part, subject| match part {
        Part::Database => subject.is_empty() || !crate::attribution::holder::is_trouble(subject),
        Part::DatabaseGap | Part::DatabaseByServer => true,
        // Every statement is another chance to wait, and each wait is that of a hold made long by their number.
        Part::PoolSize => true,
        _ => false,
    })
}

fn statements_each(scene: &Scene<'_>) -> Option<(f64, crate::view::Seen)> {
    if let Some(seen) = scene.at_high(Signal::AppStatements, "") {
        return Some((seen.value, seen));
    }
    let top = scene
        .statements(scene.high)
        .into_iter()
        .max_by(|a, b| a.calls_each.total_cmp(&b.calls_each))?;
    Some((top.calls_each, top.seen))
}

fn direct(scene: &Scene<'_>) -> Answer {
    match statements_each(scene) {
        Some((each, seen)) => answer(
            each >= STATEMENTS_MIN,
            format!("{each:.0} statements a request"),
            [seen],
        ),
        None => unseen(Source::Statements, ""),
    }
}

fn each_is_fast(scene: &Scene<'_>) -> Answer {
    let mean = scene
        .statements(scene.high)
        .into_iter()
        .max_by(|a, b| a.calls_each.total_cmp(&b.calls_each))
        .filter(|top| top.mean_ms > 0.0)
        .map(|top| (top.mean_ms, top.seen))
        .or_else(|| {
            let (each, _) = statements_each(scene)?;
            let all = scene.at_low(Signal::AppDbMs, "")?;
            Some((all.value / each.max(1.0), all))
        });
    match mean {
        Some((mean, seen)) => answer(mean < FAST_MS, format!("each takes {mean:.2} ms"), [seen]),
        None => unseen(Source::Statements, ""),
    }
}

fn same_in_sequence(scene: &Scene<'_>) -> Answer {
    match scene.at_high(Signal::TraceSequential, "") {
        Some(seen) => answer(
            seen.value >= STATEMENTS_MIN,
            format!(
                "traces show the same statement {:.0} times in sequence",
                seen.value
            ),
            [seen],
        ),
        None => unseen(Source::Traces, ""),
    }
}

fn one_is_slow(scene: &Scene<'_>) -> Answer {
    match scene.statements(scene.high).into_iter().next() {
        Some(first) => answer(
            first.share > 0.5 && first.calls_each < STATEMENTS_MIN,
            format!(
                "one statement has {:.0} % of the time, called {:.1} times a request",
                first.share * 100.0,
                first.calls_each
            ),
            [first.seen],
        ),
        None => unseen(Source::Statements, ""),
    }
}

fn throttled(scene: &Scene<'_>) -> Answer {
    super::d9b::direct(scene)
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let each = statements_each(scene).map_or(STATEMENTS_MIN, |(each, _)| each);
    let base_ms = scene.view.latency(scene.low).unwrap_or(1.0);
    let ratio = (base_ms + each) / base_ms;
    let direct = Direct {
        id: "D8-delay",
        bottleneck: Bottleneck::D8,
        class: Class::Probe,
        factor: Factor::Delay {
            path: "database".to_owned(),
            ms: 1.0,
        },
        base: scene.low,
        measure: Measure::Latency,
        predicted: between(
            (1.0 + (ratio - 1.0) * 0.7).max(1.02),
            ratio,
            1.0 + (ratio - 1.0) * 1.3,
        ),
        words: format!("1 ms more in the path to the database: latency grows by {each:.0} ms."),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "D8-connections", Bottleneck::D8),
    ]
}

fn exact(_: &Scene<'_>) -> Vec<String> {
    vec!["SELECT .. WHERE id = ANY($1)".to_owned()]
}
