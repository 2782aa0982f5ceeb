//! What PostgreSQL says: activity as means over time, statements and tables as growth.

use diagnosis::{observation::Reading, signal::Signal};

use super::Collector;
use crate::observer::Window;

pub(super) fn observe(collector: &mut Collector<'_>, window: &Window) {
    if window.readings == 0 {
        return;
    }
    for (key, signal) in [
        ("active", Signal::PgActive),
        ("idle_in_transaction", Signal::PgIdleInTransaction),
        ("idle", Signal::PgIdle),
        ("backends", Signal::PgBackends),
        ("autovacuum", Signal::PgVacuumWorkers),
    ] {
        collector.maybe(signal, "", window.mean(key));
    }
    waits(collector, window);
    collector.value(Signal::PgSamplerMs, "", window.mean_reading * 1e3);
    for (key, signal, scale) in [
        ("active_seconds", Signal::PgActiveTimeMs, 1e3),
        ("idle_in_transaction_seconds", Signal::PgIdleInTransactionMs, 1e3),
        ("commits", Signal::PgCommits, 1.0),
        ("blocks_read", Signal::PgBlocksRead, 1.0),
        ("blocks_hit", Signal::PgBlocksHit, 1.0),
        ("read_seconds", Signal::PgReadMs, 1e3),
        ("wal_bytes", Signal::PgWalBytes, 1.0),
        ("buffers_backend", Signal::PgBuffersBackend, 1.0),
    ] {
        collector.growth(signal, "", window, key, scale);
    }
    if let Some(course) = window.courses.get("maintenance") {
        let points = course.iter().map(|[at, level]| [at * 1e3, *level]).collect();
        collector.reading(Signal::PgMaintenance, "", Reading::Gauge(points), "");
    }
    let checkpoints = ["checkpoints_timed", "checkpoints_requested"];
    let checkpoints: f64 = checkpoints.iter().filter_map(|key| window.growth(key)).sum();
    collector.value(Signal::PgCheckpoints, "", checkpoints);
    for key in window.grown.keys() {
        if let Some((id, what)) = key
            .strip_prefix("statement/")
            .and_then(|rest| rest.split_once('/'))
        {
            statement(collector, window, id, what, key);
        } else if let Some((table, what)) = key.strip_prefix("table/").and_then(|rest| rest.rsplit_once('/'))
        {
            let signal = match what {
                "seq_scans" => Signal::PgSeqScans,
                "seq_rows" => Signal::PgSeqRows,
                _ => continue,
            };
            if window.growth(key) > Some(0.0) {
                collector.growth(signal, table, window, key, 1.0);
                collector.maybe(
                    Signal::PgLiveRows,
                    table,
                    window.last.get(&format!("table/{table}/rows")).copied(),
                );
            }
        }
    }
}

/// Active sessions by what they wait for, and by their statement.
fn waits(collector: &mut Collector<'_>, window: &Window) {
    let mut by_wait = std::collections::BTreeMap::<String, f64>::new();
    let mut by_query = std::collections::BTreeMap::<String, f64>::new();
    for (key, mean) in &window.means {
        if let Some(rest) = key.strip_prefix("wait/") {
            let mut fields = rest.splitn(3, '/');
            let (Some(kind), Some(event), Some(query)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            let wait = if event.is_empty() {
                kind.to_owned()
            } else {
                format!("{kind}/{event}")
            };
            *by_wait.entry(wait).or_default() += mean;
            if !query.is_empty() {
                *by_query.entry(query.to_owned()).or_default() += mean;
            }
        } else if let Some(mode) = key.strip_prefix("blocked/") {
            collector.value(Signal::PgBlocked, mode, *mean);
        } else if let Some(relation) = key.strip_prefix("blocked_relation/") {
            collector.value(Signal::PgBlockedRelation, relation, *mean);
        }
    }
    for (wait, mean) in by_wait {
        collector.value(Signal::PgActiveWait, &wait, mean);
    }
    for (query, mean) in by_query {
        collector.value(Signal::PgActiveQuery, &query, mean);
    }
}

fn statement(collector: &mut Collector<'_>, window: &Window, id: &str, what: &str, key: &str) {
    let calls = window.growth(&format!("statement/{id}/calls")).unwrap_or(0.0);
    // A statement that was not called says nothing.
    if calls <= 0.0 {
        return;
    }
    let (signal, scale) = match what {
        "seconds" => (Signal::PgStatementMs, 1e3),
        "calls" => (Signal::PgStatementCalls, 1.0),
        "rows" => (Signal::PgStatementRows, 1.0),
        "read_seconds" => (Signal::PgStatementReadMs, 1e3),
        _ => return,
    };
    collector.growth(signal, id, window, key, scale);
}
