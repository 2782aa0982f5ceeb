//! The plans of the statements that took most of the time, and the indexes that would change them.

use diagnosis::{signal::Signal, source::Source};

use super::Quest;
use crate::{
    error::Error,
    observer::postgres::{Location, Session, Version, plan},
    watch::told,
};

/// Statements that are explained.
const EXPLAINED_MAX: usize = 6;

/// A plan that scans so many rows in sequence, of at most half as many expected to leave the scan, is dominated by it.
const SCAN_ROWS_MIN: f64 = 1_000.0;

/// Explains them.
pub(super) fn explain(quest: &mut Quest<'_>) -> Result<(), Error> {
    let top = top(quest);
    if top.is_empty() {
        return Ok(());
    }
    quest.tell("plans of the statements that took longest");
    let locations: Vec<Location> = quest.config.sources.postgres.clone();
    for location in &locations {
        let opened = Session::open(location).and_then(|mut session| {
            let version = Version::ask(&mut session)?;
            Ok((session, version))
        });
        let Ok((mut session, version)) = opened else {
            continue;
        };
        for (id, sql) in &top {
            // A statement of another database has tables that are not in this one.
            let Ok(plan) = plan::explain(&mut session, &version, id, sql) else {
                continue;
            };
            record(quest, &plan, sql)?;
            if let Some(why) = &plan.untried {
                let state = crate::observer::State::Available;
                let line = told(Source::Plans, "database", &state, why);
                quest.recording.push(diagnosis::evidence::Line::Source(line))?;
            }
        }
    }
    Ok(())
}

fn record(quest: &mut Quest<'_>, plan: &plan::Plan, sql: &str) -> Result<(), Error> {
    let id = &plan.query_id;
    quest.fact(Signal::PlanCost, id, plan.cost, sql)?;
    if let Some(root) = plan.steps.first() {
        quest.fact(Signal::PlanRowsReturned, id, root.rows, "")?;
    }
    // Without running it, what a filter removes is what the planner expects it to.
    let removed = plan
        .steps
        .iter()
        .filter_map(|step| Some((step.read? - step.rows).max(0.0)))
        .fold(None, |most: Option<f64>, rows| {
            Some(most.map_or(rows, |most| most.max(rows)))
        });
    if let Some(removed) = removed {
        quest.fact(Signal::PlanRowsRemoved, id, removed, "")?;
    }
    let scan = plan
        .steps
        .iter()
        .filter(|step| step.is_of_all())
        .max_by(|one, other| one.rows.total_cmp(&other.rows));
    if let Some(scan) = scan {
        let table = scan.relation.clone().unwrap_or_default();
        let is_large = plan.cost > SCAN_ROWS_MIN / 10.0 || scan.rows >= SCAN_ROWS_MIN;
        quest.fact(Signal::PlanSeqScan, id, f64::from(u8::from(is_large)), &table)?;
    }
    let sorted = distinct_on(plan);
    quest.fact(
        Signal::PlanDistinctOn,
        id,
        f64::from(u8::from(sorted.is_some())),
        sorted.unwrap_or_default(),
    )?;
    if let Some(rewrite) = &plan.rewrite {
        quest.fact(Signal::PlanRewriteCost, id, rewrite.cost, &rewrite.sql)?;
    }
    let best = plan.trials.iter().min_by(|one, other| {
        one.cost
            .total_cmp(&other.cost)
            .then(other.is_used.cmp(&one.is_used))
    });
    if let Some(trial) = best {
        quest.fact(Signal::PlanHypotheticalCost, id, trial.cost, &trial.index)?;
        quest.fact(
            Signal::PlanHypotheticalUsed,
            id,
            f64::from(u8::from(trial.is_used)),
            &trial.index,
        )?;
    }
    Ok(())
}

/// The table that is read from end to end, in the order of a sort or of an index, for the newest of each.
fn distinct_on(plan: &plan::Plan) -> Option<&str> {
    let unique = plan.steps.iter().position(|step| step.kind == "Unique")?;
    let scan = plan.steps[unique..].iter().find(|step| step.is_of_all())?;
    if scan.rows < SCAN_ROWS_MIN {
        return None;
    }
    scan.relation.as_deref()
}

/// The statements that took most of the time, with their texts.
fn top(quest: &Quest<'_>) -> Vec<(String, String)> {
    let mut by_id = std::collections::BTreeMap::<&str, f64>::new();
    for observation in &quest.recording.evidence.observations {
        if observation.signal == Signal::PgStatementMs {
            *by_id.entry(observation.subject.as_str()).or_default() += observation.value().unwrap_or(0.0);
        }
    }
    let mut by_time: Vec<(&str, f64)> = by_id.into_iter().collect();
    by_time.sort_by(|one, other| other.1.total_cmp(&one.1));
    by_time
        .into_iter()
        .filter_map(|(id, _)| Some((id.to_owned(), quest.notes.get(id)?.clone())))
        .take(EXPLAINED_MAX)
        .collect()
}
