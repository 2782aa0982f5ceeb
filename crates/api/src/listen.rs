//! The sockets that connections come from.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::error::Error;

/// After a failure to accept, as without file descriptors: others must end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Listener {
    /// Listens; nothing is accepted yet.
    pub(crate) fn bind(address: SocketAddr, backlog: u32) -> Result<Listener, Error> {
        let bind = || -> io::Result<Listener> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            // Else a restart has to wait for the old connections' TIME_WAIT. On Windows it would let
            // two servers share the port.
            #[cfg(unix)]
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
            let socket = TcpListener::from_std(socket.into())?;
            let address = socket.local_addr()?;
            Ok(Listener { socket, address })
        };
        bind().map_err(|source| Error::Listen { address, source })
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> TcpStream {
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => return ready(stream),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(address = %self.address, error = %error, "failed to accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Stops listening. Connections that the kernel has already accepted for us are not lost with it.
    pub(crate) fn close(self) -> Vec<TcpStream> {
        let mut last = Vec::new();
        if let Ok(socket) = self.socket.into_std() {
            while let Ok((stream, _)) = socket.accept() {
                if stream.set_nonblocking(true).is_ok()
                    && let Ok(stream) = TcpStream::from_std(stream)
                {
                    last.push(ready(stream));
                }
            }
        }
        last
    }
}

fn ready(stream: TcpStream) -> TcpStream {
    // Writes are gathered already; waiting for more would only delay the last of them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "failed to set TCP_NODELAY");
    }
    stream
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
