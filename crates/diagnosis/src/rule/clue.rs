//! Clues that several rules share.

use crate::{
    attribution::part::Part,
    finding::Basis,
    interval::Interval,
    scene::{Answer, Claim, Scene, answer, unseen},
    signal::Signal,
    source::Source,
    view::Seen,
};

/// A statement that a standing cost can be blamed on takes at least this long.
const SLOW_MS: f64 = 5.0;
/// And is part of at least this many of the requests.
const OF_REQUESTS: f64 = 0.5;
/// And is so many times as slow as the next one.
const OVER_NEXT: f64 = 10.0;

/// Whether one of these was counted, in any experiment.
pub(super) fn counted(scene: &Scene<'_>, counts: &[(Signal, &str)], words: &str, source: Source) -> Answer {
    let most = counts
        .iter()
        .filter_map(|(signal, subject)| scene.view.worst(*signal, subject))
        .max_by(|a, b| a.value.total_cmp(&b.value));
    match most {
        Some(seen) => answer(seen.value >= 1.0, format!("{:.0} {words}", seen.value), [seen]),
        None => unseen(source, ""),
    }
}

/// Whether a share of the active backends is in these waits.
pub(super) fn waits(
    scene: &Scene<'_>,
    is_wanted: impl Fn(&str) -> bool,
    share_min: f64,
    words: &str,
) -> Answer {
    let all = scene.view.subjects(scene.high, Signal::PgActiveWait);
    let sum: f64 = all.iter().map(|(_, seen)| seen.value).sum();
    if sum <= 0.0 {
        return match all.into_iter().next() {
            Some((_, seen)) => answer(false, "no backend is active".to_owned(), [seen]),
            None => unseen(Source::Activity, ""),
        };
    }
    let wanted: Vec<Seen> = all
        .iter()
        .filter(|(wait, _)| is_wanted(wait))
        .map(|(_, seen)| seen.clone())
        .collect();
    let share = wanted.iter().map(|seen| seen.value).sum::<f64>() / sum;
    // What is absent is shown by what is there instead.
    let cited = if wanted.is_empty() {
        all.into_iter().map(|(_, seen)| seen).take(1).collect()
    } else {
        wanted
    };
    answer(
        share >= share_min,
        format!("of the active backends {:.0} % {words}", share * 100.0),
        cited,
    )
}

/// The statement whose plan has the greatest value that is wanted; among equals the first by id.
pub(super) fn plan<'a>(
    scene: &Scene<'a>,
    signal: Signal,
    is_wanted: impl Fn(f64) -> bool,
) -> Option<&'a str> {
    scene
        .view
        .fact_subjects(signal)
        .into_iter()
        .find(|(_, seen)| is_wanted(seen.value))
        .map(|(query, _)| query)
}

/// What a statement explains: its share of the database's time, of all that waits for the database.
pub(super) fn statement_claim(scene: &Scene<'_>, query: &str) -> Option<Claim> {
    let statements = scene.statements(scene.high);
    let statement = statements.iter().find(|statement| statement.query == query)?;
    let by_database = |part: Part, subject: &str| match part {
        Part::Database => !subject.starts_with("Lock/"),
        Part::DatabaseGap | Part::DatabaseByServer | Part::PoolSize | Part::WaitingForCpu => {
            part != Part::WaitingForCpu || subject == "database"
        }
        _ => false,
    };
    let mut claim = match scene.growth(by_database) {
        Some(claim) => claim,
        None => {
            let next = statements
                .iter()
                .filter(|other| other.query != query)
                .map(|other| other.mean_ms)
                .fold(0.0, f64::max);
            let is_cost = statement.calls_each >= OF_REQUESTS
                && statement.mean_ms >= SLOW_MS
                && statement.mean_ms >= OVER_NEXT * next;
            scene.standing(by_database).filter(|_| is_cost)?
        }
    };
    claim.share = Interval {
        low: claim.share.low * statement.share,
        mid: claim.share.mid * statement.share,
        high: claim.share.high * statement.share,
    };
    let of = match claim.basis {
        Basis::Growth => "of the growth of latency",
        Basis::Standing => "of latency at any load",
        Basis::Errors | Basis::LostThroughput => "of the trouble",
    };
    claim.words = format!(
        "{:.0} % {of}: the statement has {:.0} % of the database's time, {:.1} ms a call",
        claim.share.mid * 100.0,
        statement.share * 100.0,
        statement.mean_ms
    );
    claim.cites.insert(0, statement.seen.cite.clone());
    Some(claim)
}
