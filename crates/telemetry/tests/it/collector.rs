//! A collector in the test: takes POSTs over HTTP/1.1 and HTTP/2, and behaves as it is told.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{rt::TokioExecutor, rt::TokioIo, server::conn::auto};
use tokio::{net::TcpListener, sync::Notify, task::JoinSet};

/// What it answers to the n-th request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Takes it.
    Take,
    /// A status of HTTP.
    Status(u16),
    /// A status of gRPC, in the trailers.
    Grpc(u16),
    /// Reads and says nothing, for ever.
    Silent,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A collector that listens on loopback until it is dropped.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

struct Seen {
    behaviours: Vec<Behaviour>,
    count: AtomicUsize,
    taken: Mutex<Vec<Taken>>,
    news: Notify,
}

impl Collector {
    /// The last behaviour goes on.
    pub(crate) async fn start(behaviours: &[Behaviour]) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            behaviours: behaviours.to_vec(),
            count: AtomicUsize::new(0),
            taken: Mutex::new(Vec::new()),
            news: Notify::new(),
        });
        let mut tasks = JoinSet::new();
        let site = Arc::clone(&seen);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let site = Arc::clone(&site);
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&site), request));
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Collector {
            address,
            seen,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests came, whatever became of them.
    pub(crate) fn count(&self) -> usize {
        self.seen.count.load(Ordering::SeqCst)
    }

    /// Waits until so many were taken.
    pub(crate) async fn taken(&self, count: usize) -> Vec<Taken> {
        self.until(|| self.seen.taken.lock().unwrap().len() >= count)
            .await;
        self.seen.taken.lock().unwrap().clone()
    }

    /// Waits until so many came.
    pub(crate) async fn came(&self, count: usize) {
        self.until(|| self.count() >= count).await;
    }

    async fn until(&self, reached: impl Fn() -> bool) {
        loop {
            let news = self.seen.news.notified();
            if reached() {
                return;
            }
            news.await;
        }
    }
}

async fn answer(
    seen: Arc<Seen>,
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let at = seen.count.fetch_add(1, Ordering::SeqCst);
    let behaviour = *seen.behaviours.get(at).or(seen.behaviours.last()).unwrap();
    let (head, body) = request.into_parts();
    let grpc = head
        .headers
        .get("content-type")
        .is_some_and(|kind| kind == "application/grpc");
    let body = body.collect().await.unwrap().to_bytes();
    if behaviour == Behaviour::Take {
        seen.taken.lock().unwrap().push(Taken {
            target: head.uri.path_and_query().unwrap().to_string(),
            headers: head.headers,
            body,
        });
    }
    seen.news.notify_one();
    let status = match behaviour {
        Behaviour::Take => 0_u16,
        Behaviour::Grpc(status) => status,
        Behaviour::Status(status) => {
            let mut response = Response::new(Full::default().boxed());
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            return Ok(response);
        }
        Behaviour::Silent => std::future::pending().await,
    };
    if !grpc {
        return Ok(Response::new(Full::default().boxed()));
    }
    // An empty message, and the status after it.
    let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(async move {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from(status));
        Some(Ok(trailers))
    });
    let mut response = Response::new(body.boxed());
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}
