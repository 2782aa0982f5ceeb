//! Which protocol a server speaks in cleartext, found out on a connection of its own before the run.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::Duration,
};

use rustls::ClientConnection;

use crate::{
    config::{Protocol, WINDOW_MAX, Windows},
    dial::Peer,
    http2::{Options, Session},
    tls::Dialect,
};

/// A server that says nothing for so long is taken for one of HTTP/1.1, which waits for a request.
const PATIENCE: Duration = Duration::from_secs(1);

/// The first of several addresses that takes a connection; the first of all where none does, or there is no choice.
pub(super) fn reachable(peers: &[Peer], connect: Duration) -> usize {
    if peers.len() < 2 {
        return 0;
    }
    let is_there = |peer: &Peer| match peer {
        Peer::Inet(address) => TcpStream::connect_timeout(address, connect).is_ok(),
        Peer::Unix(path) => UnixStream::connect(path).is_ok(),
    };
    peers.iter().position(is_there).unwrap_or(0)
}

/// HTTP/2 if the server answers its preface with SETTINGS, HTTP/1.1 otherwise; and which address it has.
pub(super) fn protocol(peers: &[Peer], connect: Duration) -> (Protocol, usize) {
    for (at, peer) in peers.iter().enumerate() {
        let speaks_http2 = match peer {
            Peer::Inet(address) => TcpStream::connect_timeout(address, connect).and_then(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(answers(stream))
            }),
            Peer::Unix(path) => UnixStream::connect(path).and_then(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(answers(stream))
            }),
        };
        match speaks_http2 {
            Ok(true) => return (Protocol::Http2, at),
            Ok(false) => return (Protocol::Http1, at),
            // The run will say what is wrong with it.
            Err(_) => {}
        }
    }
    (Protocol::Http1, 0)
}

/// What ALPN chooses; HTTP/1.1 where it chooses nothing, or nobody is there.
pub(super) fn protocol_of_tls(peers: &[Peer], dialect: &Dialect, connect: Duration) -> Protocol {
    for peer in peers {
        let Ok(mut tls) = ClientConnection::new(dialect.config.clone(), dialect.name.clone()) else {
            continue;
        };
        let shaken = match peer {
            Peer::Inet(address) => TcpStream::connect_timeout(address, connect).and_then(|mut stream| {
                stream.set_read_timeout(Some(connect))?;
                tls.complete_io(&mut stream)
            }),
            Peer::Unix(path) => UnixStream::connect(path).and_then(|mut stream| {
                stream.set_read_timeout(Some(connect))?;
                tls.complete_io(&mut stream)
            }),
        };
        if shaken.is_ok() {
            return match tls.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                Some(_) | None => Protocol::Http1,
            };
        }
    }
    Protocol::Http1
}

fn answers(mut stream: impl Read + Write) -> bool {
    let options = Options {
        windows: Windows {
            stream: WINDOW_MAX,
            connection: WINDOW_MAX,
        },
        table_bytes: 4_096,
        encoder_table_bytes: 4_096,
        head_bytes_max: 16_384,
        informational_max: 0,
    };
    let mut out = Vec::new();
    let mut session = Session::<()>::new(options, &mut out);
    if stream.write_all(&out).is_err() {
        return false;
    }
    let mut buffer = [0; 1_024];
    let mut answer = Vec::new();
    while let Ok(bytes @ 1..) = stream.read(&mut buffer) {
        let mut input = &buffer[..bytes];
        while !input.is_empty() {
            match session.receive(&mut input, &mut answer) {
                Ok(_) if session.has_settings() => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }
    false
}
