//! `sidequest __postgres`: the hidden command by which the managed server starts as our child and dies with us.
//!
//! Nothing but `embedded` calls it. It must come before any thread is started, since the kernel's promise to
//! signal us follows the thread.

use std::ffi::OsString;

use anyhow::anyhow;

use crate::exit::{Exit, Failure};

/// Becomes `postgres`, or says why not.
pub(crate) fn run(arguments: &[OsString]) -> Result<Exit, Failure> {
    let _ = arguments;
    Err(Exit::Database.because(anyhow!("become postgres")))
}
