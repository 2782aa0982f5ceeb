//! A PostgreSQL for tests: one server a test process, a database of its own for each test.
//!
//! It writes without fsync into a temporary directory, and is gone with the test process, also when that is killed.

use std::{
    fmt,
    io::Write,
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{sync::OnceCell, task::JoinSet};
use tokio_postgres::{Client, NoTls};

use crate::{
    Supervisor,
    managed::{self, Account, Installation, Managed, Plan, Watchdog},
};

/// A file that collects which tests did not run.
const SKIPPED: &str = "SIDEQUEST_SKIPPED";

/// Set to 1, missing parts fail a test instead of leaving it out.
const REQUIRE: &str = "SIDEQUEST_REQUIRE_ALL";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

static SHARED: OnceCell<Option<TestServer>> = OnceCell::const_new();
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A server for tests. Dropping it stops it and removes its directory.
pub struct TestServer {
    /// Taken on drop.
    running: Option<(Managed, Watchdog)>,
    directory: PathBuf,
    tasks: Mutex<JoinSet<()>>,
}

impl TestServer {
    /// The server of this test process, or None with a loud message where no PostgreSQL is installed.
    ///
    /// # Panics
    ///
    /// Where it does not start, and without PostgreSQL if `SIDEQUEST_REQUIRE_ALL` is 1.
    pub async fn shared() -> Option<&'static Self> {
        SHARED.get_or_init(Self::start).await.as_ref()
    }

    /// A server for one test alone, to be maltreated.
    ///
    /// # Panics
    ///
    /// As [`TestServer::shared`].
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// The same with settings of `postgresql.conf`.
    ///
    /// # Panics
    ///
    /// As [`TestServer::shared`].
    pub async fn start_with(settings: &[(&str, &str)]) -> Option<Self> {
        let directory = temporary_directory();
        let (account, installation) = installation()?;
        account
            .make_passable(&directory)
            .expect("the temporary directory can be written");
        // What the server listens with: it is gone when the server is.
        let alive = managed::directory(&directory).join("data/postmaster.pid");
        let watchdog = Watchdog::remove_directory(&directory, &alive).expect("there is a shell");
        let plan = Plan {
            directory: managed::directory(&directory),
            installation,
            account,
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            sync: false,
            supervisor: Supervisor::Direct,
        };
        let managed = match Managed::start(plan).await {
            Ok(managed) => managed,
            Err(error) => panic!("PostgreSQL for tests: failed to {error}"),
        };
        Some(Self {
            running: Some((managed, watchdog)),
            directory,
            tasks: Mutex::new(JoinSet::new()),
        })
    }

    /// A new, empty database.
    ///
    /// # Panics
    ///
    /// If it cannot be created.
    pub async fn database(&self) -> TestDatabase<'_> {
        self.database_from("template0").await
    }

    /// A copy of another database, to which nobody may be connected.
    ///
    /// # Panics
    ///
    /// If it cannot be created.
    pub async fn database_from(&self, template: &str) -> TestDatabase<'_> {
        let name = format!(
            "test_{}_{}",
            process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let create = format!("create database \"{name}\" template \"{template}\"");
        let client = self.connect("postgres").await;
        client
            .batch_execute(&create)
            .await
            .expect("a database can be created");
        TestDatabase {
            url: self.managed().url(&name),
            name,
            server: self,
        }
    }

    /// The postmaster.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.managed().pid()
    }

    fn managed(&self) -> &Managed {
        let (managed, _) = self.running.as_ref().expect("it is taken on drop only");
        managed
    }

    async fn connect(&self, database: &str) -> Client {
        let config = self.managed().config(database, CONNECT_TIMEOUT);
        let (client, connection) = config
            .connect(NoTls)
            .await
            .expect("the server for tests takes connections");
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            // The client's calls tell of it.
            let _ = connection.await;
        });
        client
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some((managed, watchdog)) = self.running.take() {
            drop(managed);
            let _ = std::fs::remove_dir_all(&self.directory);
            watchdog.dismiss();
        }
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TestServer")
            .field("directory", &self.directory)
            .finish()
    }
}

/// A database of one test. It stays until the server goes.
#[derive(Debug)]
pub struct TestDatabase<'a> {
    /// Unique on the server.
    pub name: String,
    /// For [`External::Url`](crate::External::Url).
    pub url: String,
    server: &'a TestServer,
}

impl TestDatabase<'_> {
    /// A new connection, which lives as long as the client and the server.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn connect(&self) -> Client {
        self.server.connect(&self.name).await
    }
}

/// Whether a PostgreSQL is installed that tests can run, with a loud message if not.
///
/// # Panics
///
/// Without PostgreSQL if `SIDEQUEST_REQUIRE_ALL` is 1.
#[must_use]
pub fn installed() -> bool {
    installation().is_some()
}

fn installation() -> Option<(Account, Installation)> {
    let account = Account::choose(Path::new("")).expect("a cluster that is not there belongs to nobody");
    let found = managed::find(&path(), true, &account).into_iter().next();
    if found.is_none() {
        missing();
    }
    Some((account, found?))
}

/// A directory that nobody else has. It is made by the one who uses it.
///
/// # Panics
///
/// Never on a clock after 1970.
#[must_use]
pub fn temporary_directory() -> PathBuf {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!(
        "sidequest-test-{}-{number}-{}",
        process::id(),
        now.subsec_nanos()
    ))
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no configuration but the environment"
)]
fn path() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default()
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no configuration but the environment"
)]
fn missing() {
    assert!(
        std::env::var_os(REQUIRE).is_none_or(|value| value != "1"),
        "no PostgreSQL is installed, and {REQUIRE}=1"
    );
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line =
        format!("DID NOT RUN: {test}: no PostgreSQL is installed (Debian: apt-get install postgresql)\n");
    // `cargo xtask ci` shows this file at its end: what a test runner hides of stderr is said there.
    if let Some(file) = std::env::var_os(SKIPPED) {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    let _ = std::io::stderr().write_all(line.as_bytes());
}
