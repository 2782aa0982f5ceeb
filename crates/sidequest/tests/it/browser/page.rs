//! The page and its server: hyper over HTTP/1.1, or over TLS with HTTP/2, which is all the HTTP/2 that browsers speak.

use std::{
    convert::Infallible,
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::{TlsAcceptor, rustls};

/// Parts of the page: five steps of six.
pub(super) const PARTS: usize = 30;

/// After which each part is answered.
pub(super) const ANSWER: Duration = Duration::from_millis(250);

const BODY: &[u8] = &[b'x'; 1_000];

/// Asks for all parts at once, and tells when each was asked for and sent.
const SCRIPT: &str = "
const parts = Array.from({length: PARTS}, (_, at) => fetch('/part/' + (at + 1)).then(part => part.arrayBuffer()));
await Promise.all(parts);
const entries = performance.getEntriesByType('resource');
await fetch('/timings', {
  method: 'POST',
  body: JSON.stringify(entries.map(entry => [entry.name, entry.fetchStart, entry.requestStart])),
});
";

/// A page that is served until the test's process ends.
pub(super) struct Page {
    address: SocketAddr,
    is_tls: bool,
    /// What the browser told, once for each time the page was loaded.
    pub(super) timings: Mutex<Receiver<Bytes>>,
}

impl Page {
    /// Over TLS if there is a directory, which is given the certificate.
    pub(super) fn serve(certificates: Option<&Path>) -> Page {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("no waiting");
        let address = listener.local_addr().expect("bound");
        let acceptor = certificates.map(acceptor);
        let is_tls = acceptor.is_some();
        let (sender, timings) = sync_channel(16);
        thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(accept(listener, acceptor, sender));
        });
        Page {
            address,
            is_tls,
            timings: Mutex::new(timings),
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }
}

fn acceptor(directory: &Path) -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    fs::write(directory.join("cert.pem"), made.cert.pem()).expect("a file");
    let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("its versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the certificate is right");
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, timings: SyncSender<Bytes>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("an option of TCP");
        let (acceptor, timings) = (acceptor.clone(), timings.clone());
        tasks.spawn(async move {
            let service = service_fn(move |request| answer(request, timings.clone()));
            // A client that leaves is no failure.
            if let Some(acceptor) = acceptor {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                }
            } else {
                let _ = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    timings: SyncSender<Bytes>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let (kind, body) = match path.as_str() {
        "/" => {
            let script = SCRIPT.replace("PARTS", &PARTS.to_string());
            // Without an icon of its own the browser would ask for one.
            let page =
                format!("<!doctype html><link rel=icon href='data:,'><script type=module>{script}</script>");
            ("text/html", Bytes::from(page))
        }
        "/timings" => {
            let body = request.into_body().collect().await.map(|body| body.to_bytes());
            // Nobody may be waiting any more.
            let _ = timings.try_send(body.unwrap_or_default());
            ("text/plain", Bytes::new())
        }
        _ => {
            tokio::time::sleep(ANSWER).await;
            ("application/octet-stream", Bytes::from_static(BODY))
        }
    };
    let answer = Response::builder()
        .header("content-type", kind)
        .header("cache-control", "no-store")
        .body(Full::new(body))
        .expect("the answer is right");
    Ok(answer)
}
