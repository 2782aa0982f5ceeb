//! What the binary decides about one database's pool.

use std::time::Duration;

/// One database's pool. Built by the binary, which owns the defaults.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connections at most. About the cores of the database: 60 took 1.4 times the CPU of 4.
    pub connections: usize,
    /// Set on each connection where the engine can interrupt a statement; none: the server's own.
    pub statement_timeout: Option<Duration>,
    /// A lease waits at most so long, whatever its request's deadline.
    pub wait_max: Duration,
    /// A new connection must stand within this time.
    pub connect_max: Duration,
}
