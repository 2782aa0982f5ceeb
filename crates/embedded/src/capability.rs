//! What differs between one PostgreSQL and another, as data.
//!
//! Asked of each database once when it is opened; what cannot be asked follows from the provider. Nobody else
//! compares versions or engines.

#[cfg(test)]
mod tests;

use tokio_postgres::Client;

use crate::Error;

/// What a database can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    /// Whose engine it is.
    pub engine: EngineKind,
    /// The engine's version as a person writes it, `15.18`.
    pub version: String,
    /// The version of PostgreSQL it is, or claims to be, as `server_version_num`: 150018.
    pub version_number: u32,
    /// How many queries it can run at once.
    pub backends: Backends,
    /// Whether a running query can be stopped, by `statement_timeout` or by a cancel request.
    pub interrupt: bool,
    /// Whether one query may use several cores.
    pub parallel: bool,
    /// Whether LISTEN reaches other clients.
    pub listen: bool,
    /// Whether COPY FROM STDIN works.
    pub copy_in: bool,
    /// Whether the view `pg_stat_statements` can be read in this database.
    pub pg_stat_statements: bool,
    /// Whether EXPLAIN (ANALYZE, BUFFERS) works.
    pub explain_buffers: bool,
    /// `max_connections`, if the engine has such a thing.
    pub connections_max: Option<u32>,
}

/// Whose engine speaks PostgreSQL's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// PostgreSQL itself, Citus included: that one is an extension.
    PostgreSql,
    /// CockroachDB.
    CockroachDb,
    /// YugabyteDB, whose query layer is PostgreSQL.
    YugabyteDb,
}

impl EngineKind {
    /// The name its makers use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PostgreSql => "PostgreSQL",
            Self::CockroachDb => "CockroachDB",
            Self::YugabyteDb => "YugabyteDB",
        }
    }
}

/// How many queries run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backends {
    /// One: clients take turns, and a transaction keeps all others out.
    One,
    /// As many as there are connections.
    Many,
}

/// One row, in SQL that every engine understands.
const QUESTION: &str = "select version() as version, current_setting('server_version_num', true) as number, \
     current_setting('max_connections', true) as connections, \
     to_regclass('pg_stat_statements') is not null as statements";

/// Asks the database behind the client.
pub(crate) async fn probe(name: &str, client: &Client, backends: Backends) -> Result<Caps, Error> {
    let row = client
        .query_one(QUESTION, &[])
        .await
        .map_err(|source| Error::Query {
            action: "ask for the abilities of",
            name: name.to_owned(),
            source,
        })?;
    let version: String = row.get("version");
    let number: Option<String> = row.get("number");
    let connections: Option<String> = row.get("connections");
    let view = row.get("statements");
    // The view is there but cannot be read where the library was not loaded.
    let readable = view
        && client
            .simple_query("select 1 from pg_stat_statements limit 1")
            .await
            .is_ok();
    Ok(caps(&Answer {
        version: &version,
        number: number
            .as_deref()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0),
        connections: connections.as_deref().and_then(|number| number.parse().ok()),
        statements: readable,
        backends,
    }))
}

struct Answer<'a> {
    version: &'a str,
    number: u32,
    connections: Option<u32>,
    statements: bool,
    backends: Backends,
}

fn caps(answer: &Answer<'_>) -> Caps {
    let engine = engine(answer.version);
    let many = answer.backends == Backends::Many;
    Caps {
        engine,
        version: version(engine, answer.version),
        version_number: answer.number,
        backends: answer.backends,
        interrupt: many,
        parallel: many,
        listen: many && engine == EngineKind::PostgreSql,
        copy_in: many,
        pg_stat_statements: answer.statements,
        explain_buffers: engine != EngineKind::CockroachDb,
        connections_max: answer.connections,
    }
}

fn engine(text: &str) -> EngineKind {
    if text.starts_with("CockroachDB") {
        EngineKind::CockroachDb
    } else if text.contains("-YB-") {
        EngineKind::YugabyteDb
    } else {
        EngineKind::PostgreSql
    }
}

/// The first word that begins like a version: "PostgreSQL 15.18 (Debian ..) on ..", "CockroachDB CCL v25.1.0 (..)".
fn version(engine: EngineKind, text: &str) -> String {
    let number = |word: &&str| {
        word.trim_start_matches('v')
            .starts_with(|first: char| first.is_ascii_digit())
    };
    let word = text
        .split_whitespace()
        .find(number)
        .unwrap_or("of unknown version");
    match engine {
        EngineKind::PostgreSql | EngineKind::CockroachDb => word.trim_start_matches('v').to_owned(),
        EngineKind::YugabyteDb => {
            let after = word.split_once("-YB-").map_or(word, |(_, after)| after);
            after.split('-').next().unwrap_or(after).to_owned()
        }
    }
}
