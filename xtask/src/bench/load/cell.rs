//! What is measured: server, protocol, connections, streams, body. And which tools can do it at all.

use std::fmt;

/// The server of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Nginx,
    Responder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// 13 bytes.
    Small,
    /// 155,010 bytes of JSON.
    Large,
}

/// One cell of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) host: Host,
    pub(crate) protocol: Protocol,
    pub(crate) connections: u32,
    /// Requests in flight on a connection.
    pub(crate) streams: u32,
    pub(crate) body: Body,
    /// Whether we let the kernel drop the bodies; the others cannot.
    pub(crate) discards: bool,
}

/// Every cell, in the order of the tables.
pub(crate) fn all() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (body, discards) in [(Body::Small, false), (Body::Large, false), (Body::Large, true)] {
        for host in [Host::Nginx, Host::Responder] {
            let cell = |protocol, connections, streams| Cell {
                host,
                protocol,
                connections,
                streams,
                body,
                discards,
            };
            cells.extend([1, 6, 64].map(|connections| cell(Protocol::Http1, connections, 1)));
            if !discards {
                cells.extend([1, 8].map(|connections| cell(Protocol::Http2, connections, 100)));
            }
        }
    }
    cells
}

impl Cell {
    pub(crate) fn path(self) -> &'static str {
        match self.body {
            Body::Small => "/small",
            Body::Large => "/large",
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.host {
            Host::Nginx => "nginx",
            Host::Responder => "responder",
        };
        let body = match self.body {
            Body::Small => "13 B",
            Body::Large => "155 kB",
        };
        write!(f, "{host} ")?;
        match self.protocol {
            Protocol::Http1 => write!(f, "h1 x{}", self.connections)?,
            Protocol::Http2 => write!(f, "h2 {}x{}", self.connections, self.streams)?,
        }
        write!(f, " {body}")?;
        if self.discards {
            write!(f, " discard")?;
        }
        Ok(())
    }
}
