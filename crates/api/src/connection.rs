//! One connection of the API: TLS, HTTP/1.1 or HTTP/2, until it is done, too old, stalled or drained.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::{rt::Executor, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::{
    config::Config,
    gather::{Gathered, Traffic, gather},
    layer,
    metric::Limit,
    site::Site,
};

/// What a client may send of one body, and of all bodies, before we have read it.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// Of one answer, what waits in h2 for the gathering buffer.
const SEND_BYTES_MAX: usize = 1024 * 1024;
/// Streams that a client resets before we have looked at them; more close the connection (CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 200;
/// Streams that we reset for the client's faults; more close the connection.
const ERROR_RESETS_MAX: usize = 1024;
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// A new connection's first request may be on its way when we drain.
const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(500);
/// Length of `PRI * HTTP/2.0..`, of which HTTP/1 or HTTP/2 is told.
const PREFACE_BYTES: u64 = 24;
/// How often a connection is looked at.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A connection as its requests know it.
#[derive(Debug)]
pub(crate) struct Wire {
    began: Instant,
    requests: AtomicU64,
    open: AtomicU64,
    /// Milliseconds since `began` at which HTTP last asked an answer for bytes.
    touched_ms: AtomicU64,
}

impl Wire {
    fn new() -> Arc<Wire> {
        Arc::new(Wire {
            began: Instant::now(),
            requests: AtomicU64::new(0),
            open: AtomicU64::new(0),
            touched_ms: AtomicU64::new(0),
        })
    }

    /// A request begins; how many are open with it.
    pub(crate) fn joined(&self) -> u64 {
        self.touch();
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A request has ended.
    pub(crate) fn left(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// The client can take more: it is not what we wait for.
    pub(crate) fn touch(&self) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.touched_ms.store(ms, Ordering::Relaxed);
    }

    fn touched_at(&self) -> Instant {
        self.began + Duration::from_millis(self.touched_ms.load(Ordering::Relaxed))
    }
}

/// HTTP's settings, made once.
pub(crate) struct Http {
    builder: Builder<Tasks>,
    tls: Option<TlsAcceptor>,
}

impl Http {
    pub(crate) fn new(config: &Config, tasks: TaskTracker, tls: Option<TlsAcceptor>) -> Http {
        let mut builder = Builder::new(Tasks(tasks));
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(config.header_timeout)
            .max_buf_size(config.header_bytes_max);
        builder
            .http2()
            .timer(TokioTimer::new())
            // hyper's 200 makes three waves of 500 requests.
            .max_concurrent_streams(config.streams_max)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(SEND_BYTES_MAX)
            // Twice the limit, which is then ours to say and to count: h2 counts 32 bytes more a header.
            .max_header_list_size(u32::try_from(config.header_bytes_max * 2).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
            .max_local_error_reset_streams(ERROR_RESETS_MAX)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        Http { builder, tls }
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(stream: TcpStream, site: Arc<Site>, http: Arc<Http>) {
    site.metric.connections.add(1);
    site.metric.connections_open.add(1);
    let ended = match &http.tls {
        None => Box::pin(speak(stream, &site, &http.builder)).await,
        Some(tls) => match timeout(site.config.header_timeout, tls.accept(stream)).await {
            Ok(Ok(stream)) => Box::pin(speak(stream, &site, &http.builder)).await,
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        },
    };
    if let Err(error) = ended {
        site.metric.connections_failed.add(1);
        let of_http = error.downcast_ref::<hyper::Error>();
        if of_http.is_some_and(hyper::Error::is_parse_too_large) {
            site.metric.bound(Limit::HeaderBytes);
        }
        tracing::debug!(error = %error, "connection failed");
    }
    site.metric.connections_open.subtract(1);
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn speak<T>(io: T, site: &Arc<Site>, builder: &Builder<Tasks>) -> Result<(), BoxError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let wire = Wire::new();
    let service = service_fn(|request| {
        let answer = layer::answer(Arc::clone(site), Arc::clone(&wire), request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let (gather, outlet) = gather(io);
    let mut gathered = Gathered::new(builder.serve_connection(TokioIo::new(gather), service), outlet);
    let mut check = interval(CHECK_INTERVAL);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut checked = gathered.outlet().traffic();
    let mut leave_at = wire.began + site.config.connection_age_max;
    let (mut closing, mut leaving) = (false, false);
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut gathered => break ended,
            () = site.closing.cancelled(), if !closing => {
                closing = true;
                let new = wire.requests.load(Ordering::Relaxed) == 0;
                leave_at = if new { wire.began + FIRST_REQUEST_GRACE } else { Instant::now() };
            }
            () = sleep_until(leave_at), if !leaving => {
                // HTTP/2: GOAWAY in two steps, so that no request on its way is lost. HTTP/1: the
                // connection ends after the answer it is at.
                leaving = true;
                gathered.connection().graceful_shutdown();
            }
            _ = check.tick() => {
                let traffic = gathered.outlet().traffic();
                if traffic.writes == checked.writes {
                    gathered.outlet().release();
                }
                checked = traffic;
                if is_stalled(&site.config, &wire, &traffic) {
                    site.metric.connections_stalled.add(1);
                    break Err(io::Error::from(io::ErrorKind::TimedOut).into());
                }
            }
        }
    };
    let traffic = gathered.outlet().traffic();
    site.metric.written_bytes.add(traffic.written_bytes);
    site.metric.writes.add(traffic.writes);
    ended
}

/// A client that says nothing at first, or takes nothing of what it asked for.
fn is_stalled(config: &Config, wire: &Wire, traffic: &Traffic) -> bool {
    let silent = traffic.read_bytes < PREFACE_BYTES && wire.requests.load(Ordering::Relaxed) == 0;
    if silent && wire.began.elapsed() > config.header_timeout {
        return true;
    }
    // An answer in the making also leaves the connection still, but not longer than a request may take.
    let patience = config.stall_max.max(config.request_timeout + CHECK_INTERVAL);
    let waiting = wire.open.load(Ordering::Relaxed) > 0 || traffic.refused;
    waiting && wire.touched_at().max(traffic.written_at).elapsed() > patience
}

/// Runs the streams of HTTP/2 as tasks that the server waits for.
#[derive(Clone)]
struct Tasks(TaskTracker);

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
