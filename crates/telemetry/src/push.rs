//! The client that brings telemetry to a collector: one connection, opened when there is something to say.
//!
//! Own, on hyper: tonic and reqwest bring a tower of layers each for one POST a second. gRPC's unary call is a
//! POST over HTTP/2 with five bytes before the message and the status in the trailers.

pub mod endpoint;

use std::time::Duration;

use bytes::Bytes;
use endpoint::Endpoint;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{io, net::TcpStream, task::JoinSet, time::timeout};

/// Of an answer; collectors answer with a few bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How it is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: by ALPN with TLS, by prior knowledge without.
    Http2,
}

/// One connection to a collector, and its POSTs.
pub struct Client {
    endpoint: Endpoint,
    version: Version,
    timeout: Duration,
    sender: Option<Sender>,
    /// The connection's own work. Dropped with the client.
    connection: JoinSet<()>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What a collector answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its head.
    pub headers: HeaderMap,
    /// Its body, up to a limit.
    pub body: Bytes,
    /// What came after the body.
    pub trailers: HeaderMap,
}

/// Why there is no answer. All of them may pass.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing came in time.
    #[error("hear from the collector in time")]
    Late,
    /// It cannot be reached.
    #[error("reach the collector")]
    Connect(#[source] io::Error),
    /// It broke off.
    #[error("speak with the collector")]
    Speak(#[source] hyper::Error),
    /// Its answer broke off or was too long.
    #[error("read the collector's answer")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Client {
    /// Not connected yet.
    pub fn new(endpoint: Endpoint, version: Version, timeout: Duration) -> Client {
        Client {
            endpoint,
            version,
            timeout,
            sender: None,
            connection: JoinSet::new(),
        }
    }

    /// Where it goes.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// POSTs a body and reads the whole answer. A connection that failed is not used again.
    pub async fn post(&mut self, target: &str, headers: &HeaderMap, body: Bytes) -> Result<Answer, Failure> {
        let answered = match timeout(self.timeout, self.exchange(target, headers, body)).await {
            Ok(answered) => answered,
            Err(_) => Err(Failure::Late),
        };
        if answered.is_err() {
            self.close();
        }
        answered
    }

    async fn exchange(&mut self, target: &str, headers: &HeaderMap, body: Bytes) -> Result<Answer, Failure> {
        let sender = match self.sender.take().filter(Sender::is_open) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let sender = self.sender.insert(sender);
        let request = request(&self.endpoint, self.version, target, headers, body);
        let response = match sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(Failure::Speak)?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.map_err(Failure::Speak)?;
                sender.send_request(request).await
            }
        };
        let (head, body) = response.map_err(Failure::Speak)?.into_parts();
        let read = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let read = read.map_err(Failure::Answer)?;
        let trailers = read.trailers().cloned().unwrap_or_default();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: read.to_bytes(),
            trailers,
        })
    }

    async fn connect(&mut self) -> Result<Sender, Failure> {
        self.close();
        let (host, port) = self.endpoint.address();
        let stream = TcpStream::connect((host, port)).await.map_err(Failure::Connect)?;
        // A batch is written at once; waiting for more only delays it.
        stream.set_nodelay(true).map_err(Failure::Connect)?;
        match self.endpoint.tls(self.version) {
            None => self.handshake(TokioIo::new(stream)).await,
            Some((connector, name)) => {
                let stream = connector.connect(name, stream).await.map_err(Failure::Connect)?;
                self.handshake(TokioIo::new(stream)).await
            }
        }
    }

    async fn handshake<S>(&mut self, io: TokioIo<S>) -> Result<Sender, Failure>
    where
        S: io::AsyncRead + io::AsyncWrite + Send + Unpin + 'static,
    {
        match self.version {
            Version::Http1 => {
                let (sender, connection) = http1::handshake(io).await.map_err(Failure::Speak)?;
                self.connection.spawn(async move {
                    // Its failure is that of the request on it, which says so.
                    let _ = connection.await;
                });
                Ok(Sender::Http1(sender))
            }
            Version::Http2 => {
                let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .handshake(io)
                    .await
                    .map_err(Failure::Speak)?;
                self.connection.spawn(async move {
                    let _ = connection.await;
                });
                Ok(Sender::Http2(sender))
            }
        }
    }

    fn close(&mut self) {
        self.sender = None;
        self.connection.abort_all();
        while self.connection.try_join_next().is_some() {}
    }
}

impl Sender {
    fn is_open(&self) -> bool {
        match self {
            Sender::Http1(sender) => !sender.is_closed(),
            Sender::Http2(sender) => !sender.is_closed(),
        }
    }
}

fn request(
    endpoint: &Endpoint,
    version: Version,
    target: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = endpoint.uri(version, target);
    *request.headers_mut() = headers.clone();
    let headers = request.headers_mut();
    if version == Version::Http1 {
        headers.insert(header::HOST, endpoint.authority());
    }
    let agent = concat!("sidequest/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    request
}

#[cfg(test)]
mod tests;
