//! What an operator asks, on a port of its own: alive, ready, and the counters.

use std::{convert::Infallible, fmt::Write, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    listen::Listener,
    metric::{head, single},
    problem::{Kind, Problem},
    site::Site,
};

/// Probes and scrapers need few; more wait.
const CONNECTIONS_MAX: usize = 64;
/// A probe that waits longer than this has given up.
const PROBE_TIMEOUT: Duration = Duration::from_millis(900);

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
                        async move { Ok::<_, Infallible>(answer(&site, &request).await) }
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

async fn answer(site: &Site, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let problem = Problem::new(Kind::MethodNotAllowed, "the admin listener only answers GET");
        return refused(&problem, problem.kind.status());
    }
    match request.uri().path() {
        "/livez" => text("text/plain; charset=utf-8", "alive\n".into()),
        "/readyz" => ready(site).await,
        "/metrics" => text("text/plain; version=0.0.4; charset=utf-8", metrics(site)),
        _ => {
            let problem = Problem::new(
                Kind::UnknownRoute,
                "the admin listener has /livez, /readyz and /metrics",
            );
            refused(&problem, problem.kind.status())
        }
    }
}

/// Ready means: new requests would be answered.
async fn ready(site: &Site) -> Response<Full<Bytes>> {
    if site.is_draining() {
        let problem = Problem::new(
            Kind::Overloaded,
            "draining: the server ends when its requests have",
        );
        return refused(&problem, StatusCode::SERVICE_UNAVAILABLE);
    }
    let deadline = Instant::now() + PROBE_TIMEOUT;
    for pool in site.store.pools() {
        if let Err(error) = reach(pool, deadline).await {
            let problem = Problem::from(&error);
            return refused(&problem, StatusCode::SERVICE_UNAVAILABLE);
        }
    }
    text("text/plain; charset=utf-8", "ready\n".into())
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

fn metrics(site: &Site) -> String {
    let mut out = String::with_capacity(8 * 1024);
    site.metric.write(&mut out);
    single(
        &mut out,
        "sidequest_http_in_flight",
        "gauge",
        "Requests in work, to the last byte of their answer.",
        site.gate.in_flight(),
    );
    let pools = site.store.pools();
    type Read = fn(&store::pool::Pool) -> f64;
    let rows: [(&str, &str, &str, Read); 9] = [
        (
            "sidequest_database_statements_total",
            "counter",
            "Statements started.",
            |pool| pool.metric().statements.get() as f64,
        ),
        (
            "sidequest_database_rows_total",
            "counter",
            "Rows received.",
            |pool| pool.metric().rows.get() as f64,
        ),
        (
            "sidequest_database_connections_opened_total",
            "counter",
            "Connections opened.",
            |pool| pool.metric().connections_opened.get() as f64,
        ),
        (
            "sidequest_database_leases_total",
            "counter",
            "Connections lent to requests.",
            |pool| pool.metric().leases.get() as f64,
        ),
        (
            "sidequest_database_lease_wait_seconds_total",
            "counter",
            "Time spent waiting for a connection.",
            |pool| pool.metric().lease_wait_us.get() as f64 / 1e6,
        ),
        (
            "sidequest_database_lease_timeouts_total",
            "counter",
            "Waits for a connection that were given up.",
            |pool| pool.metric().lease_timeouts.get() as f64,
        ),
        (
            "sidequest_database_cancels_total",
            "counter",
            "Statements cancelled because nobody waits for them.",
            |pool| pool.metric().cancels.get() as f64,
        ),
        (
            "sidequest_database_connections_max",
            "gauge",
            "Size of the pool.",
            |pool| pool.connections_max() as f64,
        ),
        (
            "sidequest_database_connections_in_use",
            "gauge",
            "Connections lent now.",
            |pool| pool.in_use() as f64,
        ),
    ];
    for (name, kind, about, read) in rows {
        head(&mut out, name, kind, about);
        for pool in pools {
            let _ = writeln!(out, "{name}{{database=\"{}\"}} {}", pool.database(), read(pool));
        }
    }
    let metric = site.engine.metric();
    for (name, about, count) in [
        (
            "sidequest_analysis_documents_total",
            "Analyses answered.",
            &metric.documents,
        ),
        (
            "sidequest_analysis_batches_total",
            "Batches run.",
            &metric.batches,
        ),
        (
            "sidequest_analysis_batch_wants_total",
            "Requests' wants joined into batches.",
            &metric.batch_wants,
        ),
        (
            "sidequest_analysis_batch_ids_total",
            "Distinct ids in batches.",
            &metric.batch_ids,
        ),
        (
            "sidequest_analysis_abandoned_total",
            "Wants given up before their batch.",
            &metric.abandoned,
        ),
        (
            "sidequest_cache_hits_total",
            "Analyses answered as they were kept.",
            &metric.cache_hits,
        ),
        (
            "sidequest_cache_partial_total",
            "Analyses of which some sources were kept and the others made anew.",
            &metric.cache_partial,
        ),
        (
            "sidequest_cache_misses_total",
            "Analyses made anew although they can be kept.",
            &metric.cache_misses,
        ),
        (
            "sidequest_cache_overtaken_total",
            "Analyses whose sources changed while they were made.",
            &metric.cache_overtaken,
        ),
        (
            "sidequest_cache_evicted_total",
            "Analyses dropped to keep the bound.",
            &metric.cache_evicted,
        ),
    ] {
        single(&mut out, name, "counter", about, count.get());
    }
    let (bytes, entries) = (metric.cache_bytes.get(), metric.cache_entries.get());
    single(
        &mut out,
        "sidequest_cache_bytes",
        "gauge",
        "Bytes of analyses and compressed bodies kept now.",
        bytes as u64,
    );
    single(
        &mut out,
        "sidequest_cache_entries",
        "gauge",
        "Analyses kept now.",
        entries as u64,
    );
    out
}

fn text(kind: &'static str, body: String) -> Response<Full<Bytes>> {
    respond(StatusCode::OK, kind, body.into())
}

fn refused(problem: &Problem, status: StatusCode) -> Response<Full<Bytes>> {
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
