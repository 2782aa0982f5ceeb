//! One run of `postgres`: start, readiness, end.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command},
    sync::mpsc::SyncSender,
    thread,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::{Plan, Watchdog, cluster::last_bytes, keeper::Event, supervise};
use crate::Error;

/// Our settings, each with a reason; the user's own come after and win.
const SETTINGS: [(&str, &str); 8] = [
    // Nothing but the private socket.
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("cluster_name", "sidequest"),
    // Our queries run for milliseconds; compiling one takes longer.
    ("jit", "off"),
    // The data is in memory or on a solid disk.
    ("random_page_cost", "1.1"),
    ("shared_buffers", "256MB"),
    // A bench opens 3 pools of 60.
    ("max_connections", "250"),
    ("max_wal_size", "2GB"),
];

/// Tests only: what is written may be lost.
const SETTINGS_UNSYNCED: [(&str, &str); 3] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
];

const LOG_TAIL_BYTES: usize = 2_000;

/// A `postgres` that was started and not yet reaped.
#[derive(Debug)]
pub(super) struct Server {
    /// Invariant: waited for only after `Event::Exited`, so its number is its own until then.
    child: Child,
    /// Without a parent-death signal, a shell stops the server when we are gone.
    watchdog: Option<Watchdog>,
    log_offset: u64,
}

impl Server {
    /// Spawns `postgres`. Its end is told by `Event::Exited`.
    ///
    /// Called by the keeper's thread only: the parent-death signal follows the thread.
    pub(super) fn spawn(plan: &Plan, socket: &Path, events: &SyncSender<Event>) -> Result<Self, Error> {
        let log = open_log(&plan.log())?;
        let log_offset = log.metadata().map_or(0, |found| found.len());
        let copy = || {
            log.try_clone()
                .map_err(|source| Error::path("open", plan.log(), source))
        };
        let mut command = supervise::command(plan);
        command.process_group(0).stdout(copy()?).stderr(copy()?);
        add_arguments(&mut command, plan, socket);
        let failed = |source: io::Error| Error::Spawn {
            what: plan.installation.postgres().display().to_string(),
            source,
        };
        let child = command.spawn().map_err(failed)?;
        let watchdog = if supervise::follows_us(&plan.supervisor) {
            None
        } else {
            Some(Watchdog::stop_process(child.id())?)
        };
        let server = Self {
            child,
            watchdog,
            log_offset,
        };
        server.announce_end(events.clone()).map_err(failed)?;
        Ok(server)
    }

    /// A thread waits for the end without reaping: the number stays the child's own, signals cannot miss.
    fn announce_end(&self, events: SyncSender<Event>) -> io::Result<()> {
        let pid = self.pid();
        let wait = move || {
            while let Some(pid) = pid {
                match rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
                {
                    Err(rustix::io::Errno::INTR) => {}
                    _ => break,
                }
            }
            // An error means that the keeper is gone.
            let _ = events.send(Event::Exited);
        };
        thread::Builder::new()
            .name("postgres-wait".to_owned())
            .stack_size(64 << 10)
            .spawn(wait)
            .map(drop)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    /// Whether it takes connections: line 1 of `postmaster.pid` is our child, line 8 says so.
    pub(super) fn is_ready(&self, data: &Path) -> bool {
        let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else {
            return false;
        };
        let mut lines = text.lines();
        lines
            .next()
            .is_some_and(|pid| pid.trim() == self.child.id().to_string())
            && lines.nth(6).is_some_and(|status| status.trim() == "ready")
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid() {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Reaps it after `Event::Exited` and tells how it ended.
    pub(super) fn reap(mut self, plan: &Plan) -> String {
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.dismiss();
        }
        let how = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let said = log_tail(&plan.log(), self.log_offset);
        if said.is_empty() {
            how
        } else {
            format!("{how}; it said: {said}")
        }
    }
}

fn add_arguments(command: &mut Command, plan: &Plan, socket: &Path) {
    command.arg("-D").arg(plan.data());
    let own = SETTINGS.iter().chain(if plan.sync {
        &[]
    } else {
        SETTINGS_UNSYNCED.as_slice()
    });
    let mut settings: Vec<(&str, &str)> = own.copied().collect();
    if plan.installation.statements {
        settings.push(("shared_preload_libraries", "pg_stat_statements"));
    }
    settings.extend(
        plan.settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    for (name, value) in settings {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    // Last, so that nothing overrides what we connect to.
    command
        .arg("-p")
        .arg(plan.port().to_string())
        .arg("-k")
        .arg(socket);
}

/// Opened for appending, so that cutting it short while the server writes is safe.
pub(super) fn open_log(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true).mode(0o600);
    options
        .open(path)
        .map_err(|source| Error::path("open", path, source))
}

fn log_tail(path: &Path, offset: u64) -> String {
    let mut said = Vec::new();
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        file.take(1 << 20).read_to_end(&mut said)?;
        Ok(said)
    };
    last_bytes(&read().unwrap_or_default(), LOG_TAIL_BYTES)
}
