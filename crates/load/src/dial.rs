//! Sockets: opened, connected, read and written without waiting.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
        socket_with, sockopt,
    },
};

use crate::{error::Error, target::Place};

/// One address to connect to.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    Inet(SocketAddr),
    Unix(PathBuf),
}

impl Peer {
    /// All addresses of a place.
    pub(crate) fn of(place: &Place) -> Result<Vec<Peer>, Error> {
        match place {
            Place::Unix(path) => Ok(vec![Peer::Unix(path.clone())]),
            Place::Tcp { host, .. } => {
                let peers: Vec<Peer> = place.addresses()?.into_iter().map(Peer::Inet).collect();
                if peers.is_empty() {
                    return Err(Error::Resolve {
                        host: host.clone(),
                        source: io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
                    });
                }
                Ok(peers)
            }
        }
    }
}

/// Begins to connect. The socket is writable when it is over, and [`outcome`] says how.
pub(crate) fn dial(peer: &Peer) -> io::Result<OwnedFd> {
    let family = match peer {
        Peer::Inet(SocketAddr::V4(_)) => AddressFamily::INET,
        Peer::Inet(SocketAddr::V6(_)) => AddressFamily::INET6,
        Peer::Unix(_) => AddressFamily::UNIX,
    };
    let socket = socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
        None,
    )?;
    let connected = match peer {
        Peer::Inet(address) => {
            // Requests are written whole; waiting for more would only delay them.
            sockopt::set_tcp_nodelay(&socket, true)?;
            connect(&socket, address)
        }
        Peer::Unix(path) => connect(&socket, &SocketAddrUnix::new(path.as_path())?),
    };
    match connected {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// How connecting went, once the socket is writable.
pub(crate) fn outcome(socket: impl AsFd) -> io::Result<()> {
    match sockopt::socket_error(socket)? {
        Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads what is there; none if nothing is, 0 at the end.
pub(crate) fn read(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match recv(&socket, &mut *buffer, RecvFlags::empty()) {
            Ok((_, bytes)) => return Ok(Some(bytes)),
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Lets the kernel drop what is there, at most as much as the buffer is long. Nothing is copied.
pub(crate) fn discard(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match recv(&socket, &mut *buffer, RecvFlags::TRUNC) {
            Ok((_, bytes)) => return Ok(Some(bytes)),
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes as much as goes; 0 if nothing does.
pub(crate) fn write(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match send(&socket, bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => return Ok(sent),
            Err(Errno::AGAIN) => return Ok(0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
