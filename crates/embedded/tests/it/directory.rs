//! A data directory for one test, and configurations for it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use embedded::{Config, Databases, Engine, Supervisor};
use tokio_postgres::{Client, types::FromSql};

/// Removed on drop.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(embedded::testing::temporary_directory())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn config(&self, engine: Engine) -> Config {
        config(&self.0, engine)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                eprintln!("{}: {error}", self.0.display());
            }
            _ => {}
        }
    }
}

pub(crate) fn config(directory: &Path, engine: Engine) -> Config {
    Config {
        directory: directory.to_owned(),
        engine,
        external: BTreeMap::new(),
        search: Vec::new(),
        search_known: true,
        settings: Vec::new(),
        sync: false,
        supervisor: Supervisor::Direct,
        connect_timeout: Duration::from_secs(10),
    }
}

pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Whether the tests of the managed server can run; says so loudly if not.
pub(crate) fn postgres_is_there() -> bool {
    embedded::testing::installed()
}

pub(crate) async fn value<T: for<'a> FromSql<'a>>(client: &Client, sql: &str) -> T {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Connects again and again until it works.
pub(crate) async fn connected(databases: &Databases, name: &str, patience: Duration) -> Client {
    let deadline = Instant::now() + patience;
    let mut pause = tokio::time::interval(Duration::from_millis(5));
    loop {
        match databases.connect(name).await {
            Ok(connection) => return connection.client,
            Err(error) => assert!(
                Instant::now() < deadline,
                "{error}: {:?}",
                std::error::Error::source(&error)
            ),
        }
        pause.tick().await;
    }
}

/// Waits until the process is gone.
pub(crate) async fn gone(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(15);
    let mut pause = tokio::time::interval(Duration::from_millis(5));
    while runs(pid) {
        assert!(Instant::now() < deadline, "process {pid} is still there");
        pause.tick().await;
    }
}

/// Whether the process runs. A zombie does not.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

pub(crate) fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
