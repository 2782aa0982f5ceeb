//! The thread that owns the server: starts it, starts it again when it dies, stops it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tokio::sync::oneshot;

use super::{Plan, Shared, cluster, leftover, server, server::Server};
use crate::Error;

/// Events are two at most at a time: the end of the server and a wish to stop.
const EVENTS_MAX: usize = 8;

/// Replaying the log after a crash takes its time.
const START_MAX: Duration = Duration::from_secs(120);
const READY_POLL: Duration = Duration::from_millis(3);

/// Fast, immediate, and by force.
const STOP_STEPS: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(20)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];

const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// A server that ran for so long is not failing at start.
const SETTLED: Duration = Duration::from_secs(10);

const LOG_CHECK: Duration = Duration::from_secs(60);
const LOG_BYTES_MAX: u64 = 16 << 20;

/// What the keeper waits for.
#[derive(Debug)]
pub(super) enum Event {
    /// The server ended and has to be reaped.
    Exited,
    /// Stop the server, and tell when done.
    Stop(Option<oneshot::Sender<()>>),
}

type Ready = oneshot::Sender<Result<PathBuf, Error>>;

/// Starts the thread. `ready` is told the directory of the socket, or why there is none.
pub(super) fn spawn(
    plan: Plan,
    shared: Arc<Shared>,
    ready: Ready,
) -> Result<(SyncSender<Event>, JoinHandle<()>), Error> {
    let (sender, events) = sync_channel(EVENTS_MAX);
    let keeper = Keeper {
        plan,
        shared,
        events,
        sender: sender.clone(),
        socket: PathBuf::new(),
    };
    let thread = thread::Builder::new()
        .name("postgres-keeper".to_owned())
        .spawn(move || keeper.run(ready))
        .map_err(|source| Error::Spawn {
            what: "the thread that keeps PostgreSQL".to_owned(),
            source,
        })?;
    Ok((sender, thread))
}

struct Keeper {
    plan: Plan,
    shared: Arc<Shared>,
    events: Receiver<Event>,
    sender: SyncSender<Event>,
    socket: PathBuf,
}

/// Why the keeper has no server.
enum Failure {
    /// Try again.
    Failed(Error),
    /// Somebody wants an end.
    Stopped(Option<oneshot::Sender<()>>),
}

impl Keeper {
    fn run(mut self, ready: Ready) {
        let first = match cluster::prepare(&self.plan) {
            Ok(socket) => {
                self.socket = socket;
                self.start()
            }
            Err(error) => Err(Failure::Failed(error)),
        };
        let told = match first {
            Err(Failure::Failed(error)) => {
                let _ = ready.send(Err(error));
                None
            }
            Err(Failure::Stopped(done)) => done,
            // Nobody waits any more: `open` was dropped.
            Ok(server) if ready.send(Ok(self.socket.clone())).is_err() => {
                self.stop(server);
                None
            }
            Ok(server) => self.keep(server),
        };
        cluster::leave(&self.plan, &self.socket);
        if let Some(told) = told {
            let _ = told.send(());
        }
    }

    /// Keeps a server running until somebody wants an end.
    fn keep(&self, mut server: Server) -> Option<oneshot::Sender<()>> {
        let mut since = Instant::now();
        let mut backoff = BACKOFF_MIN;
        loop {
            match self.events.recv_timeout(LOG_CHECK) {
                Ok(Event::Stop(done)) => {
                    self.stop(server);
                    return done;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.stop(server);
                    return None;
                }
                Err(RecvTimeoutError::Timeout) => self.trim_log(),
                Ok(Event::Exited) => {
                    self.shared.pid.store(0, Ordering::Release);
                    let pid = server.id();
                    let how = server.reap(&self.plan);
                    tracing::error!(pid, how, "PostgreSQL ended by itself and is started again");
                    if since.elapsed() >= SETTLED {
                        backoff = BACKOFF_MIN;
                    }
                    server = match self.start_again(&mut backoff) {
                        Ok(server) => server,
                        Err(done) => return done,
                    };
                    since = Instant::now();
                }
            }
        }
    }

    fn start_again(&self, backoff: &mut Duration) -> Result<Server, Option<oneshot::Sender<()>>> {
        loop {
            let began = Instant::now();
            match self.start() {
                Ok(server) => {
                    self.shared.restarts.fetch_add(1, Ordering::Relaxed);
                    let took_ms = began.elapsed().as_millis();
                    tracing::info!(pid = server.id(), took_ms, "PostgreSQL runs again");
                    return Ok(server);
                }
                Err(Failure::Stopped(done)) => return Err(done),
                Err(Failure::Failed(error)) => {
                    tracing::error!(%error, retry_ms = backoff.as_millis(), "PostgreSQL does not start");
                }
            }
            match self.events.recv_timeout(*backoff) {
                Ok(Event::Stop(done)) => return Err(done),
                Err(RecvTimeoutError::Disconnected) => return Err(None),
                Ok(Event::Exited) | Err(RecvTimeoutError::Timeout) => {}
            }
            *backoff = (*backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// Starts a server and waits until it takes connections.
    fn start(&self) -> Result<Server, Failure> {
        let data = self.plan.data();
        leftover::clear(&data).map_err(Failure::Failed)?;
        let server = Server::spawn(&self.plan, &self.socket, &self.sender).map_err(Failure::Failed)?;
        let deadline = Instant::now() + START_MAX;
        loop {
            if server.is_ready(&data) {
                self.shared.pid.store(server.id(), Ordering::Release);
                return Ok(server);
            }
            let failed = |reason: String| {
                Failure::Failed(Error::Start {
                    directory: data.clone(),
                    reason,
                })
            };
            match self.events.recv_timeout(READY_POLL) {
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.stop(server);
                    return Err(failed(format!(
                        "it was not ready after {} s",
                        START_MAX.as_secs()
                    )));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.stop(server);
                    return Err(Failure::Stopped(None));
                }
                Ok(Event::Exited) => return Err(failed(server.reap(&self.plan))),
                Ok(Event::Stop(done)) => {
                    self.stop(server);
                    return Err(Failure::Stopped(done));
                }
            }
        }
    }

    /// Asks, insists, and kills; then reaps.
    fn stop(&self, server: Server) {
        self.shared.pid.store(0, Ordering::Release);
        for (signal, patience) in STOP_STEPS {
            server.signal(signal);
            if self.wait_for_end(patience) {
                server.reap(&self.plan);
                return;
            }
            tracing::warn!(pid = server.id(), ?signal, "PostgreSQL does not stop");
        }
        tracing::error!(pid = server.id(), "PostgreSQL cannot be stopped");
    }

    fn wait_for_end(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            match self
                .events
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(Event::Exited) => return true,
                Ok(Event::Stop(_)) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn trim_log(&self) {
        let cut = || -> Result<(), Error> {
            let path = self.plan.log();
            let file = server::open_log(&path)?;
            if file.metadata().is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
                file.set_len(0)
                    .map_err(|source| Error::path("cut", &path, source))?;
            }
            Ok(())
        };
        if let Err(error) = cut() {
            tracing::warn!(%error, "the log of PostgreSQL grows");
        }
    }
}
