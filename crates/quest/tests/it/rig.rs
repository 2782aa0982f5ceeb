//! Servers that really have what is to be found, each with a healthy twin; and quests against them.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use load::{
    config::{Bodies, Limits, Protocol, Timeouts, Tls, WINDOW_MAX, Windows},
    scenario::Scenario,
    watch::Watch,
};
use quest::{
    config::{Bounds, Config, Sources},
    error::Error,
    investigate::{Investigation, investigate},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::Semaphore, task::JoinSet};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// How a server behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rig {
    /// Connections of a pool; none for no pool.
    pub(crate) pool: Option<u32>,
    /// How long each answer works.
    pub(crate) work: Duration,
    /// What it answers.
    pub(crate) status: u16,
    /// Answers a second, before it says 429.
    pub(crate) per_second: Option<u32>,
    /// Answers before it is gone for good.
    pub(crate) dies_after: Option<u64>,
    /// Answers of one connection, before it says goodbye.
    pub(crate) per_connection: Option<u64>,
}

impl Rig {
    pub(crate) fn healthy() -> Rig {
        Rig {
            pool: None,
            work: Duration::from_millis(10),
            status: 200,
            per_second: None,
            dies_after: None,
            per_connection: None,
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    handler_us: AtomicU64,
    wait_us: AtomicU64,
    in_use: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

/// A server that runs; stopped when dropped.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    counters: Arc<Counters>,
    runtime: Option<Runtime>,
}

impl Serving {
    pub(crate) fn start(rig: Rig) -> Serving {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .expect("a free port");
        let address = listener.local_addr().expect("its address");
        let counters = Arc::new(Counters::default());
        let shared = Arc::clone(&counters);
        let mut tasks = JoinSet::new();
        tasks.spawn_on(serve(listener, rig, shared), runtime.handle());
        tasks.detach_all();
        Serving {
            address,
            counters,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn most_in_flight(&self) -> u64 {
        self.counters.most_in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.counters.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: TcpListener, rig: Rig, counters: Arc<Counters>) {
    let pool = Arc::new(Semaphore::new(
        rig.pool.map_or(Semaphore::MAX_PERMITS, |pool| pool as usize),
    ));
    let began = Instant::now();
    let mut connections = JoinSet::new();
    loop {
        let is_dead = |counters: &Counters| {
            rig.dies_after
                .is_some_and(|most| counters.requests.load(Ordering::Relaxed) >= most)
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = async {
                while !is_dead(&counters) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            } => return,
        };
        let Ok((stream, _)) = accepted else { return };
        let _ = stream.set_nodelay(true);
        let (pool, counters) = (Arc::clone(&pool), Arc::clone(&counters));
        connections.spawn(async move {
            let served = Arc::new(AtomicU64::new(0));
            let full = Arc::new(tokio::sync::Notify::new());
            let (of_service, notify) = (Arc::clone(&served), Arc::clone(&full));
            let service = service_fn(move |request: Request<Incoming>| {
                let (pool, counters) = (Arc::clone(&pool), Arc::clone(&counters));
                let (served, notify) = (Arc::clone(&of_service), Arc::clone(&notify));
                async move {
                    let answer = answer(rig, &request, &pool, &counters, began).await;
                    let count = served.fetch_add(1, Ordering::Relaxed) + 1;
                    if rig.per_connection.is_some_and(|most| count >= most) {
                        notify.notify_one();
                    }
                    Ok::<_, Infallible>(answer)
                }
            });
            let builder = Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = full.notified() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
}

async fn answer(
    rig: Rig,
    request: &Request<Incoming>,
    pool: &Semaphore,
    counters: &Counters,
    began: Instant,
) -> Response<Full<Bytes>> {
    let say = |status: u16, text: String| {
        Response::builder()
            .status(status)
            .body(Full::new(Bytes::from(text)))
            .expect("the parts are right")
    };
    if request.uri().path() == "/metrics" {
        return say(200, page(rig, counters));
    }
    let count = counters.requests.fetch_add(1, Ordering::Relaxed);
    if let Some(most) = rig.per_second {
        let allowed = 5.0 + began.elapsed().as_secs_f64() * f64::from(most);
        if count as f64 > allowed {
            counters.requests.fetch_sub(1, Ordering::Relaxed);
            return say(429, "slowly".to_owned());
        }
    }
    let now = counters.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    counters.most_in_flight.fetch_max(now, Ordering::Relaxed);
    let entered = Instant::now();
    let permit = pool.acquire().await.expect("the pool is never closed");
    let waited = entered.elapsed();
    counters.in_use.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(rig.work).await;
    counters.in_use.fetch_sub(1, Ordering::Relaxed);
    drop(permit);
    counters
        .wait_us
        .fetch_add(waited.as_micros() as u64, Ordering::Relaxed);
    counters
        .handler_us
        .fetch_add(entered.elapsed().as_micros() as u64, Ordering::Relaxed);
    counters.in_flight.fetch_sub(1, Ordering::Relaxed);
    say(rig.status, "{\"a\":1}".to_owned())
}

/// As HikariCP and Micrometer would say it.
fn page(rig: Rig, counters: &Counters) -> String {
    let seconds = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64 / 1e6;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let done = count(&counters.requests).saturating_sub(count(&counters.in_flight));
    format!(
        "http_server_requests_seconds_sum {}\nhttp_server_requests_seconds_count {done}\n\
         hikaricp_connections_acquire_seconds_sum {}\nhikaricp_connections_active {}\nhikaricp_connections_max {}\n",
        seconds(&counters.handler_us),
        seconds(&counters.wait_us),
        count(&counters.in_use),
        rig.pool.unwrap_or(1_000)
    )
}

/// A directory of one test's own; gone with the test.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Directory {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("quest-it-{}-{number}", std::process::id()));
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a quest of so many seconds is made of.
pub(crate) fn config(url: &str, out: &Directory, seconds: u64) -> Config {
    Config {
        scenario: Scenario::get(url).expect("the URL is right"),
        url: url.to_owned(),
        load: load::config::Config {
            threads: 1,
            clients: 1,
            streams: 1,
            protocol: Protocol::Http1,
            bodies: Bodies::Read,
            windows: Windows {
                stream: WINDOW_MAX,
                connection: WINDOW_MAX,
            },
            header_table_bytes: 4_096,
            encoder_table_bytes: 4_096,
            timeouts: Timeouts {
                connect: Duration::from_secs(5),
                request: Duration::from_secs(10),
                inactivity: None,
                age: None,
            },
            tls: Tls {
                insecure: false,
                server_name: None,
                authorities: None,
                client: None,
            },
            connect_to: None,
            traceparent: false,
            seed: 1,
            limits: Limits {
                head_bytes_max: 65_536,
                informational_max: 10,
                refused_max: 10,
                connect_attempts_max: 3,
                slowest_listed_max: 0,
                connections_listed_max: 1_000,
            },
            samples: None,
        },
        sources: Sources {
            metrics: Vec::new(),
            postgres: Vec::new(),
            processes: Vec::new(),
        },
        bounds: Bounds {
            budget: Duration::from_secs(seconds),
            rate_max: 10_000.0,
            concurrency_max: 16,
            errors_max: 0.2,
            burst: 30,
            allow_writes: false,
        },
        out: out.0.clone(),
        began: "2026-01-01T00:00:00Z".to_owned(),
        seed: 1,
        version: "0".to_owned(),
    }
}

pub(crate) fn quest(config: &Config) -> Result<Investigation, Error> {
    investigate(config, &Watch::new(), &mut |_| {})
}
