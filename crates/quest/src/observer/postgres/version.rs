//! What differs from one major version to the next: names of columns and views.

use super::{MARK, connect::Session};
use crate::observer::State;

/// A server's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// 150004 for 15.4.
    pub number: u32,
    /// Whether statistics of statements are there and may not be read.
    pub(super) is_denied: bool,
}

impl Version {
    /// Asks for it.
    pub fn ask(session: &mut Session) -> Result<Version, State> {
        let rows = session.query(&format!("SELECT {MARK} current_setting('server_version_num')"))?;
        let number = rows
            .first()
            .and_then(|row| row.text(0)?.parse().ok())
            .ok_or_else(|| State::Absent("does not say its version".to_owned()))?;
        Ok(Version {
            number,
            is_denied: false,
        })
    }

    /// The column that names the statement of a session, since 14.
    pub(super) fn query_id(&self) -> &'static str {
        if self.number >= 140_000 {
            "query_id::text"
        } else {
            "NULL::text"
        }
    }

    /// Time that sessions spent active and idle in transaction, since 14.
    pub(super) fn session_times(&self) -> &'static str {
        if self.number >= 140_000 {
            "active_time, idle_in_transaction_time"
        } else {
            "NULL::float8, NULL::float8"
        }
    }

    /// The column of time spent reading blocks, renamed in 17.
    pub(super) fn read_time(&self) -> &'static str {
        if self.number >= 170_000 {
            "shared_blk_read_time"
        } else {
            "blk_read_time"
        }
    }

    /// Checkpoints, which moved in 17; buffers written by sessions themselves.
    pub(super) fn checkpoints(&self) -> &'static str {
        if self.number >= 170_000 {
            "SELECT num_timed, num_requested, NULL::bigint FROM pg_stat_checkpointer"
        } else {
            "SELECT checkpoints_timed, checkpoints_req, buffers_backend FROM pg_stat_bgwriter"
        }
    }

    /// Whether `EXPLAIN (GENERIC_PLAN)` is there, since 16.
    pub(super) fn explains_generic(&self) -> bool {
        self.number >= 160_000
    }

    /// Whether statistics of the log are there, since 14.
    pub(super) fn has_wal(&self) -> bool {
        self.number >= 140_000
    }
}
