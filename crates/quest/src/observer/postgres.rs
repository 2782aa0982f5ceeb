//! PostgreSQL's own views, over one warm connection: activity many times a second, statements and tables at both
//! ends of a window.
//!
//! What is asked carries a mark, so that it can be told from the target's statements.

mod activity;
mod connect;
pub mod plan;
mod statistics;
mod version;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::observer::{Depth, Observer, Reading, State};

pub use connect::{Location, Session};
pub use version::Version;

/// How often activity is sampled within a window: 33 times a second.
pub const INTERVAL: Duration = Duration::from_millis(30);

/// Our own statements are cut off after this time.
pub const STATEMENT_MAX: Duration = Duration::from_secs(3);

/// Statements whose counters are kept.
pub const STATEMENTS_MAX: usize = 1_000;

/// Statements whose text is kept.
pub const TEXTS_MAX: usize = 50;

/// Looking for who blocks whom takes the lock manager's locks, so it is done this seldom.
const BLOCKERS_INTERVAL: Duration = Duration::from_millis(250);

/// Stands in each of our statements.
const MARK: &str = "/* sidequest quest */";

/// A database.
#[derive(Debug)]
pub struct Postgres {
    session: Session,
    version: Version,
    facts: BTreeMap<String, String>,
    has_statements: bool,
    is_monitor: bool,
    blockers_asked: Option<Instant>,
    blockers: BTreeMap<String, f64>,
}

impl Postgres {
    /// Connects, and finds out what may be read.
    pub fn open(location: &Location) -> Result<Postgres, State> {
        let mut session = Session::open(location)?;
        let version = Version::ask(&mut session)?;
        let mut postgres = Postgres {
            session,
            version,
            facts: BTreeMap::new(),
            has_statements: false,
            is_monitor: false,
            blockers_asked: None,
            blockers: BTreeMap::new(),
        };
        postgres.learn()?;
        Ok(postgres)
    }

    /// Whether `pg_stat_statements` can be read; else why not.
    pub fn statements(&self) -> State {
        if self.has_statements {
            State::Available
        } else if self.version.is_denied {
            State::Denied("the role may not read pg_stat_statements: GRANT pg_monitor TO it".to_owned())
        } else {
            State::Absent(
                "pg_stat_statements is not installed: add it to shared_preload_libraries, then CREATE EXTENSION pg_stat_statements"
                    .to_owned(),
            )
        }
    }

    /// Whether the activity of other roles can be read; else why not.
    pub fn activity(&self) -> State {
        if self.is_monitor {
            State::Available
        } else {
            State::Denied("the role sees its own sessions only: GRANT pg_monitor TO it".to_owned())
        }
    }

    /// What the server is.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The process behind our connection: its parent is the database.
    pub fn backend(&mut self) -> Option<u32> {
        let rows = self
            .session
            .query(&format!("SELECT {MARK} pg_backend_pid()::text"))
            .ok()?;
        rows.first()?.text(0)?.parse().ok()
    }

    fn learn(&mut self) -> Result<(), State> {
        let rows = self.session.query(&format!(
            "SELECT {MARK} name, setting || coalesce(unit, '') FROM pg_settings WHERE name IN ('max_connections', 'shared_buffers', \
             'synchronous_commit', 'track_io_timing', 'pg_stat_statements.track_planning', 'checkpoint_timeout', 'max_wal_size', \
             'work_mem', 'jit', 'idle_in_transaction_session_timeout', 'lock_timeout')"
        ))?;
        for row in &rows {
            if let (Some(name), Some(value)) = (row.text(0), row.text(1)) {
                self.facts.insert(format!("setting/{name}"), value.to_owned());
            }
        }
        let rows = self.session.query(&format!(
            "SELECT {MARK} (pg_has_role(current_user, 'pg_monitor', 'USAGE') OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'))::text, \
             (SELECT string_agg(extname, ',') FROM pg_extension), \
             EXISTS (SELECT FROM pg_available_extensions WHERE name = 'hypopg')::text, current_database()::text"
        ))?;
        if let Some(row) = rows.first() {
            self.is_monitor = row.text(0) == Some("true");
            self.facts.insert(
                "extensions".to_owned(),
                row.text(1).unwrap_or_default().to_owned(),
            );
            self.facts.insert(
                "hypopg_available".to_owned(),
                row.text(2).unwrap_or_default().to_owned(),
            );
            self.facts
                .insert("database".to_owned(), row.text(3).unwrap_or_default().to_owned());
        }
        self.facts
            .insert("version".to_owned(), self.version.number.to_string());
        match self
            .session
            .query(&format!("SELECT {MARK} 1 FROM pg_stat_statements LIMIT 1"))
        {
            Ok(_) => self.has_statements = true,
            Err(State::Denied(_)) => self.version.is_denied = true,
            Err(State::Absent(_) | State::Available) => {}
        }
        Ok(())
    }
}

impl Observer for Postgres {
    fn read(&mut self, depth: Depth) -> Result<Reading, State> {
        let mut reading = Reading::default();
        let waits_for_locks = activity::read(&mut self.session, &self.version, &mut reading)?;
        let is_due = self
            .blockers_asked
            .is_none_or(|asked| asked.elapsed() >= BLOCKERS_INTERVAL);
        if waits_for_locks && is_due {
            self.blockers = activity::blockers(&mut self.session)?;
            self.blockers_asked = Some(Instant::now());
        } else if !waits_for_locks {
            self.blockers.clear();
        }
        reading.gauges.extend(self.blockers.clone());
        match depth {
            Depth::Light => {}
            Depth::Full => {
                statistics::database(&mut self.session, &self.version, &mut reading)?;
                statistics::tables(&mut self.session, &mut reading)?;
                if self.has_statements {
                    statistics::statements(&mut self.session, &self.version, &mut reading, &mut self.facts)?;
                }
            }
        }
        Ok(reading)
    }

    fn facts(&self) -> BTreeMap<String, String> {
        self.facts.clone()
    }
}
