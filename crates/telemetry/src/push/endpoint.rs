//! Where a collector is: its URL, taken apart once.

use std::{fmt, path::PathBuf, sync::Arc};

use http::{HeaderValue, Uri, uri::Scheme};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::TlsConnector;

use super::Version;
use crate::error::Error;

/// Whom a collector's certificate must come from.
#[derive(Clone, Debug)]
pub enum Authorities {
    /// The system's.
    System,
    /// Those in a PEM file.
    File(PathBuf),
}

/// A collector's place.
#[derive(Clone)]
pub struct Endpoint {
    host: String,
    port: u16,
    authority: HeaderValue,
    /// Without a slash at its end.
    path: String,
    tls: Option<Tls>,
}

#[derive(Clone)]
struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Endpoint {
    /// From an `http` or `https` URL.
    pub fn parse(url: &str, authorities: &Authorities) -> Result<Endpoint, Error> {
        let wrong = |reason| Error::Endpoint {
            // A password has no place in it, and is not repeated where there is one.
            url: url.rsplit_once('@').map_or(url, |(_, place)| place).to_owned(),
            reason,
        };
        let uri: Uri = url.parse().map_err(|_| wrong("it is no URL"))?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(_) | None => return Err(wrong("it begins with neither http:// nor https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it holds a name and password: send them in a header"));
        }
        if uri.query().is_some() {
            return Err(wrong("it has a query"));
        }
        let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
        if bare.is_empty() {
            return Err(wrong("it names no host"));
        }
        let tls = if secure {
            let name = ServerName::try_from(bare.to_owned())
                .map_err(|_| wrong("its host can have no certificate"))?;
            Some(Tls {
                config: Arc::new(client_config(authorities)?),
                name,
            })
        } else {
            None
        };
        Ok(Endpoint {
            host: bare.to_owned(),
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong("it names no host"))?,
            path: uri.path().trim_end_matches('/').to_owned(),
            tls,
        })
    }

    /// The path of its URL, without a slash at its end.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    pub(super) fn authority(&self) -> HeaderValue {
        self.authority.clone()
    }

    pub(super) fn uri(&self, version: Version, target: &str) -> Uri {
        let target = if target.is_empty() { "/" } else { target };
        let whole = match version {
            Version::Http1 => target.to_owned(),
            Version::Http2 => {
                let scheme = if self.tls.is_some() { "https" } else { "http" };
                let authority = self.authority.to_str().unwrap_or(&self.host);
                format!("{scheme}://{authority}{target}")
            }
        };
        whole.parse().unwrap_or_default()
    }

    pub(super) fn tls(&self, version: Version) -> Option<(TlsConnector, ServerName<'static>)> {
        let tls = self.tls.as_ref()?;
        let mut config = ClientConfig::clone(&tls.config);
        config.alpn_protocols = match version {
            Version::Http1 => vec![b"http/1.1".to_vec()],
            Version::Http2 => vec![b"h2".to_vec()],
        };
        Some((TlsConnector::from(Arc::new(config)), tls.name.clone()))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

fn client_config(authorities: &Authorities) -> Result<ClientConfig, Error> {
    let failed = |reason: String| Error::Authorities { reason };
    let mut roots = RootCertStore::empty();
    match authorities {
        Authorities::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Authorities::File(file) => {
            let wrong = |problem: String| failed(format!("{}: {problem}", file.display()));
            let certificates =
                CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
        }
    }
    if roots.is_empty() {
        return Err(failed("there are none".to_owned()));
    }
    Ok(
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}
