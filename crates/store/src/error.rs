//! Everything that can go wrong between us and a database.

use std::time::Duration;

use tokio_postgres::error::SqlState;

/// A failure of a pool, a connection or a statement. Messages name the database and the statement's
/// name in the model, never the SQL's parameters.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// All connections were busy for longer than the caller could wait.
    #[error("get a connection to database `{database}` within {} ms: all {connections} are busy", waited.as_millis())]
    Busy {
        /// The database's name.
        database: String,
        /// Size of the pool.
        connections: usize,
        /// How long it waited.
        waited: Duration,
    },
    /// No connection could be made.
    #[error("connect to database `{database}`")]
    Connect {
        /// The database's name.
        database: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The deadline passed while a statement ran.
    #[error("run {what} in database `{database}` before the deadline")]
    Deadline {
        /// The database's name.
        database: String,
        /// The statement's name in the model.
        what: String,
    },
    /// PostgreSQL refused or failed a statement.
    #[error("run {what} in database `{database}`")]
    Statement {
        /// The database's name.
        database: String,
        /// The statement's name in the model.
        what: String,
        /// PostgreSQL's answer.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The statement's columns are not what the model says.
    #[error("read {what} in database `{database}`: {problem}")]
    Shape {
        /// The database's name.
        database: String,
        /// The statement's name in the model.
        what: String,
        /// What does not fit, naming the column.
        problem: String,
    },
    /// A file that should fill a database cannot be read.
    #[error("load `{file}` into table `{table}` of database `{database}`: {problem}")]
    Load {
        /// The database's name.
        database: String,
        /// The table.
        table: String,
        /// The file.
        file: String,
        /// Why.
        problem: String,
    },
}

impl Error {
    /// The database cannot be used now, and may be later: a 503, not a 500.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Error::Busy { .. } | Error::Connect { .. } => true,
            Error::Statement { source, .. } => {
                source.is_closed() || source.code().is_some_and(is_outage) || is_broken(source)
            }
            Error::Deadline { .. } | Error::Shape { .. } | Error::Load { .. } => false,
        }
    }

    /// Time was up: the caller's deadline, or the database's own `statement_timeout`.
    pub fn is_deadline(&self) -> bool {
        match self {
            Error::Deadline { .. } => true,
            Error::Statement { source, .. } => source.code() == Some(&SqlState::QUERY_CANCELED),
            Error::Busy { .. } | Error::Connect { .. } | Error::Shape { .. } | Error::Load { .. } => false,
        }
    }

    /// The database concerned.
    pub fn database(&self) -> &str {
        match self {
            Error::Busy { database, .. }
            | Error::Connect { database, .. }
            | Error::Deadline { database, .. }
            | Error::Statement { database, .. }
            | Error::Shape { database, .. }
            | Error::Load { database, .. } => database,
        }
    }
}

/// The connection failed. A value that does not fit its parameter or column is no such thing.
fn is_broken(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

/// Shutdown, crash, start-up, too many connections, connection failure.
fn is_outage(state: &SqlState) -> bool {
    let code = state.code();
    code.starts_with("57P") || code.starts_with("08") || code == "53300"
}

/// What PostgreSQL said, if that is what this error is: its code and message, without the detail, which quotes rows.
pub fn said(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let said = error.downcast_ref::<tokio_postgres::error::DbError>()?;
    Some(format!(
        "{}: {} ({})",
        said.severity(),
        said.message(),
        said.code().code()
    ))
}
