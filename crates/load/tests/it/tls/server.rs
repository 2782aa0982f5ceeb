//! An authority of the test's own, and a server of rustls and hyper that shows its certificate.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::server::answer;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A directory of one test's certificates, gone with it.
pub(super) struct Files {
    directory: PathBuf,
    pub(super) authority: PathBuf,
}

impl Files {
    pub(super) fn new() -> Files {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("load-tls-{}-{number}", process::id()));
        fs::create_dir_all(&directory).expect("the temporary directory can be written");
        Files {
            authority: directory.join("authority.pem"),
            directory,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Signs certificates.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    /// Writes its own certificate to the files.
    pub(super) fn new(files: &Files) -> Authority {
        let mut params = CertificateParams::default();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        params
            .distinguished_name
            .push(DnType::CommonName, format!("an authority of a test, {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(&files.authority, certificate.pem()).expect("a file");
        Authority {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn sign(&self, names: Vec<String>) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names of hosts");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate, key)
    }

    /// A certificate for one of its clients: the files of chain and key.
    pub(super) fn client(&self, files: &Files, name: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.sign(vec![name.to_owned()]);
        let paths = (
            files.path(&format!("{name}.pem")),
            files.path(&format!("{name}.key")),
        );
        fs::write(&paths.0, certificate.pem()).expect("a file");
        fs::write(&paths.1, key.serialize_pem()).expect("a file");
        paths
    }
}

/// What a server offers by ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Both,
    Http1,
    /// It does not know ALPN.
    Nothing,
}

/// A server in a thread of its own, until the test's process ends.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    names: Arc<Mutex<Vec<Option<String>>>>,
}

impl Server {
    pub(super) fn start(authority: &Authority, name: &str, offer: Offer, asks_who: bool) -> Server {
        let acceptor = acceptor(authority, name, offer, asks_who);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("no waiting");
        let address = listener.local_addr().expect("bound");
        let names = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&names);
        thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(accept(listener, acceptor, kept));
        });
        Server { address, names }
    }

    /// By the name that is in the certificate, unless the test chose another.
    pub(super) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    /// What clients asked for by SNI.
    pub(super) fn names(&self) -> Vec<Option<String>> {
        self.names.lock().expect("no test panicked with it").clone()
    }
}

fn acceptor(authority: &Authority, name: &str, offer: Offer, asks_who: bool) -> TlsAcceptor {
    let (certificate, key) = authority.sign(vec![name.to_owned()]);
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("its versions");
    let builder = if asks_who {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.clone()).expect("an authority");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .expect("a verifier");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("the certificate is right");
    config.alpn_protocols = match offer {
        Offer::Both => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Offer::Http1 => vec![b"http/1.1".to_vec()],
        Offer::Nothing => Vec::new(),
    };
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, names: Arc<Mutex<Vec<Option<String>>>>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (acceptor, names) = (acceptor.clone(), Arc::clone(&names));
        tasks.spawn(async move {
            // A client that leaves is no failure, and neither is one that does not believe us.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let (_, session) = stream.get_ref();
            let is_http2 = session.alpn_protocol() == Some(b"h2");
            let name = session.server_name().map(str::to_owned);
            names.lock().expect("no test panicked with it").push(name);
            let io = TokioIo::new(stream);
            if is_http2 {
                let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(io, service_fn(answer))
                    .await;
            } else {
                let _ = hyper::server::conn::http1::Builder::new()
                    .pipeline_flush(true)
                    .serve_connection(io, service_fn(answer))
                    .await;
            }
        });
    }
}
