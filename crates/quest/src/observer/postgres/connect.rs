//! One connection and its runtime: statements as text, answers as text, each with a time limit.

use std::{fmt, sync::Arc};

use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};
use tokio_postgres::{
    Client, NoTls, SimpleQueryMessage,
    config::{Host, SslMode},
    error::SqlState,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::STATEMENT_MAX;
use crate::observer::State;

/// Where a database is. It may hold a password, so it is not shown.
#[derive(Clone)]
pub struct Location(Arc<tokio_postgres::Config>);

/// A connection.
pub struct Session {
    client: Client,
    runtime: Runtime,
    /// Owns the connection's task.
    #[expect(dead_code, reason = "it is kept so that the connection lives")]
    connection: JoinSet<()>,
}

/// One row, as text.
#[derive(Clone, Debug)]
pub struct Row(Vec<Option<String>>);

impl Location {
    /// Reads a URL.
    pub fn parse(url: &str) -> Result<Location, String> {
        let mut config: tokio_postgres::Config = url.parse().map_err(|error: tokio_postgres::Error| {
            use std::error::Error as _;
            // The source names the part that is wrong, and no value of it.
            error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string)
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host".to_owned());
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(STATEMENT_MAX);
        }
        if config.get_application_name().is_none() {
            config.application_name("sidequest quest");
        }
        Ok(Location(Arc::new(config)))
    }

    /// Where it is, without user and password.
    pub fn shown(&self) -> String {
        let port = self.0.get_ports().first().copied().unwrap_or(5432);
        let host = self.0.get_hosts().first().map(|host| match host {
            Host::Tcp(host) => host.clone(),
            Host::Unix(directory) => directory.display().to_string(),
        });
        let host = host
            .or_else(|| self.0.get_hostaddrs().first().map(ToString::to_string))
            .unwrap_or_default();
        format!("{host}:{port}/{}", self.0.get_dbname().unwrap_or("?"))
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        self.0.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(host) => {
                host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
            }
        })
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Location({})", self.shown())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Connects.
    pub fn open(location: &Location) -> Result<Session, State> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| State::Absent(error.to_string()))?;
        let mut connection = JoinSet::new();
        let config = &location.0;
        let client = runtime.block_on(async {
            let all = async {
                match config.get_ssl_mode() {
                    SslMode::Disable => {
                        let (client, task) = config.connect(NoTls).await.map_err(|error| state(&error))?;
                        connection.spawn(async move {
                            let _ = task.await;
                        });
                        Ok(client)
                    }
                    // Like libpq's `prefer` and `require`, this encrypts and believes any certificate.
                    _ => {
                        let tls = crate::tls::client(true).map_err(State::Absent)?;
                        let (client, task) = config
                            .connect(MakeRustlsConnect::new(tls))
                            .await
                            .map_err(|error| state(&error))?;
                        connection.spawn(async move {
                            let _ = task.await;
                        });
                        Ok(client)
                    }
                }
            };
            tokio::time::timeout(STATEMENT_MAX * 2, all)
                .await
                .map_err(|_| State::Absent("did not let us connect in time".to_owned()))?
        })?;
        let mut session = Session {
            client,
            runtime,
            connection,
        };
        session.query(&format!(
            "SET statement_timeout = '{}ms'; SET default_transaction_read_only = on; SET lock_timeout = '500ms'; SET jit = off",
            STATEMENT_MAX.as_millis()
        ))?;
        Ok(session)
    }

    /// Runs statements, and gives the rows of all of them.
    pub fn query(&mut self, sql: &str) -> Result<Vec<Row>, State> {
        let Session { client, runtime, .. } = self;
        let messages = runtime.block_on(async {
            tokio::time::timeout(STATEMENT_MAX * 2, client.simple_query(sql))
                .await
                .map_err(|_| State::Absent("did not answer in time".to_owned()))?
                .map_err(|error| state(&error))
        })?;
        Ok(messages
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => {
                    let texts = (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect();
                    Some(Row(texts))
                }
                _ => None,
            })
            .collect())
    }
}

impl Row {
    /// A column's text.
    pub fn text(&self, at: usize) -> Option<&str> {
        self.0.get(at)?.as_deref()
    }

    /// A column's number.
    pub fn number(&self, at: usize) -> Option<f64> {
        self.text(at)?.parse().ok()
    }
}

/// What a failure says about the source.
fn state(error: &tokio_postgres::Error) -> State {
    use std::error::Error as _;
    let Some(database) = error.as_db_error() else {
        return State::Absent(
            error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string),
        );
    };
    let refusals = [
        &SqlState::INSUFFICIENT_PRIVILEGE,
        &SqlState::INVALID_PASSWORD,
        &SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    ];
    let message = database.message().to_owned();
    if refusals.contains(&database.code()) {
        State::Denied(message)
    } else {
        State::Absent(message)
    }
}
