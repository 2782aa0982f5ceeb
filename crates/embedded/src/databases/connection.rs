//! One connection, whatever is at its other end, and the way to cancel what it runs.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
    time::timeout,
};
use tokio_postgres::{CancelToken, Client, NoTls, config::SslMode};

use super::Source;
use crate::{
    Error,
    external::{Address, Tls},
    managed::Managed,
};

/// A cancel request is a connection of its own.
const CANCEL_MAX: Duration = Duration::from_secs(5);

/// A client, and a way to stop what it runs.
#[derive(Debug)]
pub struct Connection {
    /// The client. Its connection ends when it is dropped.
    pub client: Client,
    /// Stops the query of the moment.
    pub cancel: Cancel,
}

/// A way to stop what one connection runs.
#[derive(Clone)]
pub struct Cancel {
    /// None: the engine cannot be interrupted.
    way: Option<(CancelToken, Tls)>,
}

impl Cancel {
    /// Asks the server to cancel what the connection runs. Nothing happens where it runs nothing, or where
    /// [`Caps::interrupt`](crate::Caps::interrupt) is false.
    pub async fn cancel(&self) {
        let Some((token, tls)) = &self.way else { return };
        let asked = async {
            match tls {
                Tls::Off => token.cancel_query(NoTls).await,
                Tls::On(connector) => token.cancel_query(connector.clone()).await,
            }
        };
        match timeout(CANCEL_MAX, asked).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a query could not be cancelled"),
            Err(_) => tracing::debug!("a query could not be cancelled in time"),
        }
    }
}

impl std::fmt::Debug for Cancel {
    /// The token is a secret of the connection.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cancel")
            .field("possible", &self.way.is_some())
            .finish()
    }
}

/// Whom to connect to.
pub(super) struct Target<'a> {
    pub(super) name: &'a str,
    pub(super) source: &'a Source,
    pub(super) managed: Option<&'a Managed>,
    pub(super) tasks: &'a Mutex<JoinSet<()>>,
    pub(super) connect_timeout: Duration,
}

pub(super) async fn connect(target: &Target<'_>) -> Result<Connection, Error> {
    in_time(target, connect_source(target)).await
}

/// Connects in whatever way, within the target's time.
pub(super) async fn in_time<T>(
    target: &Target<'_>,
    connecting: impl Future<Output = Result<T, Refused>>,
) -> Result<T, Error> {
    let name = target.name.to_owned();
    let (shown, hosts) = match target.source {
        Source::External(address) => (address.shown(), address.config.get_hosts().len().max(1)),
        Source::Managed => ("the managed PostgreSQL".to_owned(), 1),
        Source::InProcess(_) => ("the in-process engine".to_owned(), 1),
    };
    let limit = target
        .connect_timeout
        .saturating_mul(u32::try_from(hosts).unwrap_or(u32::MAX));
    // Boxed: the futures of TLS are large.
    match timeout(limit, Box::pin(connecting)).await {
        Ok(Ok(connected)) => Ok(connected),
        Ok(Err(Refused::Down)) => Err(Error::Down { name }),
        Ok(Err(Refused::Because(source))) => Err(Error::Connect {
            name,
            address: shown,
            source,
        }),
        Err(_) => Err(Error::ConnectTimeout {
            name,
            address: shown,
            seconds: limit.as_secs_f64(),
        }),
    }
}

pub(super) enum Refused {
    Down,
    Because(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Refused {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Because(error)
    }
}

async fn connect_source(target: &Target<'_>) -> Result<Connection, Refused> {
    match target.source {
        Source::External(address) => Ok(connect_address(address, target.tasks).await?),
        Source::Managed => Ok(connect_address(&managed(target)?, target.tasks).await?),
        Source::InProcess(bridge) => {
            let (stream, served) = bridge.connect();
            spawn(target.tasks, served);
            let mut config = tokio_postgres::Config::new();
            config.user("postgres").ssl_mode(SslMode::Disable);
            let (client, connection) = config.connect_raw(stream, NoTls).await?;
            spawn(target.tasks, drive(connection));
            Ok(Connection {
                client,
                cancel: Cancel { way: None },
            })
        }
    }
}

/// Where the managed server is, while it runs.
pub(super) fn managed(target: &Target<'_>) -> Result<Address, Refused> {
    let running = target.managed.filter(|managed| managed.pid().is_some());
    let config = running.map(|managed| managed.config(target.name, target.connect_timeout));
    let config = config.ok_or(Refused::Down)?;
    Ok(Address {
        config,
        tls: Tls::Off,
    })
}

async fn connect_address(
    address: &Address,
    tasks: &Mutex<JoinSet<()>>,
) -> Result<Connection, tokio_postgres::Error> {
    let client = match &address.tls {
        Tls::Off => {
            let (client, connection) = address.config.connect(NoTls).await?;
            spawn(tasks, drive(connection));
            client
        }
        Tls::On(connector) => {
            let (client, connection) = address.config.connect(connector.clone()).await?;
            spawn(tasks, drive(connection));
            client
        }
    };
    let way = Some((client.cancel_token(), address.tls.clone()));
    Ok(Connection {
        client,
        cancel: Cancel { way },
    })
}

/// The client's calls tell of errors, too; here they would be told twice.
async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to a database ended");
    }
}

/// Adds a task and takes away those that ended.
fn spawn(tasks: &Mutex<JoinSet<()>>, task: impl Future<Output = ()> + Send + 'static) {
    let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
    while tasks.try_join_next().is_some() {}
    tasks.spawn(task);
}
