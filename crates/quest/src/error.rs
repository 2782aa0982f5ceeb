//! What keeps a quest from its verdict.

use std::{io, path::PathBuf};

/// Why a quest ended early, as a fragment that reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A request would change something, and nobody allowed that.
    #[error("send {method} again and again: it may change something")]
    Writes {
        /// The method.
        method: String,
    },
    /// The load cannot be made.
    #[error("make the load")]
    Load(#[source] load::error::Error),
    /// Nobody answers.
    #[error("reach {target}: {reason}")]
    Unreachable {
        /// Whom.
        target: String,
        /// What was tried.
        reason: String,
    },
    /// Its answer begins and does not end.
    #[error(
        "investigate {target}: its answer does not end: {bytes} bytes came within {within:.0} s, and no end of it"
    )]
    Endless {
        /// Whom.
        target: String,
        /// What came.
        bytes: u64,
        /// Seconds.
        within: f64,
    },
    /// Every answer is an error.
    #[error("investigate {target}: every answer is an error ({statuses})")]
    OnlyErrors {
        /// Whom.
        target: String,
        /// Which.
        statuses: String,
    },
    /// It answered, and does not any more.
    #[error("go on: {target} does not answer any more, after {after:.0} s")]
    Died {
        /// Whom.
        target: String,
        /// Seconds from the beginning.
        after: f64,
    },
    /// A source that was asked for cannot be understood.
    #[error("read {what}: {reason}")]
    Source {
        /// Which.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{what} {path}")]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is no evidence.
    #[error("understand {path}")]
    Evidence {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: diagnosis::error::Error,
    },
    /// Something cannot be written as JSON.
    #[error("write the report")]
    Report(#[source] serde_json::Error),
}
