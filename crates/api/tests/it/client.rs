//! Clients: one request a connection, or many on one of HTTP/2.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{body::Incoming, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinSet};

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) async fn get(at: SocketAddr, path: &str) -> Answer {
    ask(at, Request::get(path)).await
}

/// One request without a body on an HTTP/1 connection of its own.
pub(crate) async fn ask(at: SocketAddr, request: http::request::Builder) -> Answer {
    tell(at, request, Empty::<Bytes>::new()).await
}

/// `PUT /path` with headers and a JSON body.
pub(crate) async fn write(at: SocketAddr, what: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    send(
        at,
        what,
        &[headers, &[("content-type", "application/json")]].concat(),
        body.to_string(),
    )
    .await
}

/// The same with any body.
pub(crate) async fn send(
    at: SocketAddr,
    what: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let (method, path) = what.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    tell(at, request, Full::new(body.into())).await
}

/// One request on an HTTP/1 connection of its own.
async fn tell<B>(at: SocketAddr, request: http::request::Builder, body: B) -> Answer
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let stream = TcpStream::connect(at).await.unwrap();
    let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = request.header("host", "localhost").body(body).unwrap();
    whole(sender.send_request(request).await.unwrap()).await
}

/// An HTTP/2 connection.
pub(crate) struct Http2 {
    pub(crate) sender: conn::http2::SendRequest<Empty<Bytes>>,
    _tasks: JoinSet<Result<(), hyper::Error>>,
}

impl Http2 {
    pub(crate) async fn connect(at: SocketAddr) -> Http2 {
        let stream = TcpStream::connect(at).await.unwrap();
        let (sender, connection) = conn::http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(1024 * 1024)
            .initial_connection_window_size(64 * 1024 * 1024)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        Http2 {
            sender,
            _tasks: tasks,
        }
    }

    pub(crate) async fn begin(&self, path: &str) -> hyper::Result<http::Response<Incoming>> {
        let request = Request::get(format!("http://localhost{path}"))
            .body(Empty::new())
            .unwrap();
        self.sender.clone().send_request(request).await
    }

    pub(crate) async fn ask(&self, request: http::request::Builder) -> Answer {
        let request = request.body(Empty::new()).unwrap();
        whole(self.sender.clone().send_request(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        whole(self.begin(path).await.unwrap()).await
    }
}

pub(crate) async fn whole(response: http::Response<Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}
