//! The loop: one thread, level-triggered epoll, one read buffer for all connections.

use std::{io, net::TcpListener};

use anyhow::Context as _;
use rustix::{
    buffer::spare_capacity,
    event::epoll::{self, CreateFlags, EventData, EventFlags},
};

use crate::{
    answer::Answers,
    connection::{Connection, Fate},
};

const READ_BYTES: usize = 64 * 1024;
const EVENTS_MAX: usize = 256;
const CONNECTIONS_MAX: usize = 20_000;
/// What epoll says of the listener, which is no index of a connection.
const LISTENER: u64 = u64::MAX;

/// Answers until the process is told to end.
pub(crate) fn run(listener: &TcpListener, answers: &Answers, requests_max: u64) -> anyhow::Result<()> {
    listener
        .set_nonblocking(true)
        .context("make the listener non-blocking")?;
    let epoll = epoll::create(CreateFlags::CLOEXEC).context("make an epoll")?;
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)
        .context("watch the listener")?;

    let mut buffer = vec![0_u8; READ_BYTES];
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut events = Vec::with_capacity(EVENTS_MAX);
    loop {
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error).context("wait"),
        }
        for event in events.drain(..) {
            let token = event.data.u64();
            if token == LISTENER {
                while let Some(stream) = accept(listener)? {
                    let index = free.pop().unwrap_or(connections.len());
                    if index == CONNECTIONS_MAX {
                        // Dropped, which closes it.
                        continue;
                    }
                    let connection = Connection::new(stream, answers, requests_max);
                    let data = EventData::new_u64(index as u64);
                    epoll::add(&epoll, connection.stream(), data, EventFlags::IN)
                        .context("watch a connection")?;
                    if index == connections.len() {
                        connections.push(None);
                    }
                    connections[index] = Some(connection);
                }
                continue;
            }
            let index = usize::try_from(token).expect("it was made from an index");
            let Some(connection) = connections.get_mut(index).and_then(Option::as_mut) else {
                continue;
            };
            let flags = event.flags;
            match connection.go_on(flags, &mut buffer) {
                Fate::Lives => {}
                Fate::Wants(interest) => {
                    epoll::modify(&epoll, connection.stream(), event.data, interest)
                        .context("watch a connection differently")?;
                }
                Fate::Ended => {
                    // Closing the socket also ends its watch.
                    connections[index] = None;
                    free.push(index);
                }
            }
        }
    }
}

/// A waiting connection. One that failed before it was taken is nobody's fault here.
fn accept(listener: &TcpListener) -> anyhow::Result<Option<std::net::TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => {
            stream
                .set_nonblocking(true)
                .context("make a connection non-blocking")?;
            // Small answers must not wait for the acknowledgement of others.
            let _ = stream.set_nodelay(true);
            Ok(Some(stream))
        }
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {
                Ok(None)
            }
            _ => Err(error).context("accept a connection"),
        },
    }
}
