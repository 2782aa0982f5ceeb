//! One running statement: its rows as they arrive, until a deadline or until nobody wants them.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use postgres_types::{FromSql, ToSql, Type};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_postgres::{Column, Row, RowStream, Statement};

use crate::{
    error::Error,
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
    /// None once it has ended, with or without an error.
    stream: Option<Pin<Box<RowStream>>>,
    statement: Statement,
    what: String,
    deadline: Pin<Box<Sleep>>,
    abandoned: Option<Abandoned>,
    rows: u64,
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
pub fn raw(row: &Row, column: usize) -> Option<&[u8]> {
    row.get::<usize, Option<Raw<'_>>>(column).map(|raw| raw.0)
}

impl Pool {
    /// Waits for a connection and starts the statement on it.
    pub async fn run(&self, run: Run<'_>) -> Result<Query, Error> {
        let lease = self.get(run.deadline).await?;
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
    /// Starts a statement on a connection.
    pub async fn start(mut lease: Lease, run: Run<'_>) -> Result<Query, Error> {
        let database = lease.pool().database().to_owned();
        let failed = |source| Error::Statement { database: database.clone(), what: run.what.to_owned(), source };
        let late = |_| Error::Deadline { database: database.clone(), what: run.what.to_owned() };
        let statement =
            tokio::time::timeout_at(run.deadline, lease.prepare(run.sql)).await.map_err(late)?.map_err(failed)?;
        lease.pool().metric().statements.add(1);
        lease.busy = true;
        let started = lease.client().query_raw(&statement, run.parameters.iter().copied());
        let stream = match tokio::time::timeout_at(run.deadline, started).await.map_err(late)? {
            Ok(stream) => stream,
            Err(source) => {
                // Refused before it ran: nothing is left on the connection to cancel.
                lease.busy = false;
                lease.forget_if_stale(run.sql, &source);
                return Err(failed(source));
            }
        };
        Ok(Query {
            lease,
            stream: Some(Box::pin(stream)),
            statement,
            what: run.what.to_owned(),
            deadline: Box::pin(sleep_until(run.deadline)),
            abandoned: run.abandoned,
            rows: 0,
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

    /// The next row, none at the end and after an error.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        if self.stream.is_none() {
            return Ok(None);
        }
        match poll_fn(|cx| self.poll(cx)).await {
            Polled::Row(row) => {
                self.rows += 1;
                Ok(Some(row))
            }
            Polled::End => {
                self.stream = None;
                self.lease.busy = false;
                Ok(None)
            }
            Polled::Failed(source) => {
                if source.as_db_error().is_some() {
                    // PostgreSQL's error ends the statement. Any other leaves it running: see `drop`.
                    self.stream = None;
                    self.lease.busy = false;
                } else {
                    self.stop();
                }
                Err(Error::Statement { database: self.database(), what: self.what.clone(), source })
            }
            Polled::Late => {
                self.stop();
                Err(Error::Deadline { database: self.database(), what: self.what.clone() })
            }
        }
    }

    /// The timer is asked only when no row is there, and now and then: a row costs no clock.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Polled> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Polled::End) };
        if self.rows % ROWS_UNTIMED == ROWS_UNTIMED - 1 && is_over(&mut self.deadline, &mut self.abandoned, cx) {
            return Poll::Ready(Polled::Late);
        }
        match stream.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(row))) => Poll::Ready(Polled::Row(row)),
            Poll::Ready(Some(Err(source))) => Poll::Ready(Polled::Failed(source)),
            Poll::Ready(None) => Poll::Ready(Polled::End),
            Poll::Pending if is_over(&mut self.deadline, &mut self.abandoned, cx) => Poll::Ready(Polled::Late),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Leaves what is still to come to the pool.
    fn stop(&mut self) {
        self.lease.rest = self.stream.take();
    }

    fn database(&self) -> String {
        self.lease.pool().database().to_owned()
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        self.lease.pool().metric().rows.add(self.rows);
        if self.stream.is_some() {
            self.stop();
        }
    }
}

enum Polled {
    Row(Row),
    End,
    Failed(tokio_postgres::Error),
    Late,
}

fn is_over(deadline: &mut Pin<Box<Sleep>>, abandoned: &mut Option<Abandoned>, cx: &mut Context<'_>) -> bool {
    deadline.as_mut().poll(cx).is_ready()
        || abandoned.as_mut().is_some_and(|abandoned| abandoned.as_mut().poll(cx).is_ready())
}
