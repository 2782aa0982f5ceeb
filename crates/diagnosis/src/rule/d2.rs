//! D2: one statement takes most of the database's time.

use crate::{
    attribution::part::Part,
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::{SLOW_MS, statement_claim, waits},
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, Statement, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D2,
    rank: Rank::Specific,
    proof: "By pg_stat_statements one statement has more than half of the time and more than three times the second, and it is on the path of most requests.",
    confused: "A resource that is short: there all statements take longer. D8: there it is called many times, each call fast.",
    experiment: "A route without the statement: its share goes.",
    advice: "Rewrite the statement, or keep its answer. Its plan says where the time goes.",
    claim,
    direct,
    must: &[],
    supports: &[],
    refutes: &[
        all_slower,
        called_many_times,
        waits_for_locks,
        waits_for_reads,
        waits_for_a_cpu,
    ],
    counters,
    exact,
};

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let top = top(scene)?;
    timeouts(scene, &top).or_else(|| statement_claim(scene, top.query))
}

/// Where requests time out there is little latency to attribute: the statement takes as long as a failure, or nearly
/// all of the time of those that are answered.
fn timeouts(scene: &Scene<'_>, top: &Statement<'_>) -> Option<Claim> {
    let claim = scene.errors(&[
        (Signal::ClientStatus, "504"),
        (Signal::ClientTimeouts, ""),
        (Signal::ProxyTimeouts, ""),
    ])?;
    let cliff = scene.cliff()?;
    // Of what a request waited for before it was sent the statement knows nothing.
    let queued = scene.view.value(cliff, Signal::ClientQueuedMs, "").unwrap_or(0.0);
    let sent = |signal: Signal| Some((scene.view.value(cliff, signal, "")? - queued).max(0.0));
    let failed = sent(Signal::ClientErrorMs)?;
    let answered = sent(Signal::ClientLatencyMs);
    let is_all = answered.is_some_and(|answered| top.mean_ms * top.calls_each.min(1.0) >= 0.7 * answered);
    (top.mean_ms >= 0.8 * failed || is_all && top.mean_ms >= SLOW_OF_FAILED * failed).then_some(claim)
}

fn top<'a>(scene: &Scene<'a>) -> Option<Statement<'a>> {
    let step = scene
        .cliff()
        .filter(|cliff| !scene.statements(cliff).is_empty())
        .unwrap_or(scene.high);
    scene.statements(step).into_iter().next()
}

const SHARE_MIN: f64 = 0.5;
/// A statement far from the timeout is not what it is about.
const SLOW_OF_FAILED: f64 = 0.3;
const OVER_SECOND_MIN: f64 = 3.0;

fn direct(scene: &Scene<'_>) -> Answer {
    let step = scene
        .cliff()
        .filter(|cliff| !scene.statements(cliff).is_empty())
        .unwrap_or(scene.high);
    let statements = scene.statements(step);
    match statements.as_slice() {
        [] => unseen(Source::Statements, ""),
        // With one statement in all there is nothing that it dominates.
        [only] => answer(
            false,
            "one statement is all that requests ask".to_owned(),
            [only.seen.clone()],
        ),
        [first, second, ..] => answer(
            first.share > SHARE_MIN
                && first.share > OVER_SECOND_MIN * second.share
                && first.mean_ms >= 2.0 * second.mean_ms,
            format!(
                "one statement has {:.0} % of the database's time at {:.1} ms a call, the next one {:.0} %",
                first.share * 100.0,
                first.mean_ms,
                second.share * 100.0
            ),
            [first.seen.clone(), second.seen.clone()],
        ),
    }
}

fn all_slower(scene: &Scene<'_>) -> Answer {
    let before = scene.statements(scene.low);
    let after = scene.statements(scene.high);
    let others: Vec<f64> = after
        .iter()
        .skip(1)
        .filter_map(|after| {
            let before = before.iter().find(|before| before.query == after.query)?;
            (before.mean_ms > 0.0).then(|| after.mean_ms / before.mean_ms)
        })
        .collect();
    let Some(first) = after.first().filter(|_| !others.is_empty()) else {
        return unseen(Source::Statements, "");
    };
    let least = others.iter().copied().fold(f64::INFINITY, f64::min);
    answer(
        least >= 1.5,
        format!("all other statements take at least {least:.1} times as long too"),
        [first.seen.clone()],
    )
}

fn called_many_times(scene: &Scene<'_>) -> Answer {
    match scene.statements(scene.high).into_iter().next() {
        Some(first) => answer(
            first.calls_each >= 10.0 && first.mean_ms < 5.0,
            format!(
                "it is called {:.0} times a request, {:.1} ms each",
                first.calls_each, first.mean_ms
            ),
            [first.seen],
        ),
        None => unseen(Source::Statements, ""),
    }
}

/// A statement that waits for the database's CPU is slow because there are many of it: that is D9. One that dominates by
/// itself is slow when it is alone, too. Short statements beside it say nothing: a scheduler lets those run first that
/// have had little.
fn waits_for_a_cpu(scene: &Scene<'_>) -> Answer {
    const MOST: f64 = 0.5;
    let share = scene.attribution.as_ref().map_or(0.0, |attribution| {
        attribution.share(|part, subject| part == Part::WaitingForCpu && subject == "database")
    });
    match super::d9::direct(scene) {
        Answer::Yes(said) => match quick_alone(scene) {
            Some((alone, top)) => answer(
                true,
                format!(
                    "alone the statement takes {alone:.1} ms, under load {:.1}, and {}",
                    top.mean_ms, said.words
                ),
                [top.seen],
            ),
            None => answer(
                share >= MOST,
                format!(
                    "{:.0} % of the growth is the database's wait for a CPU: {}",
                    share * 100.0,
                    said.words
                ),
                Vec::<crate::view::Seen>::new(),
            ),
        },
        other => other,
    }
}

/// The statement with the most time and what it took at low load, if it was quick then and is not now: most of what it
/// takes is waiting.
fn quick_alone<'a>(scene: &Scene<'a>) -> Option<(f64, Statement<'a>)> {
    const MOSTLY_WAITING: f64 = 2.0;
    let top = scene.statements(scene.high).into_iter().next()?;
    let alone = scene
        .statements(scene.low)
        .into_iter()
        .find(|before| before.query == top.query)?
        .mean_ms;
    (alone < SLOW_MS && top.mean_ms >= MOSTLY_WAITING * alone).then_some((alone, top))
}

fn waits_for_locks(scene: &Scene<'_>) -> Answer {
    waits(scene, |wait| wait.starts_with("Lock/"), 0.4, "wait for locks")
}

/// A disk that is slow makes those statements slow that read from it: that is D10.
fn waits_for_reads(scene: &Scene<'_>) -> Answer {
    waits(scene, super::d10::is_read, 0.4, "wait for a read from disk")
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let direct = Direct {
        id: "D2-without",
        bottleneck: Bottleneck::D2,
        class: Class::Reconfigure,
        factor: Factor::LeaveOut {
            what: "statement".to_owned(),
        },
        base: scene.high,
        measure: Measure::Latency,
        predicted: between(0.02, 0.3, 0.7),
        words: "Without the statement.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "D2-connections", Bottleneck::D2),
    ]
}

fn exact(scene: &Scene<'_>) -> Vec<String> {
    top(scene)
        .and_then(|top| scene.view.note(scene.high, Signal::PgStatementMs, top.query))
        .map(|sql| format!("EXPLAIN (ANALYZE, BUFFERS) {sql}"))
        .into_iter()
        .collect()
}
