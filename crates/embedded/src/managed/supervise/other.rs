//! Systems without a parent-death signal: a shell watches instead.

use std::io;

/// Going by our own executable would gain nothing.
pub(super) const SELF: Option<&str> = None;

pub(super) fn die_with(_owner: u32) -> io::Result<()> {
    Ok(())
}
