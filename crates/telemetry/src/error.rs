//! What can go wrong with telemetry. None of it concerns a request.

use std::io;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a URL of a collector.
    #[error("read the collector's URL `{url}`: {reason}")]
    Endpoint {
        /// As given, without what stands before an `@`.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header that cannot be sent.
    #[error("read the header `{name}` for the collector")]
    Header {
        /// Its name; its value may be a secret.
        name: String,
    },
    /// Certificate authorities that cannot be read.
    #[error("read certificate authorities: {reason}")]
    Authorities {
        /// What is wrong with them.
        reason: String,
    },
    /// A log filter that is none.
    #[error("read the log filter `{filter}`")]
    Filter {
        /// As given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging was started twice.
    #[error("start the log: it was started already")]
    LogStarted,
    /// A profile is being taken already.
    #[error("take a profile: another is being taken")]
    ProfileBusy,
    /// The profiler does not work here.
    #[error("take a profile: {reason}")]
    Profile {
        /// What it says.
        reason: String,
    },
    /// The profile could not be compressed.
    #[error("compress a profile")]
    Compress(#[source] io::Error),
}
