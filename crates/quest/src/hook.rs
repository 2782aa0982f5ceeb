//! The user's commands that change one setting of the target, and change it back.
//!
//! What was applied is undone whatever happens: after its round, after a failure, and when the process is told to
//! end ([`Undo::now`]). A command is a line for `/bin/sh`; it stands in a process group of its own, so that a Ctrl-C
//! meant for us does not cut it in the middle.

use std::{
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Nothing that is done ten times takes longer.
const COMMAND_MAX: Duration = Duration::from_secs(60);

/// How often a command is asked whether it is done.
const LOOK: Duration = Duration::from_millis(10);

/// One setting that the user lets us change.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// What it changes.
    pub change: Change,
    /// The command that changes it.
    pub apply: String,
    /// The command that changes it back.
    pub revert: String,
    /// How long the target needs after each until it is as it is to be.
    pub settle: Duration,
}

/// What a hook changes, in the diagnosis' own words.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A setting becomes so many times what it was: `pool`, `server.cpu`, `proxy.keepalive_requests`.
    Setting {
        /// Its name.
        name: String,
        /// How many times.
        times: f64,
    },
    /// Something is left out: `downstream`, `statement`.
    LeaveOut(String),
}

/// What is applied now, and how it is undone: shared, so that whoever ends the process can.
#[derive(Clone, Debug, Default)]
pub struct Undo(Arc<Mutex<Option<String>>>);

/// A change that is in force. Dropped, it is undone.
#[derive(Debug)]
pub(crate) struct Applied<'a> {
    undo: &'a Undo,
}

impl Hook {
    /// What it changes, for people.
    pub fn words(&self) -> String {
        match &self.change {
            Change::Setting { name, times } => format!("{name} x{times}"),
            Change::LeaveOut(what) => format!("without {what}"),
        }
    }

    /// Changes it. What fails in the middle is undone too.
    pub(crate) fn apply<'a>(&self, undo: &'a Undo) -> Result<Applied<'a>, String> {
        let mut pending = undo.0.lock().unwrap_or_else(PoisonError::into_inner);
        *pending = Some(self.revert.clone());
        let applied = Applied { undo };
        let outcome = run(&self.apply);
        drop(pending);
        outcome.map(|()| applied)
    }
}

impl Undo {
    /// Undoes what is applied, if anything is: waits for who does it already.
    pub fn now(&self) -> Result<(), String> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pending.take().map_or(Ok(()), |revert| run(&revert))
    }
}

impl Applied<'_> {
    /// Changes it back, and says whether that worked.
    pub(crate) fn end(self) -> Result<(), String> {
        self.undo.now()
    }
}

impl Drop for Applied<'_> {
    fn drop(&mut self) {
        // After `end` there is nothing left to undo. Elsewhere a failure is on its way already, and is told.
        let _ = self.undo.now();
    }
}

fn run(command: &str) -> Result<(), String> {
    let said = |reason: String| format!("`{command}` {reason}");
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        // Standard output is for the report.
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| said(format!("cannot be started: {error}")))?;
    let until = Instant::now() + COMMAND_MAX;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(said(format!("failed: {status}"))),
            Ok(None) if Instant::now() < until => thread::sleep(LOOK),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(said(format!("took more than {} s", COMMAND_MAX.as_secs())));
            }
            Err(error) => return Err(said(format!("is lost: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests;
