//! The plan of a statement that serves any values: asked on a connection that is no request's, and kept for a while.
//!
//! By PREPARE, a generic plan and EXPLAIN EXECUTE with nulls: that works from PostgreSQL 12 on, so that EXPLAIN
//! (GENERIC_PLAN) of 16 would be a second way to the same. Nothing is executed, and no value of a request is known here.

pub mod plan;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use embedded::EngineKind;
use serde_json::Value;
use telemetry::rate::Rate;
use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_postgres::{Client, SimpleQueryMessage};

use self::plan::Plan;
use crate::pool::Pool;

/// Plans kept of one database. Field selections make many texts; beyond it all are dropped.
const PLANS_MAX: usize = 256;
/// A plan so old is asked for again: tables grow.
const AGE_MAX: Duration = Duration::from_secs(600);
/// A plan of a slow statement is there within it, or is not told.
const SLOW_MAX: Duration = Duration::from_secs(5);
/// Plans of slow statements of one database that are told a minute.
const SLOW_PLANS_MAX: u32 = 6;

/// A prepared statement of one connection that ends with the question.
const NAME: &str = "sidequest_plan";

/// Plans that are known, and those that are asked for.
pub(crate) struct Plans {
    known: Mutex<HashMap<Arc<str>, Known>>,
    asking: Mutex<JoinSet<()>>,
    slow: Rate,
}

#[derive(Clone)]
struct Known {
    since: Instant,
    /// None: it has no plan, or cannot be asked for.
    plan: Option<Arc<Plan>>,
}

/// A statement that was slow.
pub(crate) struct Slow {
    pub(crate) what: String,
    pub(crate) sql: Arc<str>,
    /// As the log names it.
    pub(crate) trace: Option<telemetry::trace::id::TraceId>,
}

impl Default for Plans {
    fn default() -> Plans {
        Plans {
            known: Mutex::default(),
            asking: Mutex::default(),
            slow: Rate::new(SLOW_PLANS_MAX, Duration::from_secs(60)),
        }
    }
}

impl Plans {
    fn known(&self) -> MutexGuard<'_, HashMap<Arc<str>, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, sql: &str) -> Option<Known> {
        let known = self.known().get(sql).cloned();
        known.filter(|known| known.since.elapsed() < AGE_MAX)
    }

    fn keep(&self, sql: &Arc<str>, plan: Option<Arc<Plan>>) {
        let mut known = self.known();
        if known.len() >= PLANS_MAX {
            known.clear();
        }
        let since = Instant::now();
        known.insert(Arc::clone(sql), Known { since, plan });
    }
}

impl Pool {
    /// The plans of statements that have run here, as far as they are there by the deadline. What is not known yet is
    /// asked on one connection beside the pool.
    pub async fn plans(&self, statements: &[Arc<str>], deadline: Instant) -> Vec<Option<Arc<Plan>>> {
        let plans = self.plans_known();
        let unknown: Vec<&Arc<str>> = statements
            .iter()
            .filter(|sql| plans.find(sql).is_none())
            .collect();
        // The others explain in forms of their own.
        if !unknown.is_empty() && self.caps().engine == EngineKind::PostgreSql {
            let asked = timeout_at(deadline, self.ask(&unknown)).await;
            if !matches!(asked, Ok(Ok(()))) {
                tracing::debug!(
                    database = self.database(),
                    "plans of statements are not there in time"
                );
            }
        }
        statements.iter().map(|sql| plans.find(sql)?.plan).collect()
    }

    /// Logs the plan of a slow statement once it is known, out of the way of whoever ran it.
    pub(crate) fn tell_plan(&self, slow: Slow, runtime: &Handle) {
        let plans = self.plans_known();
        if !plans.slow.permit() {
            return;
        }
        let pool = self.clone();
        let mut asking = plans.asking.lock().unwrap_or_else(PoisonError::into_inner);
        while asking.try_join_next().is_some() {}
        asking.spawn_on(
            async move {
                let Slow { what, sql, trace } = slow;
                let deadline = Instant::now() + SLOW_MAX;
                let plan = pool.plans(&[sql], deadline).await.pop().flatten();
                if let Some(plan) = plan {
                    tracing::warn!(
                        database = pool.database(),
                        statement = what,
                        plan = %plan,
                        trace = trace.map(tracing::field::display),
                        "the plan of a slow statement, as estimated for any values"
                    );
                }
            },
            runtime,
        );
    }

    async fn ask(&self, statements: &[&Arc<str>]) -> Result<(), crate::error::Error> {
        let aside = self.aside().await?;
        for sql in statements {
            let plan = match ask(&aside.client, sql).await {
                Ok(plan) => Some(Arc::new(plan)),
                Err(error) => {
                    tracing::debug!(database = self.database(), error = %error, "a statement has no plan");
                    None
                }
            };
            self.plans_known().keep(sql, plan);
        }
        Ok(())
    }
}

/// Invariant: the text was prepared before, so it is one statement and not two.
async fn ask(client: &Client, sql: &str) -> Result<Plan, tokio_postgres::Error> {
    let begin = format!(
        "begin read only; set local plan_cache_mode to force_generic_plan; set local statement_timeout to '2s'; \
         prepare {NAME} as {sql}"
    );
    let plan = async {
        client.batch_execute(&begin).await?;
        let count =
            format!("select cardinality(parameter_types) from pg_prepared_statements where name = '{NAME}'");
        let count = text(client, &count).await?.parse().unwrap_or(0);
        let nulls = vec!["null"; count].join(", ");
        let values = if nulls.is_empty() {
            nulls
        } else {
            format!("({nulls})")
        };
        let plan = text(
            client,
            &format!("explain (format json, verbose) execute {NAME}{values}"),
        )
        .await?;
        let plan: Value = serde_json::from_str(&plan).unwrap_or_default();
        let tables = plan::tables(&plan);
        let rows = client.query(ROWS, &[&tables]).await?;
        let sizes: HashMap<String, f64> = rows
            .iter()
            .map(|row| (row.get(0), f64::from(row.get::<_, f32>(1))))
            .collect();
        Ok(Plan::read(&plan, &sizes))
    };
    let plan = plan.await;
    // Only the transaction forgets by itself. Where that fails the connection is closed anyhow.
    let _ = client.batch_execute("rollback").await;
    let _ = client.batch_execute(&format!("deallocate {NAME}")).await;
    plan
}

const ROWS: &str = "select t, c.reltuples from unnest($1::text[]) t \
     join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(t) where c.reltuples >= 0";

/// The first column of all rows in one.
async fn text(client: &Client, sql: &str) -> Result<String, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let mut text = String::new();
    for message in &messages {
        if let SimpleQueryMessage::Row(row) = message {
            text.push_str(row.get(0).unwrap_or_default());
        }
    }
    Ok(text)
}
