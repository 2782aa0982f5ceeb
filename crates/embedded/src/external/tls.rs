//! TLS to an external server, by rustls with ring and libpq's rules of what is verified.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Authorities, Trust, Verify};
use crate::Error;

/// How connections to one server are encrypted.
#[derive(Clone)]
pub(crate) enum Tls {
    /// Not at all: a unix socket, or `sslmode=disable`.
    Off,
    /// As the server offers and the mode demands.
    On(MakeRustlsConnect),
}

impl Tls {
    pub(super) fn new(name: &str, trust: &Trust) -> Result<Self, Error> {
        let failed = |reason: String| Error::Certificates {
            name: name.to_owned(),
            reason,
        };
        let provider = Arc::new(ring::default_provider());
        let inner = match trust.verify {
            Verify::Nothing => None,
            Verify::Chain | Verify::Full => {
                let roots = Arc::new(roots(&trust.authorities).map_err(failed)?);
                let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                    .build()
                    .map_err(|error| failed(error.to_string()))?;
                Some(verifier)
            }
        };
        let verifier = Verifier {
            provider: Arc::clone(&provider),
            inner,
            name: trust.verify == Verify::Full,
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        // `sslnegotiation=direct` of PostgreSQL 17 demands it, the others do not mind.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self::On(MakeRustlsConnect::new(config)))
    }
}

fn roots(authorities: &Authorities) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Authorities::System => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
        Authorities::File(file) => {
            let certificates =
                CertificateDer::pem_file_iter(file).map_err(|error| format!("{file}: {error}"))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| format!("{file}: {error}"))?;
                roots
                    .add(certificate)
                    .map_err(|error| format!("{file}: {error}"))?;
            }
        }
    }
    if roots.is_empty() {
        Err("no authority was found".to_owned())
    } else {
        Ok(roots)
    }
}

/// rustls's own verification, less what the mode does not ask for.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// None believes any certificate: `prefer` and `require` only keep listeners out.
    inner: Option<Arc<WebPkiServerVerifier>>,
    /// Whether the name counts.
    name: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else {
            return Ok(ServerCertVerified::assertion());
        };
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last, so the chain was found good before.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
