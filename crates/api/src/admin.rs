//! What an operator asks, on a port of its own: alive, ready, and everything the server knows about itself.

mod log;
mod profile;
mod statements;

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use telemetry::metric::exposition::{self, Format};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    listen::Listener,
    problem::{Kind, Problem},
    site::Site,
};

/// Probes and scrapers need few; more wait.
const CONNECTIONS_MAX: usize = 64;
/// A probe that waits longer than this has given up.
const PROBE_TIMEOUT: Duration = Duration::from_millis(900);

const JSON: &str = "application/json";

/// Answers until `done`.
pub(crate) async fn serve(listener: Listener, site: Arc<Site>, done: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = done.cancelled() => break,
            Some(_) = connections.join_next() => {}
            stream = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                let site = Arc::clone(&site);
                connections.spawn(async move {
                    let service = service_fn(|request| {
                        let site = Arc::clone(&site);
                        async move { Ok::<_, Infallible>(answer(&site, request).await) }
                    });
                    let connection = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(site.config.header_timeout)
                        .serve_connection(TokioIo::new(stream), service);
                    if let Err(error) = connection.await {
                        tracing::debug!(error = %error, "admin connection failed");
                    }
                });
            }
        }
    }
}

async fn answer(site: &Site, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    // A browser sends no PUT to another's origin without asking first, and nobody answers it.
    let changes = head.method == Method::PUT && path == "/log";
    if head.method != Method::GET && head.method != Method::HEAD && !changes {
        let problem = Problem::new(
            Kind::MethodNotAllowed,
            "the admin listener answers GET, and PUT of /log",
        );
        return refused(&problem);
    }
    let answered = match path {
        "/livez" => Ok(text("text/plain; charset=utf-8", "alive\n".into())),
        "/readyz" => ready(site).await,
        "/metrics" => Ok(metrics(site, &head.headers)),
        "/traces" => Ok(json(&site.observe.tracer.list())),
        "/profile" => profile::take(site, query).await,
        "/statements" => Ok(statements::list(site).await),
        "/config" => Ok(text(JSON, site.observe.config.to_string())),
        "/log" if changes => log::set(site, body).await,
        "/log" => log::get(site),
        path => match path.strip_prefix("/traces/") {
            Some(id) => trace(site, id),
            None => Err(Problem::new(
                Kind::UnknownRoute,
                "the admin listener has /livez, /readyz, /metrics, /traces, /traces/{id}, /profile, /statements, \
                 /config and /log",
            )),
        },
    };
    answered.unwrap_or_else(|problem| refused(&problem))
}

fn metrics(site: &Site, headers: &HeaderMap) -> Response<Full<Bytes>> {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    let format = Format::negotiate(accept);
    let body = exposition::write(&site.observe.registry, format);
    text(format.content_type(), body)
}

fn trace(site: &Site, id: &str) -> Result<Response<Full<Bytes>>, Problem> {
    let found = id.parse().ok().and_then(|id| site.observe.tracer.find(id));
    match found {
        Some(trace) => Ok(json(&*trace)),
        None => Err(Problem::new(
            Kind::NotFound,
            "no trace of this id is kept: /traces lists those that are",
        )),
    }
}

/// Ready means: new requests would be answered.
async fn ready(site: &Site) -> Result<Response<Full<Bytes>>, Problem> {
    if site.is_draining() {
        return Err(Problem::new(
            Kind::Overloaded,
            "draining: the server ends when its requests have",
        ));
    }
    let deadline = Instant::now() + PROBE_TIMEOUT;
    for pool in site.store.pools() {
        if let Err(error) = reach(pool, deadline).await {
            let problem = Problem::from(&error);
            return Ok(refused_as(&problem, StatusCode::SERVICE_UNAVAILABLE));
        }
    }
    Ok(text("text/plain; charset=utf-8", "ready\n".into()))
}

/// A pool that is busy is reached: the database works.
async fn reach(pool: &store::pool::Pool, deadline: Instant) -> Result<(), store::error::Error> {
    if pool.in_use() >= pool.connections_max() {
        return Ok(());
    }
    match pool.get(deadline).await {
        Ok(_) | Err(store::error::Error::Busy { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn text(kind: &'static str, body: String) -> Response<Full<Bytes>> {
    respond(StatusCode::OK, kind, body.into())
}

fn json(value: &impl serde::Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(value).expect("what is shown has text for keys");
    respond(StatusCode::OK, JSON, body.into())
}

fn refused(problem: &Problem) -> Response<Full<Bytes>> {
    refused_as(problem, problem.kind.status())
}

fn refused_as(problem: &Problem, status: StatusCode) -> Response<Full<Bytes>> {
    respond(status, "application/problem+json", problem.document(None))
}

fn respond(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
