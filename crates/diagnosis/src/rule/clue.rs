//! Clues that several rules share.

use crate::{
    attribution::part::Part,
    finding::Basis,
    guard,
    interval::Interval,
    scene::{Answer, Claim, Scene, Statement, answer, unseen},
    signal::Signal,
    source::Source,
    view::Seen,
};

/// A statement that a standing cost can be blamed on takes at least this long: an API whose one statement takes
/// 10 ms is healthy.
pub(super) const SLOW_MS: f64 = 25.0;
/// And is part of at least this many of the requests.
const OF_REQUESTS: f64 = 0.5;
/// And is so many times as slow as the next one.
const OVER_NEXT: f64 = 3.0;
/// And is at least this share of latency: what has less is not what a request is slow by.
const OF_LATENCY: f64 = 0.5;

/// A party that is busy for more of the time has no core free.
const SATURATED: f64 = 0.85;
/// And so has a machine; who uses more than this of it, uses most.
const FULL: f64 = 0.88;
const MOST: f64 = 0.5;

/// Whether a party uses all cores that it may, or most of a machine that has none left.
pub(super) fn cores_are_full(scene: &Scene<'_>, party: &'static str) -> Answer {
    let (Some((busy, seen)), Some(cores)) = (
        scene.cores_busy(party),
        scene.view.fact(Signal::ProcessCores, party),
    ) else {
        return unseen(Source::Process, party);
    };
    match scene.at_high(Signal::HostBusyShare, party) {
        // Where others share its machine, the generator too, it cannot have all of it.
        Some(host) if host.value >= FULL && busy >= MOST * cores.value => answer(
            true,
            format!(
                "its machine is busy for {:.0} % of the time, and the {party} uses {busy:.2} of {:.0} cores",
                host.value * 100.0,
                cores.value
            ),
            [seen, cores, host],
        ),
        _ => answer(
            busy >= (SATURATED - scene.edge_idle()) * cores.value,
            format!("the {party} uses {busy:.2} of {:.2} cores", cores.value),
            [seen, cores],
        ),
    }
}

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

/// Who finds no slot when it connects sends no request that could fail: such users are missing from those in flight,
/// and so are their answers.
pub(super) fn turned_away(scene: &Scene<'_>, counts: &[(Signal, &str)]) -> Option<Claim> {
    /// Between two requests a user is not in flight either.
    const MISSING_MIN: f64 = 0.1;
    let counted = counts
        .iter()
        .filter_map(|(signal, subject)| scene.at_high(*signal, subject))
        .max_by(|a, b| a.value.total_cmp(&b.value))
        .filter(|seen| seen.value >= 1.0)?;
    let in_flight = scene
        .at_high(Signal::ClientInFlight, "")
        .filter(|_| scene.is_troubled)?;
    let users = scene.view.users(scene.high)?;
    let missing = 1.0 - in_flight.value / users;
    let lost = 1.0 - guard::proportional(&scene.view)?;
    if missing < MISSING_MIN || lost <= 0.0 {
        return None;
    }
    Some(Claim {
        share: Interval::exact((missing / lost).min(1.0)),
        basis: Basis::LostThroughput,
        words: format!(
            "the lost throughput: of {users:.0} users {:.0} are in flight, the others find no connection",
            in_flight.value
        ),
        cites: vec![counted.cite, in_flight.cite],
    })
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
    statements_claim(scene, &[query])
}

/// What statements of one kind explain together.
pub(super) fn statements_claim(scene: &Scene<'_>, queries: &[&str]) -> Option<Claim> {
    let statements = scene.statements(scene.high);
    let is_one = |statement: &Statement<'_>| queries.contains(&statement.query);
    let ours: Vec<&Statement<'_>> = statements.iter().filter(|statement| is_one(statement)).collect();
    let statement = *ours.first()?;
    let share_of_all: f64 = ours.iter().map(|statement| statement.share).sum();
    let is_slower = scene.is_slower(statement);
    let by_database = |part: Part, subject: &str| match part {
        // Whoever reads rows late makes a statement long that is not.
        Part::Database => !subject.starts_with("Lock/") && subject != "Client/ClientWrite",
        Part::DatabaseGap => is_slower,
        // Who waits for a connection waits for a statement that is slow, not for one that is short and as it was.
        Part::PoolSize => is_slower || statement.mean_ms >= SLOW_MS,
        Part::DatabaseByServer | Part::WaitingForCpu => part != Part::WaitingForCpu || subject == "database",
        _ => false,
    };
    let mut claim = match scene.growth(by_database) {
        Some(claim) => claim,
        None => {
            let next = statements
                .iter()
                .filter(|other| !is_one(other))
                .map(|other| other.mean_ms)
                .fold(0.0, f64::max);
            let is_cost = statement.calls_each >= OF_REQUESTS
                && statement.mean_ms >= SLOW_MS
                && statement.mean_ms >= OVER_NEXT * next;
            scene
                .standing(by_database)
                .filter(|claim| is_cost && claim.share.mid * share_of_all >= OF_LATENCY)?
        }
    };
    claim.share = Interval {
        low: claim.share.low * share_of_all,
        mid: claim.share.mid * share_of_all,
        high: claim.share.high * share_of_all,
    };
    let of = match claim.basis {
        Basis::Growth => "of the growth of latency",
        Basis::Standing => "of latency at any load",
        Basis::Errors | Basis::LostThroughput => "of the trouble",
    };
    let who = match ours.len() {
        1 => "the statement has".to_owned(),
        many => format!("{many} statements of the kind have"),
    };
    claim.words = format!(
        "{:.0} % {of}: {who} {:.0} % of the database's time, {:.1} ms a call",
        claim.share.mid * 100.0,
        share_of_all * 100.0,
        statement.mean_ms
    );
    claim
        .cites
        .splice(0..0, ours.iter().map(|statement| statement.seen.cite.clone()));
    Some(claim)
}
