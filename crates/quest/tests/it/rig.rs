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
    hook::Undo,
    investigate::{Investigation, investigate},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::Semaphore,
    task::JoinSet,
};

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
    /// One request in so many is not answered.
    pub(crate) hangs_every: Option<u64>,
    /// Answers of one connection, before it says goodbye.
    pub(crate) per_connection: Option<u64>,
    /// Streams of a connection at most.
    pub(crate) streams: Option<u32>,
    /// Whom each answer asks for a byte while it holds its connection of the pool.
    pub(crate) database: Option<SocketAddr>,
}

impl Rig {
    pub(crate) fn healthy() -> Rig {
        Rig {
            pool: None,
            work: Duration::from_millis(10),
            status: 200,
            per_second: None,
            dies_after: None,
            hangs_every: None,
            per_connection: None,
            streams: None,
            database: None,
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    handler_us: AtomicU64,
    wait_us: AtomicU64,
    hold_us: AtomicU64,
    pool_max: AtomicU64,
    in_use: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

/// A server that runs; stopped when dropped.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    /// Whose text, a number, is the size of the pool: for hooks.
    pub(crate) pool_file: PathBuf,
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
        let most = rig.pool.unwrap_or(1_000);
        counters.pool_max.store(most.into(), Ordering::Relaxed);
        let pool = Arc::new(Semaphore::new(most as usize));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let pool_file = std::env::temp_dir().join(format!("quest-pool-{}-{number}", std::process::id()));
        let mut tasks = JoinSet::new();
        let resizing = resize(pool_file.clone(), Arc::clone(&pool), Arc::clone(&counters));
        tasks.spawn_on(resizing, runtime.handle());
        tasks.spawn_on(
            serve(listener, rig, pool, Arc::clone(&counters)),
            runtime.handle(),
        );
        tasks.detach_all();
        Serving {
            address,
            pool_file,
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
        let _ = std::fs::remove_file(&self.pool_file);
    }
}

/// Makes the pool as large as a file says, as a server does that reads its configuration again.
async fn resize(file: PathBuf, pool: Arc<Semaphore>, counters: Arc<Counters>) {
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let asked = std::fs::read_to_string(&file).ok();
        let Some(asked) = asked.and_then(|text| text.trim().parse::<u64>().ok()) else {
            continue;
        };
        let now = counters.pool_max.swap(asked, Ordering::Relaxed);
        if asked > now {
            pool.add_permits((asked - now) as usize);
        } else if asked < now {
            let taken = pool.acquire_many((now - asked) as u32).await;
            taken.expect("the pool is never closed").forget();
        }
    }
}

async fn serve(listener: TcpListener, rig: Rig, pool: Arc<Semaphore>, counters: Arc<Counters>) {
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
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http2().max_concurrent_streams(rig.streams);
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
        return say(200, page(counters));
    }
    let count = counters.requests.fetch_add(1, Ordering::Relaxed);
    if let Some(most) = rig.per_second {
        let allowed = 5.0 + began.elapsed().as_secs_f64() * f64::from(most);
        if count as f64 > allowed {
            counters.requests.fetch_sub(1, Ordering::Relaxed);
            return say(429, "slowly".to_owned());
        }
    }
    if rig
        .hangs_every
        .is_some_and(|every| (count + 1).is_multiple_of(every))
    {
        std::future::pending::<()>().await;
    }
    let now = counters.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    counters.most_in_flight.fetch_max(now, Ordering::Relaxed);
    let entered = Instant::now();
    let permit = pool.acquire().await.expect("the pool is never closed");
    let waited = entered.elapsed();
    counters.in_use.fetch_add(1, Ordering::Relaxed);
    let held = Instant::now();
    tokio::time::sleep(rig.work).await;
    let is_answered = match rig.database {
        Some(database) => ask(database).await.is_ok(),
        None => true,
    };
    counters
        .hold_us
        .fetch_add(held.elapsed().as_micros() as u64, Ordering::Relaxed);
    counters.in_use.fetch_sub(1, Ordering::Relaxed);
    drop(permit);
    counters
        .wait_us
        .fetch_add(waited.as_micros() as u64, Ordering::Relaxed);
    counters
        .handler_us
        .fetch_add(entered.elapsed().as_micros() as u64, Ordering::Relaxed);
    counters.in_flight.fetch_sub(1, Ordering::Relaxed);
    if !is_answered {
        return say(503, "no database".to_owned());
    }
    say(rig.status, "{\"a\":1}".to_owned())
}

async fn ask(database: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(database).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&[7]).await?;
    stream.read_u8().await?;
    Ok(())
}

/// As HikariCP and Micrometer would say it.
fn page(counters: &Counters) -> String {
    let seconds = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64 / 1e6;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let done = count(&counters.requests).saturating_sub(count(&counters.in_flight));
    format!(
        "http_server_requests_seconds_sum {}\nhttp_server_requests_seconds_count {done}\n\
         hikaricp_connections_acquire_seconds_sum {}\nhikaricp_connections_active {}\nhikaricp_connections_max {}\n\
         hikaricp_connections_usage_seconds_sum {hold}\ndb_client_operation_duration_seconds_sum {hold}\n",
        seconds(&counters.handler_us),
        seconds(&counters.wait_us),
        count(&counters.in_use),
        count(&counters.pool_max),
        hold = seconds(&counters.hold_us)
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
        connections: None,
        sources: Sources {
            metrics: Vec::new(),
            traces: Vec::new(),
            postgres: Vec::new(),
            proxy_logs: Vec::new(),
            processes: Vec::new(),
        },
        hooks: Vec::new(),
        undo: Undo::default(),
        probes: Vec::new(),
        bounds: Bounds {
            budget: Duration::from_secs(seconds),
            rate_max: 10_000.0,
            concurrency_max: 16,
            errors_max: 0.2,
            burst: 30,
            is_burst_said: false,
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
