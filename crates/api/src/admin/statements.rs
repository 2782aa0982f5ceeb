//! `GET /statements`: what the server measured of each statement, beside what PostgreSQL counted of it.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};
use store::{
    metric::Statements,
    pool::Pool,
    statistics::{self, Seen, Statistics},
};
use tokio::time::Instant;

use super::json;
use crate::site::Site;

/// Asked on the pool's own connections: a busy pool answers without PostgreSQL's part.
const STATISTICS_MAX: Duration = Duration::from_secs(2);

pub(super) async fn list(site: &Site) -> Response<Full<Bytes>> {
    let mut databases = Vec::new();
    for pool in site.store.pools() {
        databases.push(of(pool).await);
    }
    json(&json!({ "databases": databases }))
}

async fn of(pool: &Pool) -> Value {
    let asked = statistics::read(pool, Instant::now() + STATISTICS_MAX).await;
    let (state, mut seen) = match asked {
        Ok(Statistics::Seen(seen)) => ("available", seen),
        Ok(Statistics::Absent) => ("absent", Vec::new()),
        // Why is in the log of the request's kind: it can name what an admin should not read here.
        Err(error) => {
            tracing::debug!(error = %error, database = pool.database(), "failed to read statistics");
            ("denied", Vec::new())
        }
    };
    let ours = pool.metric().by_name();
    let total: f64 = ours
        .iter()
        .map(|(_, statements)| statements.seconds.snapshot().sum)
        .sum();
    let mut shown: Vec<(f64, Value)> = ours
        .iter()
        .map(|(name, statements)| {
            let shape = statistics::shape(&statements.sql());
            let place = seen.iter().position(|seen| statistics::shape(&seen.sql) == shape);
            let theirs = place.map(|place| seen.swap_remove(place));
            statement(name, statements, theirs.as_ref(), total)
        })
        .collect();
    shown.sort_by(|one, other| other.0.total_cmp(&one.0));
    json!({
        "database": pool.database(),
        "pg_stat_statements": state,
        "statements": shown.into_iter().map(|(_, statement)| statement).collect::<Vec<_>>(),
        "others": seen.iter().map(others).collect::<Vec<_>>(),
    })
}

fn statement(name: &str, statements: &Statements, seen: Option<&Seen>, total: f64) -> (f64, Value) {
    let times = statements.seconds.snapshot();
    let calls: u64 = times.counts.iter().sum();
    let rows = statements.rows.get();
    let mean = |sum: f64| if calls == 0 { 0.0 } else { sum / calls as f64 };
    let shown = json!({
        "name": name,
        "calls": calls,
        "failures": statements.failures.get(),
        "seconds": times.sum,
        "mean_ms": mean(times.sum * 1e3),
        "share": if total > 0.0 { times.sum / total } else { 0.0 },
        "rows": rows,
        "rows_mean": mean(rows as f64),
        "sql": &*statements.sql(),
        "postgresql": seen.map(counted),
    });
    (times.sum, shown)
}

fn counted(seen: &Seen) -> Value {
    json!({
        "calls": seen.calls,
        "mean_ms": if seen.calls > 0 { seen.total_ms / seen.calls as f64 } else { 0.0 },
        "seconds": seen.total_ms / 1e3,
        "rows": seen.rows,
        "blocks_hit": seen.blocks_hit,
        "blocks_read": seen.blocks_read,
    })
}

/// Ran in the same database, and not by this process since its start: migrations, people, other servers.
fn others(seen: &Seen) -> Value {
    let mut value = counted(seen);
    value["sql"] = seen.sql.as_str().into();
    value
}
