//! What keeps a run from starting.
//!
//! Once a run goes, nothing is an error any more: what happens to a request is its [`Outcome`](crate::outcome).

use std::io;

/// Why a run cannot start, as a fragment that reads after "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is none that can be asked.
    #[error("read the URL `{url}`: {reason}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A part of the scenario does not fit.
    #[error("build the scenario: {what}")]
    Scenario {
        /// What does not fit.
        what: String,
    },
    /// A scenario's file is not as it should be.
    #[error("read the scenario file {file}")]
    File {
        /// Its path.
        file: String,
        /// Where and why.
        #[source]
        source: toml::de::Error,
    },
    /// A number of the configuration cannot be run with.
    #[error("use {what}")]
    Config {
        /// The number and its bounds.
        what: String,
    },
    /// The host has no address.
    #[error("find an address of {host}")]
    Resolve {
        /// The host asked for.
        host: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// Certificates or keys cannot be used.
    #[error("set up TLS: {what}")]
    Tls {
        /// What cannot be used.
        what: String,
    },
    /// The system refuses what the loop is made of.
    #[error("{what}")]
    System {
        /// What was asked of it.
        what: &'static str,
        /// What it said.
        #[source]
        source: io::Error,
    },
}
