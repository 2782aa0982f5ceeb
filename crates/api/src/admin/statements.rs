//! `GET /statements`: what the server measured of each statement, beside what PostgreSQL counted of it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};
use store::{
    explain::plan::Plan,
    metric::Statements,
    pool::Pool,
    statistics::{self, Seen, Statistics},
};
use telemetry::metric::histogram::Snapshot;
use tokio::time::Instant;

use super::json;
use crate::site::Site;

/// Asked on the pool's own connections: a busy pool answers without PostgreSQL's part.
const STATISTICS_MAX: Duration = Duration::from_secs(2);
/// Statements whose plan is told, those with the most time.
const PLANS_MAX: usize = 50;
/// Asked beside the pool, and known from then on.
const PLANS_TIME_MAX: Duration = Duration::from_secs(2);

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
    let mut ours: Vec<Ours> = pool
        .metric()
        .by_name()
        .into_iter()
        .map(|(name, statements)| Ours {
            name,
            times: statements.seconds.snapshot(),
            statements,
        })
        .collect();
    ours.sort_by(|one, other| other.times.sum.total_cmp(&one.times.sum));
    let most: Vec<Arc<str>> = ours
        .iter()
        .take(PLANS_MAX)
        .map(|ours| Arc::clone(ours.statements.sql()))
        .collect();
    let mut plans = pool
        .plans(&most, Instant::now() + PLANS_TIME_MAX)
        .await
        .into_iter();
    let total: f64 = ours.iter().map(|ours| ours.times.sum).sum();
    let shown: Vec<Value> = ours
        .iter()
        .map(|ours| {
            let shape = statistics::shape(ours.statements.sql());
            let place = seen.iter().position(|seen| statistics::shape(&seen.sql) == shape);
            let theirs = place.map(|place| seen.swap_remove(place));
            let mut shown = ours.shown(total);
            shown["routes"] = routes(&ours.statements);
            shown["estimate"] = json!(plans.next().flatten().map(|plan| estimate(&plan)));
            shown["postgresql"] = json!(theirs.as_ref().map(counted));
            shown
        })
        .collect();
    json!({
        "database": pool.database(),
        "pg_stat_statements": state,
        "statements": shown,
        "others": seen.iter().map(others).collect::<Vec<_>>(),
    })
}

/// What was measured here of the statements of one name.
struct Ours {
    name: String,
    statements: Arc<Statements>,
    times: Snapshot,
}

impl Ours {
    fn shown(&self, total: f64) -> Value {
        let times = &self.times;
        let calls: u64 = times.counts.iter().sum();
        let rows = self.statements.rows.get();
        let mean = |sum: f64| if calls == 0 { 0.0 } else { sum / calls as f64 };
        json!({
            "name": self.name,
            "calls": calls,
            "failures": self.statements.failures.get(),
            "seconds": times.sum,
            "mean_ms": mean(times.sum * 1e3),
            "share": if total > 0.0 { times.sum / total } else { 0.0 },
            "rows": rows,
            "rows_mean": mean(rows as f64),
            "sql": &**self.statements.sql(),
        })
    }
}

/// Which routes caused it, the most frequent first. A statement for a batch counts for each route of its members.
fn routes(statements: &Statements) -> Value {
    let mut routes = statements.routes();
    routes.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
    let shown = routes
        .into_iter()
        .map(|(route, calls)| json!({ "route": &*route.text(), "calls": calls }));
    shown.collect()
}

/// What the planner expects of the statement for any values. Nothing of it is measured.
fn estimate(plan: &Plan) -> Value {
    json!({
        "worst_node": plan.worst().map(|node| json!({
            "kind": node.kind,
            "on": node.on,
            "condition": node.condition,
            "cost_share": node.share,
            "rows": node.rows,
        })),
        "rows_read": plan.rows_read,
        "rows_returned": plan.rows_returned,
        "read_per_returned": plan.rows_read / plan.rows_returned.max(1.0),
        "plan": plan.to_string(),
    })
}

fn counted(seen: &Seen) -> Value {
    let per = |number: i64, of: i64| if of > 0 { number as f64 / of as f64 } else { 0.0 };
    json!({
        "calls": seen.calls,
        "mean_ms": if seen.calls > 0 { seen.total_ms / seen.calls as f64 } else { 0.0 },
        "seconds": seen.total_ms / 1e3,
        "rows": seen.rows,
        "rows_mean": per(seen.rows, seen.calls),
        "blocks_hit": seen.blocks_hit,
        "blocks_read": seen.blocks_read,
        "blocks_per_row": per(seen.blocks_hit + seen.blocks_read, seen.rows),
    })
}

/// Ran in the same database, and not by this process since its start: migrations, people, other servers.
fn others(seen: &Seen) -> Value {
    let mut value = counted(seen);
    value["sql"] = seen.sql.as_str().into();
    value
}
