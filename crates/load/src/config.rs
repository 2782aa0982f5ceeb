//! How to ask: threads, connections, protocol, limits. The caller owns every default.

use std::{path::PathBuf, sync::mpsc::SyncSender, time::Duration};

use crate::{error::Error, sample::Sample, target::Place};

/// Connections at most.
pub const CLIENTS_MAX: u32 = 100_000;

/// Requests in flight on one connection at most.
pub const STREAMS_MAX: u32 = 100_000;

/// Threads at most.
pub const THREADS_MAX: usize = 256;

/// The largest window that HTTP/2 allows.
pub const WINDOW_MAX: u32 = 0x7fff_ffff;

/// How to ask.
#[derive(Clone, Debug)]
pub struct Config {
    /// Threads, each with its own share of the connections.
    pub threads: usize,
    /// Connections.
    pub clients: u32,
    /// Requests in flight on each connection: streams of HTTP/2, pipelined requests of HTTP/1.1.
    pub streams: u32,
    /// What is spoken.
    pub protocol: Protocol,
    /// What becomes of bodies that no check wants to see.
    pub bodies: Bodies,
    /// Of HTTP/2.
    pub windows: Windows,
    /// Of the table of header fields that a server of HTTP/2 writes into.
    pub header_table_bytes: u32,
    /// Of our own, at most what the server allows.
    pub encoder_table_bytes: u32,
    /// How long is waited.
    pub timeouts: Timeouts,
    /// Of https.
    pub tls: Tls,
    /// Where connections go, if not where the target says.
    pub connect_to: Option<Place>,
    /// Sends a `traceparent` with every request, so that the slowest can be found again.
    pub traceparent: bool,
    /// What ids of traces begin with.
    pub seed: u64,
    /// Bounds of what a server may do to us.
    pub limits: Limits,
    /// Takes every request's times, in chunks; a full one makes the loop wait, and that is said.
    pub samples: Option<SyncSender<Vec<Sample>>>,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// What TLS negotiates by ALPN; in cleartext, HTTP/2 if the server takes it, else HTTP/1.1.
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: by ALPN, in cleartext by prior knowledge.
    Http2,
}

/// What becomes of bodies that no check wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// Read like any client does.
    Read,
    /// Dropped by the kernel where that is possible: HTTP/1.1 in cleartext, with a known length.
    Discard,
}

/// How much a server may send before we say that we took it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// For each stream.
    pub stream: u32,
    /// For the whole connection.
    pub connection: u32,
}

/// How long is waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For a whole answer, from when its request was sent.
    pub request: Duration,
    /// For anything at all on a connection with requests in flight.
    pub inactivity: Option<Duration>,
    /// A connection older than this is left.
    pub age: Option<Duration>,
}

/// How servers are believed, and what they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Believe any certificate.
    pub insecure: bool,
    /// The name that is asked for, if not the target's host.
    pub server_name: Option<String>,
    /// Certificates to believe instead of the system's, in PEM.
    pub authorities: Option<PathBuf>,
    /// Our certificate chain and its key, in PEM.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Bounds of what a server may do to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one answer's head, in either protocol, and of its trailers.
    pub head_bytes_max: usize,
    /// 1xx answers before the real one.
    pub informational_max: u32,
    /// How often one request is sent again after having been refused.
    pub refused_max: u16,
    /// Connections that fail one after the other, of one client, before it gives up.
    pub connect_attempts_max: u32,
    /// The slowest requests that the summary lists.
    pub slowest_listed_max: usize,
    /// Connections that the summary lists.
    pub connections_listed_max: usize,
}

impl Config {
    /// Refuses what cannot be run with.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let within = |name: &str, value: u64, max: u64| {
            if (1..=max).contains(&value) {
                Ok(())
            } else {
                Err(Error::Config {
                    what: format!("{value} {name}: give 1 to {max}"),
                })
            }
        };
        within("threads", self.threads as u64, THREADS_MAX as u64)?;
        within("clients", self.clients.into(), CLIENTS_MAX.into())?;
        within("streams", self.streams.into(), STREAMS_MAX.into())?;
        within(
            "bytes of the window of a stream",
            self.windows.stream.into(),
            WINDOW_MAX.into(),
        )?;
        within(
            "bytes of the window of a connection",
            self.windows.connection.into(),
            WINDOW_MAX.into(),
        )?;
        within("bytes of a head", self.limits.head_bytes_max as u64, 16 << 20)?;
        within(
            "attempts to connect",
            self.limits.connect_attempts_max.into(),
            u32::MAX.into(),
        )?;
        if self.threads as u64 > u64::from(self.clients) {
            return Err(Error::Config {
                what: format!(
                    "{} threads for {} clients: each thread needs a client of its own",
                    self.threads, self.clients
                ),
            });
        }
        for (name, time) in [
            ("a connection", self.timeouts.connect),
            ("a request", self.timeouts.request),
        ] {
            if time.is_zero() {
                return Err(Error::Config {
                    what: format!("a timeout of 0 for {name}: give more"),
                });
            }
        }
        Ok(())
    }
}
