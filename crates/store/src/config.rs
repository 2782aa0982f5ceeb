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
    /// A statement that takes as long is slow: the log says so, and by which plan it ran.
    pub slow: Duration,
    /// Statements of traces that are kept whatever happens begin with a comment that names the trace. They are not
    /// prepared then, for each has a text of its own.
    pub comments: bool,
}
