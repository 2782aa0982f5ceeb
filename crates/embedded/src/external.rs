//! A server of the user's: its URL read, TLS set up, an address to show that holds no password.

mod tls;

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};

pub(crate) use tls::Tls;

use crate::Error;

/// What connections to one external database are made from.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) tls: Tls,
}

impl Address {
    /// Reads a URL or a `host=... user=...` line.
    ///
    /// `sslmode=verify-ca`, `sslmode=verify-full` and `sslrootcert` are libpq's and unknown to tokio-postgres, so
    /// they are taken out before.
    pub(crate) fn read(name: &str, url: &str, connect_timeout: Duration) -> Result<Self, Error> {
        let (rest, trust) = split_trust(name, url)?;
        let mut config: tokio_postgres::Config =
            rest.parse().map_err(|source: tokio_postgres::Error| Error::Url {
                name: name.to_owned(),
                source: Box::new(source),
            })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(Error::Url {
                name: name.to_owned(),
                source: "it names no host".into(),
            });
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(connect_timeout);
        }
        // As with libpq, the modes mean nothing on a unix socket.
        if only_unix(&config) {
            config.ssl_mode(SslMode::Disable);
        } else if trust.verifies() {
            config.ssl_mode(SslMode::Require);
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => Tls::Off,
            _ => Tls::new(name, &trust)?,
        };
        Ok(Self { config, tls })
    }

    /// Host and port of each server, as `db1.example.com:5432`.
    pub(crate) fn shown(&self) -> String {
        let ports = self.config.get_ports();
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let hosts = self.config.get_hosts();
        let shown: Vec<String> = if hosts.is_empty() {
            let addresses = self.config.get_hostaddrs().iter().enumerate();
            addresses
                .map(|(index, address)| format!("{address}:{}", port(index)))
                .collect()
        } else {
            let one = |(index, host): (usize, &Host)| match host {
                Host::Tcp(host) => format!("{host}:{}", port(index)),
                Host::Unix(directory) => directory
                    .join(format!(".s.PGSQL.{}", port(index)))
                    .display()
                    .to_string(),
            };
            hosts.iter().enumerate().map(one).collect()
        };
        shown.join(",")
    }
}

/// How far a server's certificate is to be believed: libpq's rules.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    verify: Verify,
    authorities: Authorities,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Verify {
    /// `prefer` and `require` encrypt, and believe any certificate.
    #[default]
    Nothing,
    /// The chain, not the name.
    Chain,
    /// Chain and name.
    Full,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Authorities {
    /// The operating system's.
    #[default]
    System,
    /// Those of a PEM file.
    File(String),
}

impl Trust {
    fn verifies(&self) -> bool {
        self.verify != Verify::Nothing
    }
}

fn only_unix(config: &tokio_postgres::Config) -> bool {
    let unix = |host: &Host| matches!(host, Host::Unix(_));
    config.get_hostaddrs().is_empty() && config.get_hosts().iter().all(unix)
}

/// Takes libpq's own TLS options out of the URL.
fn split_trust(name: &str, url: &str) -> Result<(String, Trust), Error> {
    let mut taken = Taken::default();
    let rest = match url.split_once('?') {
        Some((base, query)) if url.contains("://") => {
            let kept: Vec<&str> = query.split('&').filter(|pair| !taken.takes(pair)).collect();
            if kept.is_empty() {
                base.to_owned()
            } else {
                format!("{base}?{}", kept.join("&"))
            }
        }
        _ if url.contains("://") => url.to_owned(),
        _ => {
            // A quoted value may hold blanks; those words do not begin with the names looked for.
            let kept: Vec<&str> = url.split(' ').filter(|pair| !taken.takes(pair)).collect();
            kept.join(" ")
        }
    };
    let trust = taken.trust();
    match &trust.authorities {
        Authorities::File(file) if file.is_empty() => Err(Error::Certificates {
            name: name.to_owned(),
            reason: "sslrootcert is empty".to_owned(),
        }),
        Authorities::File(_) | Authorities::System => Ok((rest, trust)),
    }
}

#[derive(Default)]
struct Taken {
    mode: Option<Verify>,
    root: Option<String>,
}

impl Taken {
    fn takes(&mut self, pair: &str) -> bool {
        match pair.split_once('=') {
            Some(("sslmode", "verify-ca")) => self.mode = Some(Verify::Chain),
            Some(("sslmode", "verify-full")) => self.mode = Some(Verify::Full),
            Some(("sslrootcert", file)) => self.root = Some(percent_decoded(file.trim_matches('\''))),
            _ => return false,
        }
        true
    }

    /// An authority's file with `sslmode=require` means `verify-ca`, and `system` means `verify-full`.
    fn trust(self) -> Trust {
        match (self.mode, self.root) {
            (mode, None) => Trust {
                verify: mode.unwrap_or_default(),
                authorities: Authorities::System,
            },
            (_, Some(root)) if root == "system" => Trust {
                verify: Verify::Full,
                authorities: Authorities::System,
            },
            (mode, Some(root)) => Trust {
                verify: mode.unwrap_or(Verify::Chain),
                authorities: Authorities::File(root),
            },
        }
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
