//! A bounded pool of connections to one database: first come, first served, and waiting has a deadline.
//!
//! Own, and not a library's, because waiting must be measured and ordered, and because a connection
//! whose statement nobody waits for any more goes to nobody else before that has ended.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use embedded::{Caps, Databases, EngineKind};
use futures_util::future::try_join_all;
use telemetry::{
    metric::number::Gauge,
    trace::{self, name::Name, span::Step},
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};
use tokio_postgres::{Statement, error::SqlState};

use crate::{config::Config, error::Error, explain::Plans, metric::Metric, migration::OWN};

/// Prepared statements kept a connection. Field selections make many texts; beyond it all are dropped.
const STATEMENTS_MAX: usize = 512;

/// A statement that nobody waits for may end by itself within this time. Cancelling costs PostgreSQL a
/// process, and most statements of ours are shorter.
const CANCEL_AFTER: Duration = Duration::from_millis(20);

/// A connection that is being cancelled must be usable again within this time, or it is closed.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// One database's connections. Cheap to clone.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    database: String,
    /// As traces name it.
    name: Name,
    config: Config,
    databases: Arc<Databases>,
    permits: Arc<Semaphore>,
    /// The last returned is the first given: its caches are warm.
    idle: Mutex<Vec<Connection>>,
    /// Connections being cancelled and drained; each holds its permit until it is done.
    retiring: Mutex<JoinSet<()>>,
    metric: Metric,
    plans: Plans,
}

/// A connection and the statements prepared on it.
struct Connection {
    client: tokio_postgres::Client,
    cancel: embedded::Cancel,
    statements: HashMap<Arc<str>, Statement>,
}

/// One that waits for a connection, until it is dropped.
struct Waiting<'a>(&'a Gauge);

impl<'a> Waiting<'a> {
    fn begin(gauge: &'a Gauge) -> Waiting<'a> {
        gauge.add(1);
        Waiting(gauge)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.subtract(1);
    }
}

/// A connection for as long as it is held.
pub struct Lease {
    pool: Pool,
    /// Invariant: present until drop.
    connection: Option<Connection>,
    permit: Option<OwnedSemaphorePermit>,
    /// How long the caller waited for it.
    pub waited: Duration,
    /// A statement is running whose answer has not been read to its end.
    pub(crate) busy: bool,
    /// The connection is in a state that nobody else should find: it is closed instead of given back.
    pub(crate) spoiled: bool,
    /// Where a connection given back while busy is drained; the thread that drops it may have no runtime.
    runtime: Handle,
}

impl Pool {
    /// A pool without a connection yet.
    pub fn new(database: String, config: Config, databases: Arc<Databases>) -> Pool {
        Pool(Arc::new(Inner {
            permits: Arc::new(Semaphore::new(config.connections)),
            name: Name::of(&database),
            database,
            config,
            databases,
            idle: Mutex::new(Vec::new()),
            retiring: Mutex::new(JoinSet::new()),
            metric: Metric::default(),
            plans: Plans::default(),
        }))
    }

    /// The database's name in the model.
    pub fn database(&self) -> &str {
        &self.0.database
    }

    /// The same, as traces name it.
    pub(crate) fn name(&self) -> Name {
        self.0.name
    }

    /// Connections at most.
    pub fn connections_max(&self) -> usize {
        self.0.config.connections
    }

    /// Leases given out now.
    pub fn in_use(&self) -> usize {
        self.0
            .config
            .connections
            .saturating_sub(self.0.permits.available_permits())
    }

    /// Connections open and not lent.
    pub fn idle_connections(&self) -> usize {
        self.idle().len()
    }

    /// What the engine behind it can do.
    pub fn caps(&self) -> &Caps {
        self.0.databases.caps(&self.0.database)
    }

    /// What it counts.
    pub fn metric(&self) -> &Metric {
        &self.0.metric
    }

    /// What it was given.
    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// Plans of its statements.
    pub(crate) fn plans_known(&self) -> &Plans {
        &self.0.plans
    }

    /// A connection beside the pool, for what must not be in a request's way.
    pub(crate) async fn aside(&self) -> Result<embedded::Connection, Error> {
        let inner = &self.0;
        let connected = inner.databases.connect(&inner.database).await;
        connected.map_err(|source| Error::Connect {
            database: inner.database.clone(),
            source: Box::new(source),
        })
    }

    /// Waits for a connection, in order of arrival, until the deadline or the pool's own bound.
    pub async fn get(&self, deadline: Instant) -> Result<Lease, Error> {
        let inner = &self.0;
        let began = Instant::now();
        let until = deadline.min(began + inner.config.wait_max);
        let trace = trace::current();
        // The clock is read once at each end, for the metric and the trace.
        let database = inner.name;
        let step = trace.begin_at(Step::Pool { database }, began.into_std());
        // Counted also when the waiting is given up.
        let waiting = Waiting::begin(&inner.metric.leases_waiting);
        let permit = timeout_at(until, inner.permits.clone().acquire_owned()).await;
        drop(waiting);
        let Ok(permit) = permit else {
            inner.metric.lease_timeouts.add(1);
            trace.fail(step);
            return Err(Error::Busy {
                database: inner.database.clone(),
                connections: inner.config.connections,
                waited: began.elapsed(),
            });
        };
        let permit = permit.expect("the semaphore is never closed");
        let idle = self.take_idle();
        let connection = match idle {
            Some(connection) => connection,
            // Seldom, and large: in its own memory, not in that of each statement.
            None => Box::pin(self.connect(deadline))
                .await
                .inspect_err(|_| trace.fail(step))?,
        };
        let given = Instant::now();
        let waited = given.saturating_duration_since(began);
        trace.end_at(step, given.into_std());
        inner.metric.leases.add(1);
        inner.metric.lease_wait.observe(waited);
        Ok(Lease {
            pool: self.clone(),
            connection: Some(connection),
            permit: Some(permit),
            waited,
            busy: false,
            spoiled: false,
            runtime: Handle::current(),
        })
    }

    /// Opens all its connections, so that the first requests do not pay for them.
    pub async fn warm(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.0.config.connect_max;
        // All are held until the last is there, or one would be given twice.
        try_join_all((0..self.0.config.connections).map(|_| self.get(deadline))).await?;
        Ok(())
    }

    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        while let Some(connection) = idle.pop() {
            if !connection.client.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self, deadline: Instant) -> Result<Connection, Error> {
        let inner = &self.0;
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Connect {
            database: inner.database.clone(),
            source,
        };
        let until = deadline.min(Instant::now() + inner.config.connect_max);
        let opened = async {
            let connection = inner
                .databases
                .connect(&inner.database)
                .await
                .map_err(|e| failed(Box::new(e)))?;
            connection
                .client
                .batch_execute(&self.session())
                .await
                .map_err(|e| failed(Box::new(e)))?;
            Ok(connection)
        };
        let opened = timeout_at(until, opened)
            .await
            .map_err(|_| failed("no answer in time".into()))??;
        inner.metric.connections_opened.add(1);
        Ok(Connection {
            client: opened.client,
            cancel: opened.cancel,
            statements: HashMap::new(),
        })
    }

    /// Settings of every connection, whatever the server's are: instants are read in UTC, and the text of
    /// floats and times, which cursors hold, is exact. Triggers that tell of writes of others pass over ours.
    fn session(&self) -> String {
        let mut sql =
            String::from("set timezone to 'UTC'; set datestyle to 'ISO'; set extra_float_digits to 1");
        if self.caps().engine == EngineKind::PostgreSql {
            sql.push_str(&format!("; set {OWN} to 'on'"));
        }
        if let (Some(time), true) = (self.0.config.statement_timeout, self.caps().interrupt) {
            sql.push_str(&format!("; set statement_timeout to {}", time.as_millis()));
        }
        sql
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the statement end, cancels it if that takes long, and only then gives back what is left.
    fn retire(&self, connection: Connection, permit: Option<OwnedSemaphorePermit>, runtime: &Handle) {
        let pool = self.clone();
        let mut retiring = self.0.retiring.lock().unwrap_or_else(PoisonError::into_inner);
        while retiring.try_join_next().is_some() {}
        retiring.spawn_on(
            async move {
                let is_drained = timeout(DRAIN_MAX, pool.drain(&connection)).await.unwrap_or(false);
                if is_drained {
                    pool.idle().push(connection);
                }
                drop(permit);
            },
            runtime,
        );
    }

    /// Whether the connection can be given to another.
    async fn drain(&self, connection: &Connection) -> bool {
        // An answer to it says that the server has done with all before it.
        let mut ended = Box::pin(connection.client.simple_query(""));
        if let Ok(ended) = timeout(CANCEL_AFTER, &mut ended).await {
            return ended.is_ok();
        }
        if !self.caps().interrupt {
            return ended.await.is_ok();
        }
        self.0.metric.cancels.add(1);
        connection.cancel.cancel().await;
        // The permit is kept until the statement has ended: another would come on top of it.
        let _ = ended.await;
        // The request goes its own way to the server, which may not have had it yet, and PostgreSQL signals
        // for each one twice, the process and its group. What comes late hits the next statement, somebody
        // else's (seen once in some ten test runs on a busy machine): so the connection ends here.
        false
    }
}

impl Lease {
    /// The connection's client.
    pub fn client(&self) -> &tokio_postgres::Client {
        &self.connection.as_ref().expect("present until drop").client
    }

    /// The pool it came from.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The statement, prepared once a connection.
    pub(crate) async fn prepare(&mut self, sql: &Arc<str>) -> Result<Statement, tokio_postgres::Error> {
        let connection = self.connection.as_mut().expect("present until drop");
        if let Some(statement) = connection.statements.get(sql) {
            return Ok(statement.clone());
        }
        self.busy = true;
        let trace = trace::current();
        let step = trace.begin(Step::Prepare {
            database: self.pool.0.name,
        });
        let prepared = connection.client.prepare(sql).await;
        trace.end(step);
        self.busy = false;
        let statement = prepared?;
        if connection.statements.len() >= STATEMENTS_MAX {
            connection.statements.clear();
        }
        connection.statements.insert(sql.clone(), statement.clone());
        Ok(statement)
    }

    /// Prepares the statement anew next time, if the server says that this one is of no use any more: a
    /// table has changed, or something between us and the server has dropped it.
    pub(crate) fn forget_if_stale(&mut self, sql: &str, error: &tokio_postgres::Error) {
        let stale = [
            SqlState::FEATURE_NOT_SUPPORTED,
            SqlState::INVALID_SQL_STATEMENT_NAME,
        ];
        if error.code().is_some_and(|code| stale.contains(code)) {
            self.connection
                .as_mut()
                .expect("present until drop")
                .statements
                .remove(sql);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let permit = self.permit.take();
        if connection.client.is_closed() || self.spoiled {
            return;
        }
        if self.busy {
            self.pool.retire(connection, permit, &self.runtime);
        } else {
            self.pool.idle().push(connection);
        }
    }
}
