//! What a pool counts about itself, and how a scrape sees it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use telemetry::{
    metric::{
        New, Readings, Registry,
        histogram::{Histogram, SECONDS, Unit, WAIT_SECONDS},
        number::{Counter, Gauge},
        read_counter, read_gauge, read_histogram,
    },
    rate::Rate,
    trace::name::Name,
};

use crate::pool::Pool;

/// Statements that are counted by name. Names come from the model, so there are few; this holds it.
const NAMES_MAX: usize = 1024;

/// Lines a minute about slow statements of one database: when all are slow, not each needs saying.
const SLOW_LINES_MAX: u32 = 20;

/// Counters of one database's pool; read by `/metrics` and by tests that hold the number of statements.
#[derive(Debug)]
pub struct Metric {
    /// Statements started.
    pub statements: Counter,
    /// Rows received.
    pub rows: Counter,
    /// Connections opened.
    pub connections_opened: Counter,
    /// Leases given.
    pub leases: Counter,
    /// Time to obtain a lease, of those that were given.
    pub lease_wait: Histogram,
    /// Requests that wait for a lease now.
    pub leases_waiting: Gauge,
    /// Leases that were not given in time.
    pub lease_timeouts: Counter,
    /// Statements cancelled because nobody waits for them or their time is up.
    pub cancels: Counter,
    /// Lines of the log about slow statements.
    pub(crate) slow: Rate,
    by_name: Mutex<HashMap<String, Arc<Statements>>>,
}

/// Statements of one name.
#[derive(Debug)]
pub struct Statements {
    /// From sending to the last row, of those that ended.
    pub seconds: Histogram,
    /// Rows received.
    pub rows: Counter,
    /// Those that did not end well: refused, cancelled, late.
    pub failures: Counter,
    /// Its text when first seen.
    sql: Arc<str>,
    /// As traces name it and its text, looked up once.
    pub(crate) name: Name,
    sql_name: Name,
    /// Routes that caused it, and how often each.
    routes: Mutex<Vec<(Name, u64)>>,
}

impl Default for Metric {
    fn default() -> Metric {
        Metric {
            statements: Counter::default(),
            rows: Counter::default(),
            connections_opened: Counter::default(),
            leases: Counter::default(),
            lease_wait: Histogram::new(Unit::Seconds, WAIT_SECONDS),
            leases_waiting: Gauge::default(),
            lease_timeouts: Counter::default(),
            cancels: Counter::default(),
            slow: Rate::new(SLOW_LINES_MAX, Duration::from_secs(60)),
            by_name: Mutex::default(),
        }
    }
}

impl Metric {
    /// The statements of this name, which is one of the model's.
    pub(crate) fn of(&self, what: &str, sql: &Arc<str>) -> Arc<Statements> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_name.get(what) {
            return Arc::clone(known);
        }
        let what = if by_name.len() < NAMES_MAX { what } else { "other" };
        let statements = by_name.entry(what.to_owned()).or_insert_with(|| {
            Arc::new(Statements {
                seconds: Histogram::new(Unit::Seconds, SECONDS),
                rows: Counter::default(),
                failures: Counter::default(),
                sql: Arc::clone(sql),
                name: Name::of(what),
                sql_name: Name::of(sql),
                routes: Mutex::default(),
            })
        });
        Arc::clone(statements)
    }

    /// All statements by name, in its order.
    pub fn by_name(&self) -> Vec<(String, Arc<Statements>)> {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = by_name
            .iter()
            .map(|(name, statements)| (name.clone(), Arc::clone(statements)))
            .collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }
}

impl Statements {
    /// Its text when first seen; values are `$1`, `$2`. Selections of fields make others of the same name.
    pub fn sql(&self) -> &Arc<str> {
        &self.sql
    }

    /// As traces name the text, which is most often the one first seen.
    pub(crate) fn name_of(&self, sql: &Arc<str>) -> Name {
        if Arc::ptr_eq(sql, &self.sql) || *sql == self.sql {
            self.sql_name
        } else {
            Name::of(sql)
        }
    }

    /// Routes that caused it, as their traces tell, and how often each.
    pub fn routes(&self) -> Vec<(Name, u64)> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn caused_by(&self, asking: &[Name]) {
        if asking.is_empty() {
            return;
        }
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        for route in asking {
            match routes.iter_mut().find(|(known, _)| known == route) {
                Some((_, times)) => *times += 1,
                None => routes.push((*route, 1)),
            }
        }
    }
}

/// Registers what the pools count; without a pool, for the reference.
pub fn register(registry: &Registry, pools: Vec<Pool>) {
    let of_database = |name, about| New {
        name,
        about,
        labels: &["database"],
    };
    let of_statement = |name, about| New {
        name,
        about,
        labels: &["database", "statement"],
    };
    registry.readers(
        vec![
            read_counter(of_database(
                "sidequest_database_statements_total",
                "Statements started.",
            )),
            read_counter(of_database("sidequest_database_rows_total", "Rows received.")),
            read_counter(of_database(
                "sidequest_database_connections_opened_total",
                "Connections opened.",
            )),
            read_counter(of_database(
                "sidequest_database_leases_total",
                "Connections lent to requests.",
            )),
            read_counter(of_database(
                "sidequest_database_lease_timeouts_total",
                "Waits for a connection that were given up.",
            )),
            read_counter(of_database(
                "sidequest_database_cancels_total",
                "Statements cancelled because nobody waits for them.",
            )),
            read_gauge(of_database(
                "sidequest_database_connections_max",
                "Size of the pool.",
            )),
            read_gauge(of_database(
                "sidequest_database_connections_in_use",
                "Connections lent now.",
            )),
            read_gauge(of_database(
                "sidequest_database_connections_idle",
                "Connections open and not lent.",
            )),
            read_gauge(of_database(
                "sidequest_database_leases_waiting",
                "Requests that wait for a connection now.",
            )),
            read_histogram(of_database(
                "sidequest_database_lease_wait_seconds",
                "Time to obtain a connection.",
            )),
            read_histogram(of_statement(
                "sidequest_database_statement_seconds",
                "Time of a statement from its sending to its last row, by its name in the model.",
            )),
            read_counter(of_statement(
                "sidequest_database_statement_rows_total",
                "Rows received, by the statement's name in the model.",
            )),
            read_counter(of_statement(
                "sidequest_database_statement_failures_total",
                "Statements that did not end well: refused, cancelled or late.",
            )),
        ],
        move |out| pools.iter().for_each(|pool| read(out, pool)),
    );
}

fn read(out: &mut Readings, pool: &Pool) {
    let metric = pool.metric();
    let database = pool.database();
    let numbers = [
        metric.statements.get() as f64,
        metric.rows.get() as f64,
        metric.connections_opened.get() as f64,
        metric.leases.get() as f64,
        metric.lease_timeouts.get() as f64,
        metric.cancels.get() as f64,
        pool.connections_max() as f64,
        pool.in_use() as f64,
        pool.idle_connections() as f64,
        metric.leases_waiting.get() as f64,
    ];
    for (at, value) in numbers.into_iter().enumerate() {
        out.put(at, &[database], value);
    }
    out.put_histogram(10, &[database], &metric.lease_wait);
    for (name, statements) in metric.by_name() {
        let labels = [database, &name];
        out.put_histogram(11, &labels, &statements.seconds);
        out.put(12, &labels, statements.rows.get() as f64);
        out.put(13, &labels, statements.failures.get() as f64);
    }
}
