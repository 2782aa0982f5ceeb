//! What sessions do at this moment: active or not, what they wait for, which statement, who blocks whom.
//!
//! Only active sessions are split by what they wait for; idle in transaction is a category of its own, and an idle
//! session that waits for its client is no load.

use std::collections::BTreeMap;

use super::{MARK, Version, connect::Session};
use crate::observer::{Reading, State};

/// Reads activity; tells whether anybody waits for a lock.
pub(super) fn read(session: &mut Session, version: &Version, reading: &mut Reading) -> Result<bool, State> {
    let rows = session.query(&format!(
        "SELECT {MARK} coalesce(state, '?'), coalesce(wait_event_type, ''), coalesce(wait_event, ''), coalesce({}, ''), count(*), \
         backend_type FROM pg_stat_activity \
         WHERE pid <> pg_backend_pid() AND application_name <> 'sidequest quest' \
         AND (datname = current_database() OR backend_type <> 'client backend') \
         AND (backend_type IN ('client backend', 'parallel worker', 'autovacuum worker') \
             OR backend_type = 'checkpointer' AND wait_event IS DISTINCT FROM 'CheckpointerMain') GROUP BY 1, 2, 3, 4, 6",
        version.query_id()
    ))?;
    let mut waits_for_locks = false;
    let gauges = &mut reading.gauges;
    for key in [
        "active",
        "running",
        "idle",
        "idle_in_transaction",
        "sessions",
        "autovacuum",
        "maintenance",
    ] {
        gauges.insert(key.to_owned(), 0.0);
    }
    for row in &rows {
        let (Some(state), Some(kind), Some(event), Some(query), Some(count)) =
            (row.text(0), row.text(1), row.text(2), row.text(3), row.number(4))
        else {
            continue;
        };
        let mut add = |key: String| *gauges.entry(key).or_default() += count;
        match row.text(5) {
            Some("autovacuum worker") => {
                add("autovacuum".to_owned());
                gauges.insert("maintenance".to_owned(), 1.0);
                continue;
            }
            // It is seen while it has something to do.
            Some("checkpointer") => {
                gauges.insert("maintenance".to_owned(), 1.0);
                continue;
            }
            _ => {}
        }
        add("sessions".to_owned());
        match state {
            "active" => {
                // A worker's time is its leader's, who is active as long: counted twice, statements would take longer
                // than they do. What workers wait for is seen all the same.
                if row.text(5) != Some("parallel worker") {
                    add("active".to_owned());
                }
                if kind.is_empty() {
                    add("running".to_owned());
                    add(format!("wait/CPU//{query}"));
                } else {
                    add(format!("wait/{kind}/{event}/{query}"));
                }
                waits_for_locks |= kind == "Lock";
            }
            "idle" => add("idle".to_owned()),
            "idle in transaction" | "idle in transaction (aborted)" => add("idle_in_transaction".to_owned()),
            _ => {}
        }
    }
    Ok(waits_for_locks)
}

/// Who is blocked: by the mode of the lock that the blocker holds, and by its relation.
pub(super) fn blockers(session: &mut Session) -> Result<BTreeMap<String, f64>, State> {
    let rows = session.query(&format!(
        "SELECT {MARK} coalesce(l.mode, b.state, '?'), coalesce(l.relation::regclass::text, ''), count(DISTINCT w.pid) \
         FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS p(pid) \
         JOIN pg_stat_activity b ON b.pid = p.pid \
         LEFT JOIN LATERAL (SELECT h.mode, h.relation FROM pg_locks h JOIN pg_class c ON c.oid = h.relation AND c.relkind IN ('r', 'p') \
             WHERE h.pid = b.pid AND h.granted AND h.mode <> 'AccessShareLock' \
             ORDER BY h.mode = 'AccessExclusiveLock' DESC, h.mode LIMIT 1) l ON true \
         WHERE w.wait_event_type = 'Lock' AND w.datname = current_database() GROUP BY 1, 2"
    ))?;
    let mut gauges = BTreeMap::new();
    for row in &rows {
        let (Some(mode), Some(relation), Some(count)) = (row.text(0), row.text(1), row.number(2)) else {
            continue;
        };
        *gauges.entry(format!("blocked/{mode}")).or_default() += count;
        if !relation.is_empty() {
            *gauges.entry(format!("blocked_relation/{relation}")).or_default() += count;
        }
    }
    Ok(gauges)
}
