//! One small GET at a time over a connection that is kept: metrics pages, and probes beside the load.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use load::target::{Scheme, Target};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::{Builder, Runtime},
    task::JoinSet,
};

/// Bytes of one answer at most.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Asks one URL again and again.
#[derive(Debug)]
pub struct Fetcher {
    target: Target,
    path: String,
    headers: Vec<(String, String)>,
    tls: Option<Arc<rustls::ClientConfig>>,
    sender: Option<SendRequest<Empty<Bytes>>>,
    connections: JoinSet<()>,
    runtime: Runtime,
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Fetcher {
    /// Nothing is connected yet.
    pub fn new(url: &str, headers: Vec<(String, String)>, believe_any: bool) -> Result<Fetcher, String> {
        let (target, path) = Target::parse(url).map_err(|error| error.to_string())?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let tls = match target.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(Arc::new(crate::tls::client(believe_any)?)),
        };
        Ok(Fetcher {
            target,
            path,
            headers,
            tls,
            sender: None,
            connections: JoinSet::new(),
            runtime,
        })
    }

    /// Asks another path of the same server.
    pub fn aim(&mut self, path: String) {
        self.path = path;
    }

    /// Asks once. A connection that the server has closed since is made anew.
    pub fn get(&mut self, patience: Duration) -> Result<Answer, String> {
        let Fetcher {
            target,
            path,
            headers,
            tls,
            sender,
            connections,
            runtime,
        } = self;
        runtime.block_on(async {
            let was_open = sender.is_some();
            let late = |_| format!("did not answer within {} ms", patience.as_millis());
            let tls = tls.as_ref();
            let first = ask(target, path, headers, tls, sender.take(), connections);
            let answer = match tokio::time::timeout(patience, first).await.map_err(late)? {
                Err(_) if was_open => {
                    let second = ask(target, path, headers, tls, None, connections);
                    tokio::time::timeout(patience, second).await.map_err(late)?
                }
                other => other,
            };
            let (answer, kept) = answer?;
            *sender = kept;
            Ok(answer)
        })
    }
}

async fn ask(
    target: &Target,
    path: &str,
    headers: &[(String, String)],
    tls: Option<&Arc<rustls::ClientConfig>>,
    sender: Option<SendRequest<Empty<Bytes>>>,
    connections: &mut JoinSet<()>,
) -> Result<(Answer, Option<SendRequest<Empty<Bytes>>>), String> {
    let mut sender = match sender {
        Some(sender) if sender.is_ready() => sender,
        Some(_) | None => connect(target, tls, connections).await?,
    };
    let mut request = http::Request::get(path);
    // Who sends a host of its own means it.
    if headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        request = request.header("host", &target.authority);
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Empty::new())
        .map_err(|error| format!("cannot be asked: {error}"))?;
    let answer = sender.send_request(request).await.map_err(chain)?;
    let status = answer.status().as_u16();
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    let answer = Answer {
        status,
        headers,
        body,
    };
    // A connection that is about to be closed says so by not becoming ready.
    let kept = sender.ready().await.is_ok().then_some(sender);
    Ok((answer, kept))
}

async fn connect(
    target: &Target,
    tls: Option<&Arc<rustls::ClientConfig>>,
    connections: &mut JoinSet<()>,
) -> Result<SendRequest<Empty<Bytes>>, String> {
    let stream = TcpStream::connect((target.host.as_str(), target.port))
        .await
        .map_err(|error| error.to_string())?;
    let _ = stream.set_nodelay(true);
    match tls {
        None => open(stream, connections).await,
        Some(config) => {
            let name = ServerName::try_from(target.host.clone()).map_err(|error| error.to_string())?;
            let stream = tokio_rustls::TlsConnector::from(Arc::clone(config))
                .connect(name, stream)
                .await
                .map_err(|error| error.to_string())?;
            open(stream, connections).await
        }
    }
}

async fn open(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connections: &mut JoinSet<()>,
) -> Result<SendRequest<Empty<Bytes>>, String> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(chain)?;
    // The one before has ended, or nobody holds its sender any more.
    connections.abort_all();
    connections.spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn chain(error: hyper::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
