//! Whom to ask: scheme, authority, and the place to connect to.

#[cfg(test)]
mod tests;

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
};

use crate::error::Error;

/// Whether the bytes are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Cleartext.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// As URLs and `:scheme` write it.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// Where connections go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A host, or an address without brackets, and a port.
    Tcp {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// A socket in the file system.
    Unix(PathBuf),
}

/// An origin: whom requests are meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether TLS is spoken.
    pub scheme: Scheme,
    /// Host without brackets, as certificates name it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What `Host` and `:authority` say: host, and the port where it is not the scheme's own.
    pub authority: String,
}

impl Target {
    /// Takes a URL apart: the origin, and the path with its query.
    pub fn parse(url: &str) -> Result<(Target, String), Error> {
        let wrong = |reason| Error::Url {
            url: url.to_owned(),
            reason,
        };
        let (scheme, rest) = match url.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(_) => return Err(wrong("its scheme is neither http nor https")),
            None => return Err(wrong("it does not begin with http:// or https://")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(wrong("it holds a user; send an `authorization` header instead"));
        }
        let (host, port) = split_port(authority).ok_or_else(|| wrong("its port is no number"))?;
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        if path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(wrong("its path holds a space or a control character"));
        }
        let default = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let port = port.unwrap_or(default);
        let bracketed = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let authority = if port == default {
            bracketed
        } else {
            format!("{bracketed}:{port}")
        };
        let path = match path {
            "" => "/".to_owned(),
            query if query.starts_with('?') => format!("/{query}"),
            path => path.to_owned(),
        };
        let target = Target {
            scheme,
            host: host.to_owned(),
            port,
            authority,
        };
        Ok((target, path))
    }

    /// Where its connections go, unless somebody says otherwise.
    pub fn place(&self) -> Place {
        Place::Tcp {
            host: self.host.clone(),
            port: self.port,
        }
    }
}

impl Place {
    /// Reads `HOST`, `HOST:PORT`, `[V6]:PORT` or `unix:PATH`.
    pub fn parse(text: &str, port: u16) -> Result<Place, Error> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Place::Unix(PathBuf::from(path)));
        }
        let wrong = |reason| Error::Url {
            url: text.to_owned(),
            reason,
        };
        let (host, given) = split_port(text).ok_or_else(|| wrong("its port is no number"))?;
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        Ok(Place::Tcp {
            host: host.to_owned(),
            port: given.unwrap_or(port),
        })
    }

    /// All addresses, in the resolver's order. None for a socket of the file system.
    pub(crate) fn addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        match self {
            Place::Unix(_) => Ok(Vec::new()),
            Place::Tcp { host, port } => {
                let found = (host.as_str(), *port)
                    .to_socket_addrs()
                    .map_err(|source| Error::Resolve {
                        host: host.clone(),
                        source,
                    })?;
                Ok(found.collect())
            }
        }
    }
}

/// Host without brackets, and a port if there is one.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None if rest.is_empty() => Some((host, None)),
            None => None,
        };
    }
    match authority.rsplit_once(':') {
        // More than one colon without brackets is an address of IPv6.
        Some((host, _)) if host.contains(':') => Some((authority, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((authority, None)),
    }
}
