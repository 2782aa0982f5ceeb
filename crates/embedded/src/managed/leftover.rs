//! What an earlier run left: a server that outlived its owner, backends that outlived their server, a zombie.
//!
//! Called while the data directory is claimed, so whatever still runs in it belongs to nobody.

#[cfg(target_os = "linux")]
#[path = "leftover/linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "leftover/other.rs"]
mod system;

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

use crate::Error;

const POLL: Duration = Duration::from_millis(10);

/// Process 1 may be slow to reap.
const ZOMBIE_MAX: Duration = Duration::from_secs(10);

const SERVER_STEPS: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(20)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// Backends without a server notice it when they next wait; one amid a query does not.
const STRAY_STEPS: [(Signal, Duration); 2] = [
    (Signal::QUIT, Duration::from_millis(500)),
    (Signal::KILL, Duration::from_secs(5)),
];

/// What stands behind the number in `postmaster.pid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing, or a process that has nothing to do with us: the number was given out again.
    Gone,
    /// A server that ended, or is ending, and was not reaped. PostgreSQL takes it for a running one and refuses to start.
    Zombie,
    /// A server in this directory.
    Running,
}

/// Ends what runs in the cluster's directory.
pub(super) fn clear(data: &Path) -> Result<(), Error> {
    let Some(pid) = noted_pid(data) else { return Ok(()) };
    let data = data
        .canonicalize()
        .map_err(|source| Error::path("look at", data, source))?;
    end_server(&data, pid)?;
    end_strays(&data)
}

fn noted_pid(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("postmaster.pid"))
        .ok()?
        .lines()
        .next()?
        .trim()
        .parse()
        .ok()
}

fn end_server(data: &Path, pid: u32) -> Result<(), Error> {
    let leftover = || Error::Leftover {
        directory: data.to_owned(),
        pid,
    };
    if system::state(pid, data) == State::Running {
        tracing::warn!(pid, "a PostgreSQL of an earlier run is stopped");
        let ended = SERVER_STEPS.iter().any(|(signal, patience)| {
            kill(pid, *signal);
            wait_until(*patience, || system::state(pid, data) != State::Running)
        });
        if !ended {
            return Err(leftover());
        }
    }
    if wait_until(ZOMBIE_MAX, || system::state(pid, data) == State::Gone) {
        Ok(())
    } else {
        Err(leftover())
    }
}

fn end_strays(data: &Path) -> Result<(), Error> {
    for (signal, patience) in STRAY_STEPS {
        let strays = system::strays(data);
        if strays.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            ?strays,
            ?signal,
            "backends of a PostgreSQL that is gone are ended"
        );
        for pid in strays {
            kill(pid, signal);
        }
        wait_until(patience, || system::strays(data).is_empty());
    }
    match system::strays(data).first() {
        None => Ok(()),
        Some(pid) => Err(Error::Leftover {
            directory: data.to_owned(),
            pid: *pid,
        }),
    }
}

fn kill(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

fn wait_until(patience: Duration, done: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
}
