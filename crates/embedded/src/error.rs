//! Everything that can go wrong here, each with a next step for the user.
//!
//! A message reads after "failed to", names its input and does not repeat its source.

use std::{io, path::PathBuf};

use thiserror::Error;
use tokio_postgres::error::SqlState;

/// Why a database could not be had.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// `--engine` was given something else.
    #[error("read the engine {text:?}")]
    Engine {
        /// What was given.
        text: String,
    },
    /// `--database NAME=` was given something else.
    #[error("read the choice of a database: neither a URL nor `managed` nor `in-process`")]
    ExternalSyntax,
    /// A name that cannot be the name of a database.
    #[error("use {name:?} as the name of a database: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The database was not among those opened.
    #[error("find the database {name:?} among those that were opened")]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// The database exists under both of our own providers.
    #[error("choose for database {name:?}: {} holds it twice, managed and in-process", directory.display())]
    Ambiguous {
        /// The database.
        name: String,
        /// The data directory.
        directory: PathBuf,
    },
    /// A managed server is wanted and no PostgreSQL was found.
    #[error("find `postgres` and `initdb` for database {name:?}")]
    NoBinaries {
        /// The database.
        name: String,
        /// Where was looked.
        searched: Vec<PathBuf>,
    },
    /// The cluster was made by a version that is no longer there.
    #[error(
        "open the cluster in {}: it needs PostgreSQL {needed}, found {}",
        directory.display(),
        found.as_deref().unwrap_or("none")
    )]
    MajorVersion {
        /// The data directory.
        directory: PathBuf,
        /// The major version of the cluster.
        needed: u32,
        /// The versions found, or none.
        found: Option<String>,
    },
    /// The in-process engine is wanted and was not built in.
    #[error("open database {name:?} in-process: this build has no engine")]
    NoEngine {
        /// The database.
        name: String,
    },
    /// Nothing is there to open the database with.
    #[error("find a PostgreSQL for database {name:?}: none on this machine, none built in")]
    Nothing {
        /// The database.
        name: String,
    },
    /// Somebody else has the data directory.
    #[error("claim {}: {holder} has it", directory.display())]
    Claimed {
        /// The data directory.
        directory: PathBuf,
        /// The process that has it.
        holder: String,
    },
    /// The data directory cannot be used by the account that PostgreSQL runs as.
    #[error("let PostgreSQL run as user {account} in {}: {reason}", directory.display())]
    Account {
        /// The directory in the way.
        directory: PathBuf,
        /// The user.
        account: String,
        /// What is wrong.
        reason: String,
    },
    /// A file or directory.
    #[error("{action} {}", path.display())]
    Path {
        /// A verb: what was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A process or thread of ours could not be started.
    #[error("start {what}")]
    Spawn {
        /// The program.
        what: String,
        /// The reason.
        source: io::Error,
    },
    /// `initdb` said no.
    #[error("create a cluster in {}: {output}", directory.display())]
    Initdb {
        /// The cluster.
        directory: PathBuf,
        /// What it said last.
        output: String,
    },
    /// `postgres` ended, or was not ready in time.
    #[error("start PostgreSQL in {}: {reason}", directory.display())]
    Start {
        /// The cluster.
        directory: PathBuf,
        /// How it ended, and what it said last.
        reason: String,
    },
    /// A process of an earlier run is in the way.
    #[error("start PostgreSQL in {}: process {pid} of an earlier run does not end", directory.display())]
    Leftover {
        /// The cluster.
        directory: PathBuf,
        /// The process.
        pid: u32,
    },
    /// The managed server died and is being restarted.
    #[error("connect to database {name:?}: the managed PostgreSQL is down and being restarted")]
    Down {
        /// The database.
        name: String,
    },
    /// The provider was stopped while it was being used.
    #[error("use the database: it was stopped")]
    Stopped,
    /// A URL that cannot be read.
    #[error("read the URL of database {name:?}")]
    Url {
        /// The database.
        name: String,
        /// The reason, without the URL: it may hold a password.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The certificates to verify a server with.
    #[error("load the certificates for database {name:?}: {reason}")]
    Certificates {
        /// The database.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// No connection.
    #[error("connect to database {name:?} at {address}")]
    Connect {
        /// The database.
        name: String,
        /// Host and port, or which provider.
        address: String,
        /// The reason.
        source: tokio_postgres::Error,
    },
    /// No connection in time.
    #[error("connect to database {name:?} at {address} within {seconds} s")]
    ConnectTimeout {
        /// The database.
        name: String,
        /// Host and port, or which provider.
        address: String,
        /// The limit.
        seconds: f64,
    },
    /// A query of our own.
    #[error("{action} database {name:?}")]
    Query {
        /// A verb: what was tried.
        action: &'static str,
        /// The database.
        name: String,
        /// The reason.
        source: tokio_postgres::Error,
    },
    /// The in-process engine.
    #[error("open the in-process engine in {}: {reason}", directory.display())]
    EngineFailed {
        /// Its directory.
        directory: PathBuf,
        /// What it said.
        reason: String,
    },
}

impl Error {
    /// The next step, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine { .. } => Some("use auto, managed or in-process".to_owned()),
            Self::ExternalSyntax => {
                Some("write NAME=postgres://user@host/database, NAME=managed or NAME=in-process".to_owned())
            }
            Self::Name { .. } => Some("rename the database in the model file".to_owned()),
            Self::Ambiguous { name, .. } => Some(format!(
                "say which: --database {name}=managed or --database {name}=in-process"
            )),
            Self::NoBinaries { name, searched } => Some(no_binaries_hint(name, searched)),
            Self::MajorVersion { needed, .. } => Some(format!(
                "install PostgreSQL {needed} again, or choose another data directory and import the data"
            )),
            Self::NoEngine { .. } => Some(
                "build with the feature `in-process`, or install a PostgreSQL: sidequest db install"
                    .to_owned(),
            ),
            Self::Nothing { name } => Some(format!(
                "run `sidequest db install`, install PostgreSQL by your package manager, or give \
                 --database {name}=postgres://user@host/database"
            )),
            Self::Claimed { .. } => Some("stop that process, or choose another data directory".to_owned()),
            Self::Account { account, .. } => Some(format!(
                "choose a data directory that {account} may enter, as /var/lib/sidequest, or do not run as root"
            )),
            Self::Leftover { pid, .. } => Some(format!("look at process {pid} and end it")),
            Self::Start { directory, .. } => {
                let log = directory.with_file_name(crate::managed::LOG_FILE);
                Some(format!("read {}", log.display()))
            }
            Self::Certificates { .. } => {
                Some("give the authority's file as sslrootcert=FILE in the URL".to_owned())
            }
            Self::Connect { source, .. } => Some(connect_hint(source.code()).to_owned()),
            Self::ConnectTimeout { .. } => Some(connect_hint(None).to_owned()),
            Self::Url { .. } => {
                Some("write it as postgres://user:password@host:5432/database?sslmode=verify-full".to_owned())
            }
            Self::EngineFailed { .. } => Some(
                "see whether the disk is full; a managed PostgreSQL is the other way: sidequest db install"
                    .to_owned(),
            ),
            Self::Unknown { .. }
            | Self::Path { .. }
            | Self::Spawn { .. }
            | Self::Initdb { .. }
            | Self::Down { .. }
            | Self::Stopped
            | Self::Query { .. } => None,
        }
    }

    pub(crate) fn path(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Path {
            action,
            path: path.into(),
            source,
        }
    }
}

/// The server has answered, or it has not: only then is the address in question.
fn connect_hint(answer: Option<&SqlState>) -> &'static str {
    match answer {
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            "the server answers, but has no database of that name: correct the end of the URL, or create it"
        }
        Some(code)
            if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
                || *code == SqlState::INVALID_PASSWORD =>
        {
            "the server answers, but lets this user not in: check user and password, and its pg_hba.conf"
        }
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => {
            "the server is full: close connections, raise its max_connections, or give a smaller --pool"
        }
        _ => "check host and port, and that the server accepts connections",
    }
}

fn no_binaries_hint(name: &str, searched: &[PathBuf]) -> String {
    let places = match searched {
        [] => "nowhere: no directory was given".to_owned(),
        places => places
            .iter()
            .map(|place| place.display().to_string())
            .collect::<Vec<_>>()
            .join(", "),
    };
    format!(
        "run `sidequest db install`, or take the built-in one: --database {name}=in-process; looked in {places}"
    )
}
