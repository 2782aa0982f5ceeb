//! One running statement: its rows as they arrive, until a deadline or until nobody wants them.

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use postgres_types::{FromSql, ToSql, Type};
use telemetry::trace::{self, Open, Trace, span::Step};
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, sleep_until},
};
use tokio_postgres::{Column, Row, RowStream, Statement};

use crate::{
    error::Error,
    explain::Slow,
    metric::Statements,
    pool::{Lease, Pool},
};

/// Resolves when nobody waits for the rows any more.
pub type Abandoned = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What to run. `what` names it in errors: a dataset, a section, a collection.
pub struct Run<'a> {
    /// Its name in the model.
    pub what: &'a str,
    /// Its text, prepared once a connection.
    pub sql: &'a Arc<str>,
    /// `$1`, `$2`, ...
    pub parameters: &'a [&'a (dyn ToSql + Sync)],
    /// It ends by then.
    pub deadline: Instant,
    /// It ends when this resolves.
    pub abandoned: Option<Abandoned>,
}

/// The clock is asked at least once in so many rows, or a statement that always has a row ready would
/// outlive its deadline.
const ROWS_UNTIMED: u64 = 1024;

/// A statement that runs. Dropped before its end, it is cancelled in the database.
pub struct Query {
    lease: Lease,
    began: Instant,
    stream: Pin<Box<RowStream>>,
    statement: Statement,
    what: String,
    deadline: Pin<Box<Sleep>>,
    abandoned: Option<Abandoned>,
    rows: u64,
    counted: Counted,
    /// Nothing more is said: it ended, or it was told that it failed.
    is_over: bool,
}

/// The bytes of a value as they came over the wire.
pub struct Raw<'a>(pub &'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The value of a column in wire format, none for null.
#[inline]
pub fn raw(row: &Row, column: usize) -> Option<&[u8]> {
    row.get::<usize, Option<Raw<'_>>>(column).map(|raw| raw.0)
}

impl Pool {
    /// Waits for a connection and starts the statement on it.
    pub async fn run(&self, mut run: Run<'_>) -> Result<Query, Error> {
        let lease = match in_time(self.get(run.deadline), None, &mut run.abandoned).await {
            Ok(lease) => lease?,
            Err(Late) => {
                return Err(Error::Deadline {
                    database: self.database().to_owned(),
                    what: run.what.to_owned(),
                });
            }
        };
        Query::start(lease, run).await
    }

    /// Runs a statement to its end and returns all its rows.
    pub async fn rows(&self, run: Run<'_>) -> Result<Vec<Row>, Error> {
        let mut query = self.run(run).await?;
        let mut rows = Vec::new();
        while let Some(row) = query.next().await? {
            rows.push(row);
        }
        Ok(rows)
    }
}

impl Query {
    /// Starts a statement on a connection. PostgreSQL answers when the first rows are there.
    pub async fn start(mut lease: Lease, mut run: Run<'_>) -> Result<Query, Error> {
        let began = Instant::now();
        let database = lease.pool().database().to_owned();
        let failed = |source| Error::Statement {
            database: database.clone(),
            what: run.what.to_owned(),
            source,
        };
        let late = |Late| Error::Deadline {
            database: database.clone(),
            what: run.what.to_owned(),
        };
        let prepared = in_time(lease.prepare(run.sql), Some(run.deadline), &mut run.abandoned).await;
        let statement = prepared.map_err(late)?.map_err(failed)?;
        let mut abandoned = run.abandoned.take();
        lease.pool().metric().statements.add(1);
        let mut counted = Counted::begin(lease.pool(), run.what, run.sql);
        lease.busy = true;
        let started = send(&lease, &statement, run.sql, run.parameters);
        let stream = match in_time(started, Some(run.deadline), &mut abandoned)
            .await
            .map_err(late)?
        {
            Ok(stream) => stream,
            Err(source) => {
                // Refused before it ran: nothing is left on the connection to cancel.
                lease.busy = false;
                lease.forget_if_stale(run.sql, &source);
                counted.end(0, true);
                return Err(failed(source));
            }
        };
        Ok(Query {
            lease,
            began,
            stream: Box::pin(stream),
            statement,
            what: run.what.to_owned(),
            deadline: Box::pin(sleep_until(run.deadline)),
            abandoned,
            rows: 0,
            counted,
            is_over: false,
        })
    }

    /// The columns of its rows.
    pub fn columns(&self) -> &[Column] {
        self.statement.columns()
    }

    /// How long it waited for its connection.
    pub fn waited(&self) -> Duration {
        self.lease.waited
    }

    /// When it was sent. PostgreSQL answers with its first rows: counted from that answer, the time of most
    /// statements would be next to nothing.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The next row, none at the end and after an error.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        if self.is_over {
            return Ok(None);
        }
        match poll_fn(|cx| self.poll(cx)).await {
            Polled::Row(row) => {
                self.rows += 1;
                Ok(Some(row))
            }
            Polled::End => {
                self.is_over = true;
                self.lease.busy = false;
                self.counted.end(self.rows, false);
                Ok(None)
            }
            Polled::Failed(source) => {
                self.is_over = true;
                // PostgreSQL's error ends the statement. Any other, as a row that cannot be read, does not.
                self.lease.busy = source.as_db_error().is_none();
                Err(Error::Statement {
                    database: self.database(),
                    what: self.what.clone(),
                    source,
                })
            }
            Polled::Late => {
                self.is_over = true;
                Err(Error::Deadline {
                    database: self.database(),
                    what: self.what.clone(),
                })
            }
        }
    }

    /// The timer is asked only when no row is there, and now and then: a row costs no clock.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Polled> {
        if self.rows % ROWS_UNTIMED == ROWS_UNTIMED - 1 && self.is_late(cx) {
            return Poll::Ready(Polled::Late);
        }
        match self.stream.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(row))) => Poll::Ready(Polled::Row(row)),
            Poll::Ready(Some(Err(source))) => Poll::Ready(Polled::Failed(source)),
            Poll::Ready(None) => Poll::Ready(Polled::End),
            Poll::Pending if self.is_late(cx) => Poll::Ready(Polled::Late),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        self.deadline.as_mut().poll(cx).is_ready()
            || self
                .abandoned
                .as_mut()
                .is_some_and(|abandoned| abandoned.as_mut().poll(cx).is_ready())
    }

    fn database(&self) -> String {
        self.lease.pool().database().to_owned()
    }
}

/// Sends it. A comment makes it a text of its own, which nothing prepared answers to: it is parsed and planned anew, in
/// the same round trip.
async fn send(
    lease: &Lease,
    statement: &Statement,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<RowStream, tokio_postgres::Error> {
    let parameters = parameters.iter().copied();
    let comments = lease.pool().config().comments;
    let Some(trace) = comments.then(|| trace::current().chosen()).flatten() else {
        return lease.client().query_raw(statement, parameters).await;
    };
    // In front, as PostgreSQL cuts what it shows of a statement after some bytes.
    let sql = format!("/*traceparent='{trace}'*/ {sql}");
    let types = statement.params().iter().cloned();
    lease.client().query_typed_raw(&sql, parameters.zip(types)).await
}

impl Drop for Query {
    fn drop(&mut self) {
        self.lease.pool().metric().rows.add(self.rows);
        // Not read to its end: it failed, or nobody wants the rest.
        self.counted.end(self.rows, true);
    }
}

/// A statement as metrics and its trace see it. Dropped before its end, it failed.
pub(crate) struct Counted {
    pool: Pool,
    what: String,
    sql: Arc<str>,
    runtime: Handle,
    statements: Arc<Statements>,
    trace: Trace,
    step: Open,
    began: Instant,
    is_over: bool,
}

impl Counted {
    /// Begins to count a statement that is sent now.
    pub(crate) fn begin(pool: &Pool, what: &str, sql: &Arc<str>) -> Counted {
        let trace = trace::current();
        let statements = pool.metric().of(what, sql);
        // The clock is read once at each end, for the metric and the trace.
        let began = Instant::now();
        let step = if trace.is_on() {
            statements.caused_by(&trace.routes());
            let step = Step::Statement {
                database: pool.name(),
                statement: statements.name,
                sql: statements.name_of(sql),
                rows: 0,
            };
            trace.begin_at(step, began.into_std())
        } else {
            Open::NONE
        };
        Counted {
            step,
            trace,
            pool: pool.clone(),
            what: what.to_owned(),
            statements,
            sql: Arc::clone(sql),
            runtime: Handle::current(),
            began,
            is_over: false,
        }
    }

    /// It has ended.
    pub(crate) fn end(&mut self, received: u64, failed: bool) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let ended = Instant::now();
        let took = ended.saturating_duration_since(self.began);
        self.statements.seconds.observe(took);
        self.statements.rows.add(received);
        self.trace.end_as(self.step, ended.into_std(), |step| {
            if let Step::Statement { rows, .. } = step {
                *rows = received;
            }
        });
        // The name says which it is; its text is on /statements, its values nowhere.
        if took >= self.pool.config().slow && self.pool.metric().slow.permit() {
            tracing::warn!(
                database = self.pool.database(),
                statement = self.what,
                rows = received,
                failed,
                duration_ms = took.as_millis(),
                trace = self.trace.id().map(tracing::field::display),
                "a slow statement"
            );
            let slow = Slow {
                what: self.what.clone(),
                sql: Arc::clone(&self.sql),
                trace: self.trace.id(),
            };
            self.pool.tell_plan(slow, &self.runtime);
        }
        if failed {
            self.statements.failures.increment();
            self.trace.fail(self.step);
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.end(0, true);
    }
}

enum Polled {
    Row(Row),
    End,
    Failed(tokio_postgres::Error),
    Late,
}

/// The deadline has passed, or nobody waits any more.
struct Late;

async fn in_time<T>(
    future: impl Future<Output = T>,
    deadline: Option<Instant>,
    abandoned: &mut Option<Abandoned>,
) -> Result<T, Late> {
    let late = async {
        match deadline {
            Some(deadline) => sleep_until(deadline).await,
            None => pending().await,
        }
    };
    let left = async {
        match abandoned {
            Some(abandoned) => abandoned.await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        output = future => Ok(output),
        () = left => Err(Late),
        () = late => Err(Late),
    }
}
