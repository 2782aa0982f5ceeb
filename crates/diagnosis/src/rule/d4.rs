//! D4: a statement reads a table to find a few rows of it.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::{plan, statement_claim},
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D4,
    rank: Rank::Exact,
    proof: "Filters remove far more rows than are returned, and a hypothetical index is chosen and makes the plan ten times cheaper.",
    confused: "Stale statistics: there estimates are off by more than ten times; ANALYZE first. D3: there no plain index is chosen.",
    experiment: "The index on a copy: the time falls as the plan says.",
    advice: "Create the index.",
    claim,
    direct,
    must: &[index_is_chosen],
    supports: &[tested_on_a_copy],
    refutes: &[statistics_are_stale],
    counters,
    exact,
};

const REMOVED_MIN: f64 = 1000.0;
const CHEAPER_MIN: f64 = 10.0;

/// Of those that read a table for a few rows of it, the one that takes most of the database's time.
fn query<'a>(scene: &Scene<'a>) -> Option<&'a str> {
    let is_reading = |query: &str| {
        scene
            .view
            .fact(Signal::PlanRowsRemoved, query)
            .is_some_and(|seen| seen.value >= REMOVED_MIN)
    };
    scene
        .statements(scene.high)
        .into_iter()
        .map(|statement| statement.query)
        .find(|query| is_reading(query))
        .or_else(|| plan(scene, Signal::PlanRowsRemoved, |value| value >= REMOVED_MIN))
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    statement_claim(scene, query(scene)?)
}

fn direct(scene: &Scene<'_>) -> Answer {
    let by_plan = || {
        let plans = scene.view.fact_subjects(Signal::PlanRowsRemoved);
        plans.into_iter().next()
    };
    let of_query =
        query(scene).and_then(|query| Some((query, scene.view.fact(Signal::PlanRowsRemoved, query)?)));
    let Some((query, removed)) = of_query.or_else(by_plan) else {
        return unseen(Source::Plans, "");
    };
    let returned = scene
        .view
        .fact(Signal::PlanRowsReturned, query)
        .map_or(1.0, |seen| seen.value.max(1.0));
    answer(
        removed.value >= REMOVED_MIN && removed.value >= 10.0 * returned,
        format!("filters remove {:.0} rows to return {returned:.0}", removed.value),
        [removed],
    )
}

fn index_is_chosen(scene: &Scene<'_>) -> Answer {
    let Some(query) = query(scene) else {
        return unseen(Source::Plans, "");
    };
    match (
        scene.view.fact(Signal::PlanHypotheticalUsed, query),
        scene.view.fact(Signal::PlanCost, query),
        scene.view.fact(Signal::PlanHypotheticalCost, query),
    ) {
        (Some(used), Some(now), Some(then)) => answer(
            used.value >= 0.5 && now.value >= CHEAPER_MIN * then.value,
            format!(
                "with a hypothetical index the plan costs {:.0} instead of {:.0}",
                then.value, now.value
            ),
            [used, now, then],
        ),
        (Some(used), ..) if used.value < 0.5 => {
            answer(false, "a hypothetical index is not chosen".to_owned(), [used])
        }
        _ => unseen(Source::Plans, ""),
    }
}

fn tested_on_a_copy(scene: &Scene<'_>) -> Answer {
    let times = query(scene).and_then(|query| {
        Some((
            scene.view.fact(Signal::PlanRunMs, query)?,
            scene.view.fact(Signal::PlanCopyMs, query)?,
        ))
    });
    match times {
        Some((now, then)) => answer(
            then.value <= 0.2 * now.value,
            format!(
                "on a copy with the index it takes {:.2} instead of {:.2} ms",
                then.value, now.value
            ),
            [then, now],
        ),
        None => unseen(Source::Plans, ""),
    }
}

fn statistics_are_stale(scene: &Scene<'_>) -> Answer {
    match query(scene).and_then(|query| scene.view.fact(Signal::PlanEstimateOff, query)) {
        Some(seen) => answer(
            seen.value > 10.0,
            format!("estimates are off by {:.0} times: ANALYZE first", seen.value),
            [seen],
        ),
        None => unseen(Source::Plans, ""),
    }
}

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let (Some(query), Some(sql)) = (query(scene), exact(scene).into_iter().next()) else {
        return Vec::new();
    };
    let direct = Direct {
        id: "D4-index",
        bottleneck: Bottleneck::D4,
        class: Class::DatabaseConnection,
        factor: Factor::Explain {
            query: query.to_owned(),
            sql,
        },
        base: scene.high,
        measure: Measure::Signal {
            signal: Signal::PlanRunMs,
            subject: query.to_owned(),
        },
        predicted: between(0.0, 0.05, 0.3),
        words: "The statement on a copy with the index.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "D4-connections", Bottleneck::D4),
    ]
}

fn exact(scene: &Scene<'_>) -> Vec<String> {
    query(scene)
        .and_then(|query| scene.view.fact(Signal::PlanHypotheticalCost, query))
        .map(|seen| seen.cite.note)
        .filter(|note| !note.is_empty())
        .map(|index| index.replacen("CREATE INDEX ON", "CREATE INDEX CONCURRENTLY ON", 1))
        .into_iter()
        .collect()
}
