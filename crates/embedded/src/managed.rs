//! A PostgreSQL found on the machine and run by us, on a private socket.
//!
//! [`Managed`] is the handle; the server belongs to a thread of its own (`keeper`), since the kernel ties the
//! parent-death signal to the thread that spawned, and threads of a tokio pool come and go.

mod account;
mod cluster;
mod command;
mod installation;
mod keeper;
mod leftover;
mod server;
mod supervise;
mod watchdog;

#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
        mpsc::SyncSender,
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::oneshot;

pub(crate) use account::Account;
pub(crate) use cluster::{holds, major, mark};
pub(crate) use installation::{Installation, find, searched};
pub use supervise::supervise;
pub(crate) use watchdog::Watchdog;

use crate::{Error, Supervisor};

/// The log of server and keeper, beside the cluster.
pub(crate) const LOG_FILE: &str = "postgresql.log";

/// The superuser of our clusters; there is no other role.
const USER: &str = "sidequest";

/// The number in the socket's name.
const PORT: u16 = 5432;

/// What one server is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Ours, below the data directory.
    pub(crate) directory: PathBuf,
    pub(crate) installation: Installation,
    pub(crate) account: Account,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) sync: bool,
    pub(crate) supervisor: Supervisor,
}

impl Plan {
    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.join(LOG_FILE)
    }

    /// The number in the socket's name, which the user's settings may change.
    fn port(&self) -> u16 {
        let given = self
            .settings
            .iter()
            .rev()
            .find(|(name, _)| name.eq_ignore_ascii_case("port"));
        given.and_then(|(_, value)| value.parse().ok()).unwrap_or(PORT)
    }
}

/// The directory of the managed cluster below the data directory.
pub(crate) fn directory(data_directory: &Path) -> PathBuf {
    data_directory.join("managed")
}

/// What the keeper and everybody else know together.
#[derive(Debug, Default)]
struct Shared {
    /// The postmaster, 0 while there is none that is ready.
    pid: AtomicU32,
    restarts: AtomicU64,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Managed {
    shared: Arc<Shared>,
    socket: PathBuf,
    port: u16,
    events: SyncSender<keeper::Event>,
    /// Taken when the server is stopped.
    keeper: Option<JoinHandle<()>>,
}

impl Managed {
    /// Creates the cluster if there is none, clears away what an earlier run left, and starts the server.
    pub(crate) async fn start(plan: Plan) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let port = plan.port();
        let (ready, started) = oneshot::channel();
        let (events, keeper) = keeper::spawn(plan, Arc::clone(&shared), ready)?;
        let mut managed = Self {
            shared,
            socket: PathBuf::new(),
            port,
            events,
            keeper: Some(keeper),
        };
        managed.socket = started.await.map_err(|_| Error::Stopped)??;
        Ok(managed)
    }

    /// How to connect to one of its databases.
    pub(crate) fn config(&self, database: &str, connect_timeout: Duration) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(&self.socket)
            .port(self.port)
            .user(USER)
            .dbname(database)
            .application_name("sidequest")
            .connect_timeout(connect_timeout)
            .ssl_mode(tokio_postgres::config::SslMode::Disable);
        config
    }

    /// A URL for one of its databases, for those who want a string.
    pub(crate) fn url(&self, database: &str) -> String {
        let mut host = String::new();
        for byte in self.socket.as_os_str().as_encoded_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => host.push(char::from(*byte)),
                other => host.push_str(&format!("%{other:02X}")),
            }
        }
        let port = if self.port == PORT {
            String::new()
        } else {
            format!(":{}", self.port)
        };
        format!("postgres://{USER}@{host}{port}/{database}")
    }

    /// The postmaster, unless it is down.
    pub(crate) fn pid(&self) -> Option<u32> {
        match self.shared.pid.load(Ordering::Acquire) {
            0 => None,
            pid => Some(pid),
        }
    }

    /// How often it died and was started again.
    pub(crate) fn restarts(&self) -> u64 {
        self.shared.restarts.load(Ordering::Relaxed)
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn stop(mut self) {
        let Some(keeper) = self.keeper.take() else { return };
        let (done, stopped) = oneshot::channel();
        let _ = self.events.try_send(keeper::Event::Stop(Some(done)));
        // An error means that the keeper is gone already.
        let _ = stopped.await;
        let _ = keeper.join();
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            let _ = self.events.try_send(keeper::Event::Stop(None));
            let _ = keeper.join();
        }
    }
}
