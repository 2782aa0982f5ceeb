//! The thread that owns the backend: it opens it, runs one batch at a time, and opens it again when it failed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::{Answer, Backend, Fault, ORDERS_MAX, frame};

/// PostgreSQL as WebAssembly recurses on this stack.
const STACK_BYTES: usize = 64 << 20;

/// How often a backend that cannot be opened is tried again.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

/// One life of the backend.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) number: u64,
    pub(super) parameters: Vec<(String, String)>,
}

/// What the host is asked for.
#[derive(Debug)]
pub(super) enum Order {
    Run(Batch),
    Stop(oneshot::Sender<()>),
}

/// One batch of a client whose turn it is.
#[derive(Debug)]
pub(super) struct Batch {
    /// The session that the client belongs to.
    pub(super) session: u64,
    pub(super) request: Bytes,
    pub(super) answer: Answer,
    pub(super) turn: OwnedSemaphorePermit,
    /// Whether the client had no turn before, hence must meet no open transaction.
    pub(super) fresh: bool,
    pub(super) done: oneshot::Sender<Done>,
}

/// How a batch ended.
#[derive(Debug)]
pub(super) enum Done {
    /// The next client may come.
    Idle,
    /// The client is in a transaction and keeps its turn.
    InTransaction(OwnedSemaphorePermit),
    Failed(Fault),
}

type Ready = oneshot::Sender<Result<watch::Receiver<Arc<Session>>, Fault>>;

/// Starts the thread. `ready` is told the session, or why there is none.
pub(super) fn spawn<B, F>(
    mut open: F,
    reopened: Arc<AtomicU64>,
    ready: Ready,
) -> Result<(SyncSender<Order>, JoinHandle<()>), Fault>
where
    B: Backend + 'static,
    F: FnMut() -> Result<B, Fault> + Send + 'static,
{
    let (sender, orders) = sync_channel(ORDERS_MAX);
    let run = move || {
        let opened = guarded(|| opened(&mut open));
        let (backend, parameters) = match opened {
            Ok(opened) => opened,
            Err(fault) => {
                let _ = ready.send(Err(fault));
                return;
            }
        };
        let (session, watched) = watch::channel(Arc::new(Session {
            number: 0,
            parameters,
        }));
        let host = Host {
            open,
            backend: Some(backend),
            idle: true,
            tried: Instant::now(),
            session,
            reopened,
        };
        // Nobody waits any more where this fails; the orders end at once then.
        let _ = ready.send(Ok(watched));
        host.serve(&orders);
    };
    let builder = thread::Builder::new()
        .name("postgres-engine".to_owned())
        .stack_size(STACK_BYTES);
    let thread = builder
        .spawn(run)
        .map_err(|error| Fault(format!("its thread does not start: {error}")))?;
    Ok((sender, thread))
}

fn opened<B: Backend>(
    open: &mut impl FnMut() -> Result<B, Fault>,
) -> Result<(B, Vec<(String, String)>), Fault> {
    let mut backend = open()?;
    let parameters = backend.parameters()?;
    Ok((backend, parameters))
}

/// A panic of the backend is a fault of the backend.
fn guarded<T>(act: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err(Fault("it panicked".to_owned())))
}

struct Host<B, F> {
    open: F,
    /// None: it failed and could not be opened again yet.
    backend: Option<B>,
    /// Whether the backend is outside of any transaction.
    idle: bool,
    /// When it was last tried to open it.
    tried: Instant,
    session: watch::Sender<Arc<Session>>,
    reopened: Arc<AtomicU64>,
}

impl<B, F> Host<B, F>
where
    B: Backend,
    F: FnMut() -> Result<B, Fault>,
{
    fn serve(mut self, orders: &Receiver<Order>) {
        let done = loop {
            match orders.recv() {
                Ok(Order::Run(batch)) => self.run(batch),
                Ok(Order::Stop(done)) => break Some(done),
                Err(_) => break None,
            }
        };
        if let Some(backend) = self.backend.take()
            && let Err(Fault(reason)) = guarded(|| backend.close())
        {
            tracing::warn!(reason, "the in-process engine did not close properly");
        }
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    fn run(&mut self, batch: Batch) {
        let Batch {
            session,
            request,
            answer,
            turn,
            fresh,
            done,
        } = batch;
        let result = self.exchange(session, &request, &answer, fresh);
        let status = answer.end();
        let told = match (result, status) {
            (Ok(()), Some(frame::IDLE)) => {
                self.idle = true;
                drop(turn);
                Done::Idle
            }
            (Ok(()), Some(_)) => {
                self.idle = false;
                Done::InTransaction(turn)
            }
            (Ok(()), None) => {
                let fault = Fault("it did not end its answer".to_owned());
                self.fail(&fault);
                Done::Failed(fault)
            }
            (Err(fault), _) => Done::Failed(fault),
        };
        // Nobody waits where the client's task was aborted; `fresh` of the next batch sees to its transaction.
        let _ = done.send(told);
    }

    fn exchange(&mut self, session: u64, request: &[u8], answer: &Answer, fresh: bool) -> Result<(), Fault> {
        if self.backend.is_none() && self.tried.elapsed() >= REOPEN_EVERY {
            self.reopen();
        }
        let Some(backend) = &mut self.backend else {
            return Err(Fault("it failed and does not open again".to_owned()));
        };
        if session != self.session.borrow().number {
            return Err(Fault("it failed and was opened again".to_owned()));
        }
        let result = guarded(|| {
            if fresh && !self.idle {
                roll_back(backend)?;
            }
            backend.exchange(request, answer.clone())
        });
        if let Err(fault) = &result {
            self.fail(fault);
        }
        result
    }

    fn fail(&mut self, fault: &Fault) {
        tracing::error!(
            reason = fault.0,
            "the in-process engine failed and is opened again"
        );
        if let Some(backend) = self.backend.take() {
            // It failed already, so this may, too.
            let _ = guarded(|| backend.close());
        }
        self.reopen();
    }

    /// A new session: whoever belongs to the old one is sent away, its prepared statements are gone.
    fn reopen(&mut self) {
        self.tried = Instant::now();
        self.idle = true;
        match guarded(|| opened(&mut self.open)) {
            Ok((backend, parameters)) => {
                self.backend = Some(backend);
                self.reopened.fetch_add(1, Ordering::Relaxed);
                let number = self.session.borrow().number + 1;
                self.session
                    .send_replace(Arc::new(Session { number, parameters }));
            }
            Err(Fault(reason)) => tracing::error!(reason, "the in-process engine does not open"),
        }
    }
}

/// Ends the transaction of a client that vanished amid it.
fn roll_back(backend: &mut impl Backend) -> Result<(), Fault> {
    let answer = Answer::unread();
    backend.exchange(&frame::query("ROLLBACK"), answer.clone())?;
    match answer.end() {
        Some(frame::IDLE) => Ok(()),
        _ => Err(Fault("it does not roll back".to_owned())),
    }
}
