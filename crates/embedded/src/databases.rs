//! All databases of one model: opened together, connected to by name, stopped together.

mod connection;
mod listening;
mod opening;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt, mem,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;

pub use connection::{Cancel, Connection};
pub use listening::Listening;
pub use opening::open;

use crate::{Caps, EngineKind, Error, bridge::Bridge, claim::Claim, external::Address, managed::Managed};

/// The engine in this process finishes its query within this time, or is left behind.
const ENGINE_STOP_MAX: Duration = Duration::from_secs(20);

/// Databases that were opened, with the servers that were started for them.
///
/// Dropping it stops the servers, too, but blocks the thread meanwhile.
pub struct Databases {
    databases: BTreeMap<String, Database>,
    managed: Option<Server>,
    /// The connections' tasks. They end with their clients.
    tasks: Mutex<JoinSet<()>>,
    directory: PathBuf,
    connect_timeout: Duration,
    /// Invariant: given up last, when nothing of ours runs in the directory any more.
    _claim: Option<Claim>,
}

/// The managed server and how it is described.
struct Server {
    managed: Managed,
    binaries: PathBuf,
    account: Option<String>,
}

struct Database {
    source: Source,
    caps: Caps,
}

enum Source {
    External(Address),
    Managed,
    InProcess(Bridge),
}

impl Databases {
    /// A new connection. Its task is ours, and ends when the client is dropped.
    ///
    /// # Errors
    ///
    /// When nobody answers, which for the managed server passes: it is being restarted.
    pub async fn connect(&self, name: &str) -> Result<Connection, Error> {
        let database = self.databases.get(name).ok_or_else(|| Error::Unknown {
            name: name.to_owned(),
        })?;
        connection::connect(&connection::Target {
            name,
            source: &database.source,
            managed: self.managed.as_ref().map(|server| &server.managed),
            tasks: &self.tasks,
            connect_timeout: self.connect_timeout,
        })
        .await
    }

    /// Listens to a channel on a connection of its own.
    ///
    /// # Errors
    ///
    /// As of [`connect`](Databases::connect).
    ///
    /// # Panics
    ///
    /// If the name was not given to [`open`], or [`Caps::listen`] is false.
    pub async fn listen(&self, name: &str, channel: &str) -> Result<Listening, Error> {
        let database = self.database(name);
        assert!(database.caps.listen, "the caller asks whether the engine can");
        let target = connection::Target {
            name,
            source: &database.source,
            managed: self.managed.as_ref().map(|server| &server.managed),
            tasks: &self.tasks,
            connect_timeout: self.connect_timeout,
        };
        listening::listen(&target, channel).await
    }

    /// What the database can do.
    ///
    /// # Panics
    ///
    /// If the name was not given to [`open`].
    #[must_use]
    pub fn caps(&self, name: &str) -> &Caps {
        &self.database(name).caps
    }

    /// Whether we made the database and own it: a schema may be created in it.
    ///
    /// # Panics
    ///
    /// If the name was not given to [`open`].
    #[must_use]
    pub fn is_ours(&self, name: &str) -> bool {
        match self.database(name).source {
            Source::Managed | Source::InProcess(_) => true,
            Source::External(_) => false,
        }
    }

    /// How often the database's server died and was started again by us.
    ///
    /// # Panics
    ///
    /// If the name was not given to [`open`].
    #[must_use]
    pub fn restarts(&self, name: &str) -> u64 {
        match &self.database(name).source {
            Source::Managed => self
                .managed
                .as_ref()
                .map_or(0, |server| server.managed.restarts()),
            Source::InProcess(bridge) => bridge.reopened(),
            Source::External(_) => 0,
        }
    }

    /// A URL by which other programs on this machine reach a database of the managed server.
    #[must_use]
    pub fn url(&self, name: &str) -> Option<String> {
        match (&self.databases.get(name)?.source, &self.managed) {
            (Source::Managed, Some(server)) => Some(server.managed.url(name)),
            _ => None,
        }
    }

    /// The postmaster of the managed server. Empty without one, and while it is down.
    #[must_use]
    pub fn postgres_pids(&self) -> Vec<u32> {
        self.managed
            .iter()
            .filter_map(|server| server.managed.pid())
            .collect()
    }

    /// What was chosen, one for each provider in use.
    #[must_use]
    pub fn choices(&self) -> Vec<Choice> {
        let mut choices: Vec<Choice> = Vec::new();
        for (name, database) in &self.databases {
            let choice = self.choice(name, database);
            match choices.iter_mut().find(|other| other.same_place(&choice)) {
                Some(other) => other.databases.extend(choice.databases),
                None => choices.push(choice),
            }
        }
        choices
    }

    fn choice(&self, name: &str, database: &Database) -> Choice {
        let (provider, place) = match &database.source {
            Source::External(address) => (Provider::External, address.shown()),
            Source::Managed => (Provider::Managed, self.directory.display().to_string()),
            Source::InProcess(_) => (Provider::InProcess, self.directory.display().to_string()),
        };
        let server = self.managed.as_ref().filter(|_| provider == Provider::Managed);
        Choice {
            provider,
            databases: vec![name.to_owned()],
            engine: database.caps.engine,
            version: database.caps.version.clone(),
            place,
            binaries: server.map(|server| server.binaries.clone()),
            account: server.and_then(|server| server.account.clone()),
        }
    }

    /// Closes all connections and stops what was started: within 30 s the managed server, by force if need be.
    pub async fn stop(mut self) {
        let mut tasks = mem::take(self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner));
        tasks.shutdown().await;
        for (_, database) in mem::take(&mut self.databases) {
            if let Source::InProcess(bridge) = database.source {
                bridge.stop(ENGINE_STOP_MAX).await;
            }
        }
        if let Some(server) = self.managed.take() {
            server.managed.stop().await;
        }
    }

    fn database(&self, name: &str) -> &Database {
        self.databases
            .get(name)
            .expect("the caller asks for a database that it opened")
    }
}

impl fmt::Debug for Databases {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.choices()).finish()
    }
}

/// Where a database comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// A server of the user's.
    External,
    /// A PostgreSQL found on the machine and run by us.
    Managed,
    /// The engine in this process.
    InProcess,
}

/// One provider in use, to be shown to the user as a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Which one.
    pub provider: Provider,
    /// For which databases.
    pub databases: Vec<String>,
    /// Whose engine.
    pub engine: EngineKind,
    /// Its version.
    pub version: String,
    /// Host and port, or the data directory.
    pub place: String,
    /// Where the managed server's programs are.
    pub binaries: Option<PathBuf>,
    /// The user that the managed server runs as, if it is not ours.
    pub account: Option<String>,
}

impl Choice {
    fn same_place(&self, other: &Self) -> bool {
        self.provider == other.provider && self.place == other.place && self.version == other.version
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            engine,
            version,
            place,
            ..
        } = self;
        let engine = engine.name();
        match self.provider {
            Provider::External => {
                write!(
                    formatter,
                    "database: external {engine} {version} at {place} ({})",
                    self.databases.join(", ")
                )
            }
            Provider::InProcess => write!(
                formatter,
                "database: in-process {engine} {version} in {place} (one backend a database; for pg_stat_statements \
                 and parallel queries: sidequest db install, or --database NAME=postgres://...)"
            ),
            Provider::Managed => {
                let binaries = self.binaries.iter().map(|path| path.display().to_string());
                let account = self.account.iter().map(|name| format!("as user {name}"));
                let notes: Vec<String> = binaries.chain(account).collect();
                write!(
                    formatter,
                    "database: managed {engine} {version} in {place} ({})",
                    notes.join(", ")
                )
            }
        }
    }
}
