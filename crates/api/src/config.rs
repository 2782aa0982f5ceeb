//! What the binary decides for this crate. No defaults here: the binary owns them.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Everything that can be set about the listeners and their limits.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the API listens. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Where live, ready and metrics listen; none: nowhere.
    pub admin: Option<SocketAddr>,
    /// Whether the API speaks TLS. The admin listener never does.
    pub tls: Tls,
    /// Permits listening beyond loopback although nobody is authenticated.
    pub allow_remote: bool,
    /// Connections that the kernel holds for us before they are accepted.
    pub backlog: u32,
    /// Connections open at once; at the limit the next one waits in the backlog.
    pub connections_max: u32,
    /// Streams of one HTTP/2 connection; more wait at the client.
    pub streams_max: u32,
    /// Requests in work at once, each until the last byte of its answer is written; more get 503.
    pub in_flight_max: u32,
    /// A request is answered within this time; of a stream, each document is.
    pub request_timeout: Duration,
    /// The TLS handshake, and the head of an HTTP/1 request, arrive within this time.
    pub header_timeout: Duration,
    /// Connections older than this are asked to leave (GOAWAY, `connection: close`).
    pub connection_age_max: Duration,
    /// A client that owes us reading and takes not one byte for so long is cut off.
    pub stall_max: Duration,
    /// Pause between "not ready" and "no new connections": time for a balancer to look.
    pub drain_delay: Duration,
    /// How long requests in flight may take to end after that.
    pub drain_max: Duration,
    /// Ids in one `ids=`.
    pub ids_max: usize,
    /// Fields in one `fields=`.
    pub fields_max: usize,
    /// Length of path and query; at most 65,534.
    pub url_bytes_max: usize,
    /// Length of all headers of a request, URL included; at least 8,192.
    pub header_bytes_max: usize,
    /// Length of a request's body, and of a line of an import.
    pub body_bytes_max: u64,
    /// Length of the body of a bulk write, which is held in memory.
    pub bulk_bytes_max: u64,
    /// Length of the body of an import, which is not.
    pub import_bytes_max: u64,
    /// An import, or an export, is done within this time.
    pub transfer_timeout: Duration,
    /// Imports and exports at once: each holds a connection to its database.
    pub transfers_max: usize,
    /// Nothing is written: all methods but those that read are answered 405.
    pub read_only: bool,
    /// Items of a page unless the request says so.
    pub page_limit: u32,
    /// Items of a page at most.
    pub page_limit_max: u32,
    /// Whether answers are compressed for clients that accept it.
    pub compression: bool,
}

/// Whether and with what the API speaks TLS.
#[derive(Clone, Debug)]
pub enum Tls {
    /// Plain text: HTTP/1.1, and HTTP/2 by prior knowledge.
    Off,
    /// PEM files; ALPN offers `h2` and `http/1.1`.
    Files {
        /// The certificate, then its chain.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// A certificate for `localhost` and the listen address, made at start and told to nobody.
    SelfSigned,
}
