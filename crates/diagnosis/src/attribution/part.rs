//! The parts of one request's mean latency, and how a round is split into them.
//!
//! `latency = queued + connect + tls + stream_wait + (first_byte - handler) + transfer + handler`, and
//! `handler = queue + pool_wait + database + downstream + lock + serialise + gc + rest`.
//! `database` is split into what the database itself counts, by wait, and the gap to what the server counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{attribution::Parts, signal::Signal, view::View};

/// A part of latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The client waits for a free connection.
    Queued,
    /// Name and TCP.
    Connect,
    /// TLS handshake.
    Tls,
    /// The client waits for a free stream.
    StreamWait,
    /// Sent, and not yet or no more in the server: network, kernel, proxy, event loop.
    Between,
    /// The proxy connects to its upstream.
    UpstreamConnect,
    /// The whole server, where nothing splits it.
    Server,
    /// From accept to handler.
    AppQueue,
    /// Waiting for a database connection.
    PoolWait,
    /// In the database by its own count; the subject is a wait, `CPU` for none.
    Database,
    /// In the database by the server's count alone.
    DatabaseByServer,
    /// What the server counts as database and the database does not.
    DatabaseGap,
    /// Other services.
    Downstream,
    /// A lock in the server.
    Lock,
    /// Writing the answer.
    Serialise,
    /// The garbage collector.
    Gc,
    /// In the handler, and nothing of the above.
    Rest,
    /// From the first byte to the last.
    Transfer,
    /// The subject's quota did not let it run.
    Throttled,
    /// The subject waited for a CPU.
    WaitingForCpu,
    /// Cause only: too few connections in the pool, for holders that do honest work.
    PoolSize,
    /// Cause only: holders of the pool are idle in transaction.
    IdleInTransaction,
    /// What the parts do not add up to.
    Unattributed,
}

impl Part {
    /// In words, with its subject.
    pub fn words(self, subject: &str) -> String {
        let words = match self {
            Part::Queued => "waiting for a free connection",
            Part::Connect => "connecting",
            Part::Tls => "TLS handshake",
            Part::StreamWait => "waiting for a free stream",
            Part::Between => "between client and handler",
            Part::UpstreamConnect => "the proxy connects to its upstream",
            Part::Server => "in the server, not split",
            Part::AppQueue => "from accept to handler",
            Part::PoolWait => "waiting for a database connection",
            Part::Database => "in the database",
            Part::DatabaseByServer => "in the database, by the server's word",
            Part::DatabaseGap => "database time that the database does not see",
            Part::Downstream => "downstream services",
            Part::Lock => "waiting for a lock in the server",
            Part::Serialise => "writing the answer",
            Part::Gc => "garbage collection",
            Part::Rest => "rest of the handler",
            Part::Transfer => "transfer of the answer",
            Part::Throttled => "throttled by a CPU quota",
            Part::WaitingForCpu => "waiting for a CPU",
            Part::PoolSize => "too few database connections",
            Part::IdleInTransaction => "connections idle in transaction",
            Part::Unattributed => "unattributed",
        };
        if subject.is_empty() {
            words.to_owned()
        } else {
            format!("{words}: {subject}")
        }
    }

    /// What it is computed from.
    pub(crate) fn signals(self, subject: &str) -> Vec<(Signal, String)> {
        let one = |signal: Signal| vec![(signal, String::new())];
        match self {
            Part::Queued => one(Signal::ClientQueuedMs),
            Part::Connect => one(Signal::ClientConnectMs),
            Part::Tls => one(Signal::ClientTlsMs),
            Part::StreamWait => one(Signal::ClientStreamWaitMs),
            Part::Between | Part::Server => one(Signal::ClientFirstByteMs),
            Part::UpstreamConnect => one(Signal::ProxyUpstreamConnectMs),
            Part::AppQueue => one(Signal::AppQueueMs),
            Part::PoolWait | Part::PoolSize => one(Signal::AppPoolWaitMs),
            Part::Database if subject.is_empty() => one(Signal::PgActive),
            Part::Database => vec![(Signal::PgActiveWait, subject.to_owned())],
            Part::DatabaseByServer | Part::DatabaseGap => one(Signal::AppDbMs),
            Part::Downstream => one(Signal::AppDownstreamMs),
            Part::Lock => one(Signal::AppLockMs),
            Part::Serialise => one(Signal::AppSerialiseMs),
            Part::Gc => one(Signal::AppGcMs),
            Part::Rest => one(Signal::AppHandlerMs),
            Part::Transfer => one(Signal::ClientTransferMs),
            Part::Throttled => vec![(Signal::CgroupThrottledMs, subject.to_owned())],
            Part::WaitingForCpu => vec![(Signal::ProcessDelayShare, subject.to_owned())],
            Part::IdleInTransaction => one(Signal::PgIdleInTransaction),
            Part::Unattributed => one(Signal::ClientLatencyMs),
        }
    }
}

/// How much more the parts of a handler may be than the handler before they must have overlapped.
const OVERLAP: f64 = 1.02;

/// The parts of a round, which add up to the latency; and whether parallel ones were scaled.
pub(crate) fn split(view: &View<'_>, experiment: &str, round: u32, latency_ms: f64) -> (Parts, bool) {
    let get = |signal: Signal| -> Option<f64> {
        view.rounds(experiment, signal, "")
            .and_then(|rounds| rounds.get(&round).copied())
            .or_else(|| view.value(experiment, signal, ""))
            .map(|value| value.max(0.0))
    };
    let mut parts = Parts::new();
    for (part, signal) in [
        (Part::Queued, Signal::ClientQueuedMs),
        (Part::Connect, Signal::ClientConnectMs),
        (Part::Tls, Signal::ClientTlsMs),
        (Part::StreamWait, Signal::ClientStreamWaitMs),
        (Part::Transfer, Signal::ClientTransferMs),
    ] {
        if let Some(value) = get(signal) {
            put(&mut parts, part, value);
        }
    }
    let outside: f64 = parts.values().sum();
    let first_byte = get(Signal::ClientFirstByteMs).unwrap_or((latency_ms - outside).max(0.0));
    // By the proxy's own word it comes before the server hears of the request.
    let before = get(Signal::AppHandlerMs).map_or(first_byte, |handler| (first_byte - handler).max(0.0));
    let upstream = get(Signal::ProxyUpstreamConnectMs).map(|connect| connect.min(before));
    if let Some(upstream) = upstream {
        put(&mut parts, Part::UpstreamConnect, upstream);
    }
    let upstream = upstream.unwrap_or(0.0);

    let mut inner = inner_parts(&get);
    database(view, experiment, &get, &mut inner);
    let inner_sum: f64 = inner.values().sum();
    let mut is_overlapping = false;
    match get(Signal::AppHandlerMs) {
        Some(handler) => {
            is_overlapping = inner_sum > handler * OVERLAP && handler > 0.0;
            if is_overlapping {
                for value in inner.values_mut() {
                    *value *= handler / inner_sum;
                }
            } else {
                put(&mut inner, Part::Rest, handler - inner_sum);
            }
            // A handler that writes its body counts time that the client sees as transfer.
            let beyond = (handler - first_byte).max(0.0);
            let between = (first_byte - handler).max(0.0);
            put(&mut parts, Part::Between, (between - upstream).max(0.0));
            if let Some(transfer) = parts.get_mut(&(Part::Transfer, String::new())) {
                *transfer = (*transfer - beyond).max(0.0);
            }
        }
        None => put(&mut parts, Part::Server, first_byte - upstream - inner_sum),
    }
    parts.extend(inner);
    let sum: f64 = parts.values().sum();
    put(&mut parts, Part::Unattributed, latency_ms - sum);
    (parts, is_overlapping)
}

fn put(parts: &mut Parts, part: Part, value: f64) {
    parts.insert((part, String::new()), value);
}

fn inner_parts(get: &impl Fn(Signal) -> Option<f64>) -> Parts {
    let mut inner = Parts::new();
    for (part, signal) in [
        (Part::AppQueue, Signal::AppQueueMs),
        (Part::PoolWait, Signal::AppPoolWaitMs),
        (Part::Downstream, Signal::AppDownstreamMs),
        (Part::Lock, Signal::AppLockMs),
        (Part::Serialise, Signal::AppSerialiseMs),
        (Part::Gc, Signal::AppGcMs),
    ] {
        if let Some(value) = get(signal) {
            put(&mut inner, part, value);
        }
    }
    inner
}

fn database(view: &View<'_>, experiment: &str, get: &impl Fn(Signal) -> Option<f64>, inner: &mut Parts) {
    let by_server = get(Signal::AppDbMs).or_else(|| get(Signal::AppDbWallMs));
    let wall = get(Signal::AppDbWallMs).or(by_server);
    // Statements that run side by side: what each side counts is scaled to the time that they took together.
    let scale = match (by_server, wall) {
        (Some(sum), Some(wall)) if sum > 0.0 => (wall / sum).min(1.0),
        _ => 1.0,
    };
    let by_database = side_ms(view, experiment).map(|side| side * scale);
    // With few answers in a round, statements that its edges cut weigh much: samples are of time and have no edges.
    let by_samples = is_cut(view, experiment)
        .then(|| sampled_ms(view, experiment))
        .flatten()
        .map(|sampled| {
            let others: f64 = inner.values().sum();
            let handler = get(Signal::AppHandlerMs).or_else(|| get(Signal::ClientFirstByteMs));
            sampled.min((handler.unwrap_or(sampled) - others).max(0.0))
        });
    let most = |counted: Option<f64>| match (counted, by_samples) {
        (Some(counted), Some(sampled)) => Some(counted.max(sampled)),
        (counted, _) => counted,
    };
    let (wall, by_database) = (most(wall), most(by_database));
    match (wall, by_database) {
        (Some(wall), Some(side)) => {
            // More than the server sees is impossible: the sampler's trouble, told by a check.
            let side = side.min(wall);
            by_wait(view, experiment, side, inner);
            put(inner, Part::DatabaseGap, wall - side);
        }
        (Some(wall), None) => put(inner, Part::DatabaseByServer, wall),
        (None, Some(side)) => by_wait(view, experiment, side, inner),
        (None, None) => {}
    }
}

/// Answers of a round, below which what its edges cut is more than noise.
const CUT_BELOW: f64 = 30.0;

/// Whether a round has so few answers that counters which move when something ends say little.
pub(crate) fn is_cut(view: &View<'_>, experiment: &str) -> bool {
    view.answers(experiment)
        .is_some_and(|answers| answers > 0.0 && answers < CUT_BELOW)
        && view.duration_ms(experiment).is_some()
}

/// Database time a request, as the database counts it: by statements, else by samples, else by its statistics.
pub(crate) fn side_ms(view: &View<'_>, experiment: &str) -> Option<f64> {
    let statements = view.subjects(experiment, Signal::PgStatementMs);
    if !statements.is_empty() {
        let sum: f64 = statements.iter().map(|(_, seen)| seen.value).sum();
        return Some(sum / view.answers(experiment)?);
    }
    sampled_ms(view, experiment)
        .or_else(|| Some(view.value(experiment, Signal::PgActiveTimeMs, "")? / view.answers(experiment)?))
}

/// Database time a request by Little's law over the samples.
pub(crate) fn sampled_ms(view: &View<'_>, experiment: &str) -> Option<f64> {
    Some(active(view, experiment)? / view.rate(experiment)? * 1000.0)
}

/// Mean number of active backends.
pub(crate) fn active(view: &View<'_>, experiment: &str) -> Option<f64> {
    view.value(experiment, Signal::PgActive, "").or_else(|| {
        let waits = view.subjects(experiment, Signal::PgActiveWait);
        (!waits.is_empty()).then(|| waits.iter().map(|(_, seen)| seen.value).sum())
    })
}

fn by_wait(view: &View<'_>, experiment: &str, side_ms: f64, inner: &mut Parts) {
    let waits = view.subjects(experiment, Signal::PgActiveWait);
    let all: f64 = waits.iter().map(|(_, seen)| seen.value).sum();
    if all <= 0.0 {
        put(inner, Part::Database, side_ms);
        return;
    }
    for (wait, seen) in waits {
        inner.insert((Part::Database, wait.to_owned()), side_ms * seen.value / all);
    }
}
