//! TLS by rustls with ring: whom we believe, who we are, and what ALPN offers.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
};
use rustls_pki_types::pem::PemObject as _;

use crate::{
    config::{Protocol, Tls},
    error::Error,
    target::Target,
};

/// What every connection begins with.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

/// Reads the files and puts the settings together.
pub(crate) fn dialect(tls: &Tls, target: &Target, protocol: Protocol) -> Result<Dialect, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(format!("its versions: {error}")))?;
    let builder = if tls.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    } else {
        builder.with_root_certificates(authorities(tls)?)
    };
    let mut config = match &tls.client {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let certificates = CertificateDer::pem_file_iter(chain)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| wrong(format!("the certificate {}: {error}", chain.display())))?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| wrong(format!("the key {}: {error}", key.display())))?;
            builder
                .with_client_auth_cert(certificates, key)
                .map_err(|error| wrong(format!("the client's certificate: {error}")))?
        }
    };
    // Each handshake is a whole one, as h2load's are: what a new visitor costs is what is measured.
    config.resumption = Resumption::disabled();
    config.alpn_protocols = match protocol {
        Protocol::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    let name = tls.server_name.as_ref().unwrap_or(&target.host);
    let name = ServerName::try_from(name.clone())
        .map_err(|_| wrong(format!("the server's name `{name}`: it is no name of a host")))?;
    Ok(Dialect {
        config: Arc::new(config),
        name,
    })
}

fn authorities(tls: &Tls) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &tls.authorities {
        let unreadable = |error| wrong(format!("the authorities {}: {error}", file.display()));
        for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
            roots
                .add(certificate.map_err(unreadable)?)
                .map_err(|error| wrong(format!("the authorities {}: {error}", file.display())))?;
        }
    } else {
        // A store may hold certificates that nobody can read; the others still count.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(wrong(
            "whom to believe: the system has no certificates of authorities; name a file of them".to_owned(),
        ));
    }
    Ok(roots)
}

fn wrong(what: String) -> Error {
    Error::Tls { what }
}

/// Believes any certificate, but checks that the server holds its key.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
