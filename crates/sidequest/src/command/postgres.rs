//! `sidequest __postgres`: the hidden command by which the managed server starts as our child and dies with us.
//!
//! Nothing but `embedded` calls it. It must come before any thread is started, since the kernel's promise to
//! signal us follows the thread.

use std::{ffi::OsString, process::ExitCode};

/// Becomes `postgres`, and so does not return; or says why not, with the code of a shell that cannot run a program.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    embedded::supervise(arguments)
}
