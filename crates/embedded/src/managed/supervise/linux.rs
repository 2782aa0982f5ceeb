//! Linux: PR_SET_PDEATHSIG.

use std::io;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Our own executable. Not by its path: another user may not be allowed to enter its directory.
pub(super) const SELF: Option<&str> = Some("/proc/self/exe");

/// Asks for SIGINT, PostgreSQL's fast shutdown, when the owner dies; errs if it died already.
pub(super) fn die_with(owner: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::INT))?;
    let parent = getppid().map(|parent| parent.as_raw_nonzero().get());
    if parent.and_then(|parent| u32::try_from(parent).ok()) == Some(owner) {
        Ok(())
    } else {
        Err(io::Error::other(format!("process {owner} is gone")))
    }
}
