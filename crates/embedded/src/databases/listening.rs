//! A connection that only listens: messages of NOTIFY on one channel.

use std::{fmt, pin::Pin};

use futures_util::{Stream, StreamExt as _, stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::{
    Source,
    connection::{Refused, Target, in_time, managed},
};
use crate::{Error, external::Tls};

type Messages = Pin<Box<dyn Stream<Item = Result<AsyncMessage, tokio_postgres::Error>> + Send>>;

/// Messages of one channel, from the moment that there is one of these. Dropping it ends its connection.
pub struct Listening {
    messages: Messages,
    /// The connection ends with its client.
    _client: Client,
}

impl Listening {
    /// The next message; none when the connection has ended.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            match self.messages.next().await? {
                Ok(AsyncMessage::Notification(message)) => return Some(message.payload().to_owned()),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "a connection that listens ended");
                    return None;
                }
            }
        }
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Listening").finish_non_exhaustive()
    }
}

pub(super) async fn listen(target: &Target<'_>, channel: &str) -> Result<Listening, Error> {
    in_time(target, connect(target, channel)).await
}

async fn connect(target: &Target<'_>, channel: &str) -> Result<Listening, Refused> {
    let own;
    let address = match target.source {
        Source::External(address) => address,
        Source::Managed => {
            own = managed(target)?;
            &own
        }
        // Its one backend has nobody else to tell.
        Source::InProcess(_) => return Err(Refused::Down),
    };
    let (client, mut messages) = match &address.tls {
        Tls::Off => {
            let (client, connection) = address.config.connect(NoTls).await?;
            (client, messages(connection))
        }
        Tls::On(connector) => {
            let (client, connection) = address.config.connect(connector.clone()).await?;
            (client, messages(connection))
        }
    };
    let sql = format!("listen \"{}\"", channel.replace('"', "\"\""));
    let mut asked = Box::pin(client.batch_execute(&sql));
    // Nobody else drives the connection while it is asked.
    loop {
        tokio::select! {
            biased;
            done = &mut asked => {
                done?;
                break;
            }
            message = messages.next() => match message {
                Some(message) => drop(message?),
                None => return Err(Refused::Down),
            },
        }
    }
    drop(asked);
    Ok(Listening {
        messages,
        _client: client,
    })
}

fn messages<S, T>(mut connection: tokio_postgres::Connection<S, T>) -> Messages
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Box::pin(stream::poll_fn(move |context| connection.poll_message(context)))
}
