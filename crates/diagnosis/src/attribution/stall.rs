//! Parties that were not allowed to run: the cost of it, moved out of the rows that nothing explains.
//!
//! `stall = latency x the share of wall time in which the party stood still`. A server that stands still sees its
//! own timers grow, those for the database too, so the database must not be blamed before this is settled.

use crate::{
    attribution::{Parts, holder::is_trouble, part::Part},
    signal::Signal,
    view::View,
};

/// How a party stood still.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stall {
    pub(crate) party: &'static str,
    pub(crate) part: Part,
    /// Of wall time.
    pub(crate) share: f64,
}

const PARTIES: [&str; 4] = ["server", "database", "proxy", "client"];

/// Below this, a party that is throttled now and then costs nothing worth a row.
const SHARE_MIN: f64 = 0.02;

/// All that there are, the strongest evidence first: quotas before waiting for a CPU, then by share.
pub(crate) fn stalls(view: &View<'_>, experiment: &str) -> Vec<Stall> {
    let mut stalls: Vec<Stall> = PARTIES
        .iter()
        .flat_map(|party| {
            let throttled = throttled_share(view, experiment, party).map(|share| (Part::Throttled, share));
            let waiting = delay_share(view, experiment, party).map(|share| (Part::WaitingForCpu, share));
            [throttled, waiting]
                .into_iter()
                .flatten()
                .map(|(part, share)| Stall { party, part, share })
        })
        .filter(|stall| stall.share >= SHARE_MIN)
        .collect();
    stalls.sort_by(|a, b| {
        (a.part, b.share)
            .partial_cmp(&(b.part, a.share))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    stalls
}

/// Share of wall time in which the quota held the party: pressure where there is, for that is wall time; else
/// the throttled time, which is a sum over CPUs, over as many of them as it could use. Never more than the share of
/// periods in which it was held at all.
pub(crate) fn throttled_share(view: &View<'_>, experiment: &str, party: &str) -> Option<f64> {
    let throttled = view.per_ms(experiment, Signal::CgroupThrottledMs, party);
    if throttled.is_some_and(|throttled| throttled <= 0.0) {
        return Some(0.0);
    }
    if let Some(full) = view.per_ms(experiment, Signal::CgroupCpuFullMs, party)
        && throttled.is_some()
        && full > 0.0
    {
        return Some(full.clamp(0.0, 1.0));
    }
    let throttled = throttled?;
    let cores = view
        .fact(Signal::ProcessCores, party)
        .map_or(f64::INFINITY, |seen| seen.value.max(1.0));
    // Where nobody counts threads, as of a server elsewhere: those that were held ran in the rest of the time, so both
    // together are the CPUs that it wanted.
    let wanted = view
        .value(experiment, Signal::ProcessThreadsRunning, party)
        .or_else(|| Some(throttled + view.per_ms(experiment, Signal::ProcessCpuMs, party)?))
        .map_or(1.0, |wanted| wanted.max(1.0));
    let share = throttled / cores.min(wanted);
    let most = throttled_periods(view, experiment, party).unwrap_or(1.0);
    Some(share.min(most).clamp(0.0, 1.0))
}

/// Share of its periods in which the quota held a party for a while.
fn throttled_periods(view: &View<'_>, experiment: &str, party: &str) -> Option<f64> {
    let of = |signal: Signal| view.value(experiment, signal, party);
    let all = of(Signal::CgroupPeriods).filter(|all| *all > 0.0)?;
    Some(of(Signal::CgroupThrottledPeriods)? / all)
}

fn delay_share(view: &View<'_>, experiment: &str, party: &str) -> Option<f64> {
    let signal = if party == "client" {
        view.value(experiment, Signal::GeneratorDelayShare, "")
    } else {
        None
    };
    signal
        .or_else(|| view.value(experiment, Signal::ProcessDelayShare, party))
        .map(|share| share.clamp(0.0, 1.0))
}

/// The rows that a party's standing still can inflate.
fn rows_of(party: &str) -> &'static [Part] {
    match party {
        "server" => &[
            Part::Rest,
            Part::DatabaseGap,
            Part::DatabaseByServer,
            Part::Server,
            Part::Between,
            Part::AppQueue,
        ],
        "database" => &[Part::DatabaseGap, Part::DatabaseByServer, Part::Server],
        "proxy" => &[Part::Between, Part::UpstreamConnect, Part::Server],
        _ => &[
            Part::Between,
            Part::Server,
            Part::Transfer,
            Part::Queued,
            Part::StreamWait,
        ],
    }
}

/// Moves the cost of standing still out of the rows that are unexplained.
pub(crate) fn resolve(view: &View<'_>, experiment: &str, latency_ms: f64, parts: &mut Parts) {
    for stall in stalls(view, experiment) {
        let mut left = latency_ms * stall.share;
        let mut moved = 0.0;
        let unexplained = rows_of(stall.party).iter().map(|part| (*part, String::new()));
        for key in unexplained.chain(looks_at_work(&stall, parts)) {
            if let Some(value) = parts.get_mut(&key) {
                let taken = value.min(left).max(0.0);
                *value -= taken;
                left -= taken;
                moved += taken;
            }
        }
        if moved > 0.0 {
            *parts.entry((stall.part, stall.party.to_owned())).or_insert(0.0) += moved;
        }
    }
}

/// A backend that a quota stops in the middle of a statement looks as if it ran, or as if what it slept for were not
/// over: it is active in the state in which it stopped. Waits for others are told by what those do.
fn looks_at_work(stall: &Stall, parts: &Parts) -> Vec<(Part, String)> {
    if stall.party != "database" || stall.part != Part::Throttled {
        return Vec::new();
    }
    // In the order of names, which has `CPU` before all waits.
    parts
        .keys()
        .filter(|(part, wait)| *part == Part::Database && !wait.is_empty() && !is_trouble(wait))
        .cloned()
        .collect()
}
