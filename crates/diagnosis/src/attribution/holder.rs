//! Waiting is no cause: it is replaced by what those do who are waited for.
//!
//! Who waits for a connection, a stream or the pool waits for its holders. The part of holding that was there at
//! low load already is the fault of the size; what it grew by is the fault of what grew within it. Holders idle
//! in transaction or waiting in the database are named for what they are.

use crate::{
    attribution::{
        Attribution, Cause, Holder,
        part::{Part, active},
    },
    signal::Signal,
    view::View,
};

const IDLE_IN_TRANSACTION: &str = "idle in transaction";
const IDLE_IN_SERVER: &str = "idle in the server";

/// What holding did not grow by more than this is the same as before.
const SAME_HOLD: f64 = 0.15;

/// How long a connection of the pool is held at low and at high load.
pub(crate) fn hold_ms(view: &View<'_>, low: &str, high: &str) -> Option<(f64, f64)> {
    let hold = |experiment: &str| {
        view.value(experiment, Signal::AppPoolHoldMs, "")
            .or_else(|| {
                let in_use = view.value(experiment, Signal::AppPoolInUse, "")?;
                Some(in_use / view.rate(experiment)? * 1000.0)
            })
            .or_else(|| view.value(experiment, Signal::AppDbMs, ""))
    };
    Some((hold(low)?, hold(high)?))
}

/// What the holders of the pool do, as shares of their time.
pub(crate) fn holders(view: &View<'_>, high: &str) -> Vec<Holder> {
    let Some(active) = active(view, high) else {
        return Vec::new();
    };
    let idle_in_transaction = view
        .value(high, Signal::PgIdleInTransaction, "")
        .or_else(|| view.per_ms(high, Signal::PgIdleInTransactionMs, ""))
        .unwrap_or(0.0);
    let known = active + idle_in_transaction;
    let all = view
        .value(high, Signal::AppPoolInUse, "")
        .unwrap_or(known)
        .max(known);
    if all <= 0.0 {
        return Vec::new();
    }
    let mut holders: Vec<Holder> = Vec::new();
    let mut working = active;
    for (wait, seen) in view.subjects(high, Signal::PgActiveWait) {
        if is_trouble(wait) {
            working -= seen.value;
            holders.push(Holder {
                state: wait.to_owned(),
                share: seen.value / all,
            });
        }
    }
    let mut add = |state: &str, level: f64| {
        if level > 0.0 {
            holders.push(Holder {
                state: state.to_owned(),
                share: level / all,
            });
        }
    };
    add("active", working);
    add(IDLE_IN_TRANSACTION, idle_in_transaction);
    add(IDLE_IN_SERVER, all - known);
    holders.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.state.cmp(&b.state)));
    holders
}

/// A wait that somebody else causes, unlike work, or sleep asked for by the statement itself.
pub(crate) fn is_trouble(wait: &str) -> bool {
    ["Lock/", "LWLock/", "IO/", "BufferPin/", "Client/"]
        .iter()
        .any(|class| wait.starts_with(class))
}

impl Attribution {
    /// Share of holding time that is idle in transaction.
    pub(crate) fn idle_in_transaction(&self) -> Option<f64> {
        (!self.holders.is_empty()).then(|| self.holder_share(|state| state == IDLE_IN_TRANSACTION))
    }

    /// Share of holding time in states that are wanted.
    pub(crate) fn holder_share(&self, is_wanted: impl Fn(&str) -> bool) -> f64 {
        self.holders
            .iter()
            .filter(|holder| is_wanted(&holder.state))
            .map(|holder| holder.share)
            .sum()
    }

    /// By what share of itself holding grew.
    pub(crate) fn hold_growth(&self) -> f64 {
        self.hold_ms.map_or(0.0, |(low, high)| grown(low, high))
    }
}

fn grown(low: f64, high: f64) -> f64 {
    let grown = if high > 0.0 { (high - low) / high } else { 0.0 };
    if grown < SAME_HOLD { 0.0 } else { grown.min(1.0) }
}

/// The causes of growth: the rows, with waiting passed on.
pub(crate) fn follow(attribution: &Attribution) -> Vec<Cause> {
    let growth = attribution.high_ms - attribution.low_ms;
    let mut causes: Vec<Cause> = attribution
        .rows
        .iter()
        .map(|row| Cause {
            part: row.part,
            subject: row.subject.clone(),
            growth_ms: row.growth_ms,
            share: 0.0,
        })
        .collect();
    // Outside in: who waits for a connection waits for the server, which may itself wait for the pool.
    let inside_server =
        |part: Part| !matches!(part, Part::Queued | Part::StreamWait | Part::Connect | Part::Tls);
    let server = attribution
        .rows
        .iter()
        .filter(|row| inside_server(row.part))
        .fold((0.0, 0.0), |(low, high), row| {
            (low + row.low_ms, high + row.high_ms)
        });
    for part in [Part::Queued, Part::StreamWait] {
        pass_on(&mut causes, part, grown(server.0, server.1), inside_server);
    }
    follow_pool(attribution, &mut causes);
    for cause in &mut causes {
        cause.share = if growth.abs() > 1e-9 {
            cause.growth_ms / growth
        } else {
            0.0
        };
    }
    causes.retain(|cause| cause.growth_ms.abs() > 1e-9);
    causes.sort_by(|a, b| {
        b.growth_ms
            .total_cmp(&a.growth_ms)
            .then((a.part, &a.subject).cmp(&(b.part, &b.subject)))
    });
    causes
}

/// Gives the share of a wait that is growth of holding to what grew within the hold.
fn pass_on(causes: &mut [Cause], part: Part, grown: f64, is_inside: impl Fn(Part) -> bool) {
    let waited: f64 = causes
        .iter()
        .filter(|cause| cause.part == part)
        .map(|cause| cause.growth_ms.max(0.0))
        .sum();
    let inside: f64 = causes
        .iter()
        .filter(|cause| is_inside(cause.part))
        .map(|cause| cause.growth_ms.max(0.0))
        .sum();
    let passed = waited * grown;
    if passed <= 0.0 || inside <= 0.0 {
        return;
    }
    for cause in causes.iter_mut() {
        if cause.part == part {
            cause.growth_ms -= passed;
        } else if is_inside(cause.part) {
            cause.growth_ms += passed * cause.growth_ms.max(0.0) / inside;
        }
    }
}

fn follow_pool(attribution: &Attribution, causes: &mut Vec<Cause>) {
    let Some(at) = causes.iter().position(|cause| cause.part == Part::PoolWait) else {
        return;
    };
    let waited = causes[at].growth_ms;
    if waited <= 0.0 {
        return;
    }
    causes.remove(at);
    let mut left = waited;
    for holder in &attribution.holders {
        let passed = waited * holder.share.clamp(0.0, 1.0);
        if holder.state == IDLE_IN_TRANSACTION {
            add(causes, Part::IdleInTransaction, "", passed);
        } else if is_trouble(&holder.state) {
            add(causes, Part::Database, &holder.state, passed);
        } else {
            continue;
        }
        left -= passed;
    }
    add(causes, Part::PoolSize, "", left.max(0.0));
    pass_on(causes, Part::PoolSize, attribution.hold_growth(), |part| {
        matches!(
            part,
            Part::Database
                | Part::DatabaseGap
                | Part::DatabaseByServer
                | Part::Throttled
                | Part::WaitingForCpu
                | Part::Downstream
                | Part::Lock
        )
    });
}

fn add(causes: &mut Vec<Cause>, part: Part, subject: &str, growth_ms: f64) {
    let known = causes
        .iter_mut()
        .find(|cause| cause.part == part && cause.subject == subject);
    match known {
        Some(cause) => cause.growth_ms += growth_ms,
        None => causes.push(Cause {
            part,
            subject: subject.to_owned(),
            growth_ms,
            share: 0.0,
        }),
    }
}
