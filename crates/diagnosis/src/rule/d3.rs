//! D3: a view with DISTINCT ON sorts its whole table to show a page of it.

use crate::{
    bottleneck::Bottleneck,
    counter::{Class, CounterExperiment, Factor, Measure},
    rule::clue::{plan, statements_claim},
    rule::{Direct, Rank, Rule, between, more_connections},
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
};

pub(super) const RULE: Rule = Rule {
    bottleneck: Bottleneck::D3,
    rank: Rank::Exact,
    proof: "The plan is Limit, Sort, Unique, Sort, Seq Scan; a scan reads every row of the table; and a hypothetical index on the time does not change the plan.",
    confused: "A missing index: there the hypothetical index is chosen.",
    experiment: "The statement over a latest relation, explained again: rows read for each row returned fall.",
    advice: "A plain index does not help: every version must be compared before the newest is known. Keep the latest version of each object as a table of its own, or as a flag with a partial index.",
    claim,
    direct,
    must: &[index_does_not_help],
    supports: &[reads_the_table, rewriting_helps],
    refutes: &[],
    counters,
    exact,
};

fn query<'a>(scene: &Scene<'a>) -> Option<&'a str> {
    plan(scene, Signal::PlanDistinctOn, |value| value >= 1.0)
}

fn claim(scene: &Scene<'_>) -> Option<Claim> {
    let all: Vec<&str> = scene
        .view
        .fact_subjects(Signal::PlanDistinctOn)
        .into_iter()
        .filter(|(_, seen)| seen.value >= 1.0)
        .map(|(query, _)| query)
        .collect();
    statements_claim(scene, &all)
}

fn direct(scene: &Scene<'_>) -> Answer {
    let plans = scene.view.fact_subjects(Signal::PlanDistinctOn);
    match plans.into_iter().next() {
        Some((_, seen)) => answer(
            seen.value >= 1.0,
            if seen.value >= 1.0 {
                format!(
                    "the plan reads all of {} to keep the newest of each object, and only then looks at what was asked for",
                    if seen.cite.note.is_empty() {
                        "the table"
                    } else {
                        &seen.cite.note
                    }
                )
            } else {
                "no plan keeps the newest of each object of a whole table".to_owned()
            },
            [seen],
        ),
        None => unseen(Source::Plans, ""),
    }
}

fn index_does_not_help(scene: &Scene<'_>) -> Answer {
    let Some(query) = query(scene) else {
        return unseen(Source::Plans, "");
    };
    let fact = |signal: Signal| scene.view.fact(signal, query);
    match (
        fact(Signal::PlanHypotheticalUsed),
        fact(Signal::PlanCost),
        fact(Signal::PlanHypotheticalCost),
    ) {
        (Some(used), ..) if used.value < 0.5 => answer(
            true,
            "a hypothetical index does not change the plan".to_owned(),
            [used],
        ),
        (Some(used), Some(now), Some(then)) => answer(
            then.value > now.value * CHEAPER_MIN,
            format!(
                "with the best hypothetical index ({}) the plan still costs {:.0} of {:.0}",
                then.cite.note.trim_start_matches("CREATE INDEX "),
                then.value,
                now.value
            ),
            [used, then],
        ),
        (Some(used), ..) => answer(false, "a hypothetical index changes the plan".to_owned(), [used]),
        (None, ..) => unseen(Source::Plans, ""),
    }
}

fn reads_the_table(scene: &Scene<'_>) -> Answer {
    for (table, scans) in scene.view.subjects(scene.high, Signal::PgSeqScans) {
        if let (Some(rows), Some(live)) = (
            scene.at_high(Signal::PgSeqRows, table),
            scene.view.fact(Signal::PgLiveRows, table),
        ) && scans.value >= 1.0
        {
            let each = rows.value / scans.value;
            return answer(
                each >= 0.8 * live.value && live.value >= 1000.0,
                format!("each scan of {table} reads {each:.0} rows, of {:.0}", live.value),
                [rows, live],
            );
        }
    }
    unseen(Source::Statistics, "")
}

fn rewriting_helps(scene: &Scene<'_>) -> Answer {
    let costs = query(scene).and_then(|query| {
        Some((
            scene.view.fact(Signal::PlanCost, query)?,
            scene.view.fact(Signal::PlanRewriteCost, query)?,
        ))
    });
    match costs {
        Some((now, rewritten)) => answer(
            rewritten.value < now.value * REWRITTEN_MAX,
            format!(
                "with the view said otherwise the planner's cost of the statement goes from {:.0} to {:.0}",
                now.value, rewritten.value
            ),
            [now, rewritten],
        ),
        None => unseen(Source::Plans, ""),
    }
}

/// An index that leaves more of the cost does not help: every version is still read.
const CHEAPER_MIN: f64 = 0.1;
/// A rewriting that leaves more of it is none. For a list of parameters the planner assumes ten of them.
const REWRITTEN_MAX: f64 = 0.25;

fn counters(scene: &Scene<'_>) -> Vec<CounterExperiment> {
    let Some(query) = query(scene) else {
        return Vec::new();
    };
    let direct = Direct {
        id: "D3-rewrite",
        bottleneck: Bottleneck::D3,
        class: Class::DatabaseConnection,
        factor: Factor::Explain {
            query: query.to_owned(),
            sql: rewrite(scene),
        },
        base: scene.high,
        measure: Measure::Signal {
            signal: Signal::PlanRowsRead,
            subject: query.to_owned(),
        },
        predicted: between(0.0, 0.01, 0.2),
        words: "The statement over a latest relation, explained again.".to_owned(),
    };
    vec![
        direct.counter(None),
        more_connections(scene, "D3-connections", Bottleneck::D3),
    ]
}

fn rewrite(scene: &Scene<'_>) -> String {
    query(scene)
        .and_then(|query| scene.view.fact(Signal::PlanRewriteCost, query))
        .map(|seen| seen.cite.note)
        .filter(|note| !note.is_empty())
        .unwrap_or_else(|| {
            let table = query(scene)
                .and_then(|query| {
                    [Signal::PlanDistinctOn, Signal::PlanSeqScan]
                        .into_iter()
                        .filter_map(|signal| scene.view.fact(signal, query))
                        .map(|seen| seen.cite.note)
                        .find(|note| !note.is_empty())
                })
                .unwrap_or_else(|| "revision".to_owned());
            format!(
                "ALTER TABLE {table} ADD COLUMN is_latest boolean NOT NULL DEFAULT false;\n\
                 CREATE INDEX CONCURRENTLY ON {table} (ts DESC) WHERE is_latest;"
            )
        })
}

fn exact(scene: &Scene<'_>) -> Vec<String> {
    vec![rewrite(scene)]
}
