//! What the caller decides: directories, search path, choices.
//!
//! Plain typed fields, no `Default` and no look at the environment: `sidequest` owns both.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, time::Duration};

use crate::Error;

/// All that [`open`](crate::open) needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where our own clusters live. It is created when a database of ours is opened, not before.
    pub directory: PathBuf,
    /// The provider of every database that `external` does not mention.
    pub engine: Engine,
    /// The choice for single databases, by name.
    pub external: BTreeMap<String, External>,
    /// Directories to look for `postgres` and `initdb` in, in order.
    pub search: Vec<PathBuf>,
    /// Whether the places where distributions put them are searched after `search`.
    pub search_known: bool,
    /// PostgreSQL settings for the managed server, over our own.
    pub settings: Vec<(String, String)>,
    /// False only in tests: the managed server then writes without fsync.
    pub sync: bool,
    /// How the managed server comes to die with us.
    pub supervisor: Supervisor,
    /// The longest a new connection may take.
    pub connect_timeout: Duration,
}

/// The provider of the databases that were not chosen one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// What is there already, else a PostgreSQL found on the machine, else the one in this process.
    Auto,
    /// A PostgreSQL found on the machine and run by us.
    Managed,
    /// PostgreSQL inside this process.
    InProcess,
}

impl FromStr for Engine {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "auto" => Ok(Self::Auto),
            "managed" => Ok(Self::Managed),
            "in-process" => Ok(Self::InProcess),
            _ => Err(Error::Engine {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Auto => "auto",
            Self::Managed => "managed",
            Self::InProcess => "in-process",
        })
    }
}

/// Where one database is to come from.
#[derive(Clone, PartialEq, Eq)]
pub enum External {
    /// A server of the user's: a `postgres://` URL or `host=... user=...`.
    Url(String),
    /// The managed server, whatever [`Config::engine`] says.
    Managed,
    /// The engine in this process, whatever [`Config::engine`] says.
    InProcess,
}

impl FromStr for External {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "managed" => Ok(Self::Managed),
            "in-process" => Ok(Self::InProcess),
            url if url.contains("://") || url.contains('=') => Ok(Self::Url(url.to_owned())),
            // The text is not repeated: somebody may have mistyped a URL with a password.
            _ => Err(Error::ExternalSyntax),
        }
    }
}

impl fmt::Debug for External {
    /// A URL may hold a password, so it is not shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Url(_) => "Url(..)",
            Self::Managed => "Managed",
            Self::InProcess => "InProcess",
        })
    }
}

/// How the managed server is started, so that it does not outlive us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supervisor {
    /// By our own executable, whose hidden command ends in [`supervise`](crate::supervise).
    ///
    /// Linux only, elsewhere the same as `Direct`: the kernel tells the server to stop when we are gone.
    SelfExe {
        /// What comes before the arguments of `supervise`, as `["__postgres"]`.
        arguments: Vec<String>,
    },
    /// As a plain child, with a shell that waits for our end and stops the server then.
    Direct,
}
