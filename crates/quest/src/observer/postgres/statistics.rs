//! Counters that PostgreSQL keeps: by statement, by table, of the database, of its log and its checkpoints.

use std::collections::BTreeMap;

use super::{MARK, STATEMENTS_MAX, TEXTS_MAX, Version, connect::Session};
use crate::observer::{Reading, State};

/// Letters of a statement that are kept.
const TEXT_LENGTH_MAX: usize = 4_000;

/// Tables whose counters are kept.
const TABLES_MAX: usize = 200;

/// Of the database, its log and its checkpoints.
pub(super) fn database(session: &mut Session, version: &Version, reading: &mut Reading) -> Result<(), State> {
    let rows = session.query(&format!(
        "SELECT {MARK} xact_commit, blks_read, blks_hit, blk_read_time, deadlocks, temp_bytes, numbackends, {} \
         FROM pg_stat_database WHERE datname = current_database()",
        version.session_times()
    ))?;
    if let Some(row) = rows.first() {
        let counters = &mut reading.counters;
        let mut put = |key: &str, at: usize, scale: f64| {
            if let Some(value) = row.number(at) {
                counters.insert(key.to_owned(), value * scale);
            }
        };
        put("commits", 0, 1.0);
        put("blocks_read", 1, 1.0);
        put("blocks_hit", 2, 1.0);
        put("read_seconds", 3, 1e-3);
        put("deadlocks", 4, 1.0);
        put("temporary_bytes", 5, 1.0);
        put("active_seconds", 7, 1e-3);
        put("idle_in_transaction_seconds", 8, 1e-3);
        if let Some(backends) = row.number(6) {
            reading.gauges.insert("backends".to_owned(), backends);
        }
    }
    let rows = session.query(
        &version
            .checkpoints()
            .replacen("SELECT", &format!("SELECT {MARK}"), 1),
    )?;
    if let Some(row) = rows.first() {
        for (key, at) in [
            ("checkpoints_timed", 0),
            ("checkpoints_requested", 1),
            ("buffers_backend", 2),
        ] {
            if let Some(value) = row.number(at) {
                reading.counters.insert(key.to_owned(), value);
            }
        }
    }
    if version.has_wal() {
        let rows = session.query(&format!("SELECT {MARK} wal_records, wal_bytes FROM pg_stat_wal"))?;
        if let Some(row) = rows.first() {
            for (key, at) in [("wal_records", 0), ("wal_bytes", 1)] {
                if let Some(value) = row.number(at) {
                    reading.counters.insert(key.to_owned(), value);
                }
            }
        }
    }
    Ok(())
}

/// By table.
pub(super) fn tables(session: &mut Session, reading: &mut Reading) -> Result<(), State> {
    let rows = session.query(&format!(
        "SELECT {MARK} schemaname || '.' || relname, seq_scan, seq_tup_read, coalesce(idx_scan, 0), n_live_tup \
         FROM pg_stat_user_tables ORDER BY seq_tup_read DESC LIMIT {TABLES_MAX}"
    ))?;
    if rows.len() >= TABLES_MAX {
        reading.cut.push("table/");
    }
    for row in &rows {
        let Some(table) = row.text(0) else { continue };
        for (key, at) in [("seq_scans", 1), ("seq_rows", 2), ("index_scans", 3)] {
            if let Some(value) = row.number(at) {
                reading.counters.insert(format!("table/{table}/{key}"), value);
            }
        }
        if let Some(rows) = row.number(4) {
            reading.gauges.insert(format!("table/{table}/rows"), rows);
        }
    }
    Ok(())
}

/// By statement.
pub(super) fn statements(
    session: &mut Session,
    version: &Version,
    reading: &mut Reading,
    facts: &mut BTreeMap<String, String>,
) -> Result<(), State> {
    let plan_time = if version.number >= 130_000 {
        "total_plan_time"
    } else {
        "0"
    };
    let exec_time = if version.number >= 130_000 {
        "total_exec_time"
    } else {
        "total_time"
    };
    let rows = session.query(&format!(
        "SELECT {MARK} queryid::text, calls, {exec_time}, {plan_time}, rows, shared_blks_read, shared_blks_hit, {}, \
         left(query, {TEXT_LENGTH_MAX}) FROM pg_stat_statements \
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND query NOT LIKE '%sidequest quest%' AND queryid IS NOT NULL \
         ORDER BY {exec_time} DESC LIMIT {STATEMENTS_MAX}",
        version.read_time()
    ))?;
    if rows.len() >= STATEMENTS_MAX {
        reading.cut.push("statement/");
    }
    let mut texts = 0;
    for row in &rows {
        let Some(id) = row.text(0) else { continue };
        for (key, at, scale) in [
            ("calls", 1, 1.0),
            ("seconds", 2, 1e-3),
            ("plan_seconds", 3, 1e-3),
            ("rows", 4, 1.0),
            ("blocks_read", 5, 1.0),
            ("blocks_hit", 6, 1.0),
            ("read_seconds", 7, 1e-3),
        ] {
            if let Some(value) = row.number(at) {
                // One statement of several roles, or at the top level and below, has several rows.
                *reading
                    .counters
                    .entry(format!("statement/{id}/{key}"))
                    .or_default() += value * scale;
            }
        }
        if texts < TEXTS_MAX
            && let Some(text) = row.text(8)
        {
            texts += 1;
            facts.insert(format!("statement/{id}"), text.to_owned());
        }
    }
    Ok(())
}
