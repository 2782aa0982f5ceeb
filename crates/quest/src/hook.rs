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

use diagnosis::counter::Factor;
use rustix::process::{Pid, Signal, kill_process_group};

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
    /// A setting becomes so many times what it was: `pool`, `server.cpu`, `database.cpu`.
    Setting {
        /// Its name.
        name: String,
        /// How many times.
        times: f64,
    },
    /// Something is left out: `statement`, `idle in transaction`.
    LeaveOut(String),
}

/// What is applied now, and how it is undone: shared, so that whoever ends the process can.
#[derive(Clone, Debug, Default)]
pub struct Undo(Arc<Mutex<Option<String>>>);

/// A change that is in force. Dropped, it is undone.
#[derive(Debug)]
pub(crate) struct Applied<'a> {
    undo: &'a Undo,
    /// Whether it was tried already: then somebody was told, and who ends the process tries once more.
    is_ended: bool,
}

/// A change that could not be made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    /// Why.
    pub(crate) reason: String,
    /// And why what it did may be in force all the same.
    pub(crate) still: Option<String>,
}

impl Hook {
    /// What it changes, for people.
    pub fn words(&self) -> String {
        match &self.change {
            Change::Setting { name, times } => format!("{name} x{times}"),
            Change::LeaveOut(what) => format!("without {what}"),
        }
    }

    /// Whether it changes just this.
    pub(crate) fn fits(&self, factor: &Factor) -> bool {
        match (&self.change, factor) {
            (
                Change::Setting { name, times },
                Factor::Reconfigure {
                    setting,
                    times: asked,
                },
            ) => name == setting && (times - asked).abs() < 0.01,
            (Change::LeaveOut(left_out), Factor::LeaveOut { what }) => left_out == what,
            _ => false,
        }
    }

    /// Changes it. What fails in the middle is undone too.
    pub(crate) fn apply<'a>(&self, undo: &'a Undo) -> Result<Applied<'a>, Refused> {
        let mut pending = undo.0.lock().unwrap_or_else(PoisonError::into_inner);
        *pending = Some(self.revert.clone());
        let outcome = run(&self.apply, COMMAND_MAX);
        drop(pending);
        let applied = Applied {
            undo,
            is_ended: false,
        };
        match outcome {
            Ok(()) => Ok(applied),
            Err(reason) => Err(Refused {
                reason,
                still: applied.end().err(),
            }),
        }
    }
}

impl Undo {
    /// Whether something is applied.
    pub fn is_pending(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Undoes what is applied, if anything is: waits for who does it already. What fails can be tried again.
    pub fn now(&self) -> Result<(), String> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(revert) = pending.as_ref() {
            run(revert, COMMAND_MAX)?;
        }
        *pending = None;
        Ok(())
    }
}

impl Applied<'_> {
    /// Changes it back, and says whether that worked.
    pub(crate) fn end(mut self) -> Result<(), String> {
        self.is_ended = true;
        self.undo.now()
    }
}

impl Drop for Applied<'_> {
    fn drop(&mut self) {
        if !self.is_ended {
            // What fails stays with `Undo`, and whoever ends the process tries again and tells.
            let _ = self.undo.now();
        }
    }
}

fn run(command: &str, most: Duration) -> Result<(), String> {
    let said = |reason: String| format!("`{command}` {reason}");
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        // Standard output is for the report.
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| said(format!("cannot be started: {error}")))?;
    let until = Instant::now() + most;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(said(format!("failed: {status}"))),
            Ok(None) if Instant::now() < until => thread::sleep(LOOK),
            Ok(None) => {
                // The shell's own children too: they would go on changing what is measured.
                let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                let _ = child.wait();
                return Err(said(format!("took more than {} s", most.as_secs_f64())));
            }
            Err(error) => return Err(said(format!("is lost: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests;
