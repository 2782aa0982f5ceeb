//! Many clients on one backend: each client talks to one end of a pipe in memory, the bridge serves the other end.
//!
//! The backend is a mutex that is handed on in order of arrival. A client takes it for one batch (all up to the next
//! Sync or Query), and keeps it while it is in a transaction. The bridge knows the protocol's frames, and of SQL only
//! what the one backend must never see (`refusal`).

mod client;
mod frame;
mod host;
mod pipe;
mod refusal;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::SyncSender,
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    io::DuplexStream,
    sync::{Semaphore, oneshot, watch},
};

pub(crate) use pipe::Answer;

/// The one backend. It is opened, used and closed on one thread.
pub(crate) trait Backend {
    /// What a server tells about itself at the start of a session.
    fn parameters(&mut self) -> Result<Vec<(String, String)>, Fault>;

    /// Runs one batch and hands over the answer in parts. An error is the end of this backend.
    fn exchange(&mut self, request: &[u8], answer: Answer) -> Result<(), Fault>;

    /// Ends it properly.
    fn close(self) -> Result<(), Fault>;
}

/// Why a backend is of no more use.
#[derive(Debug, Clone)]
pub(crate) struct Fault(pub(crate) String);

/// The limits of one bridge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The longest wait for the backend.
    pub(crate) wait: Duration,
    /// The longest silence within a transaction: nobody else is served meanwhile.
    pub(crate) transaction_idle: Duration,
    /// The longest time that a reader may keep the backend from going on.
    pub(crate) stall: Duration,
    /// How much of an answer may wait for its reader.
    pub(crate) answer_bytes: usize,
    /// The longest batch.
    pub(crate) batch_bytes: usize,
}

/// The limits outside of tests.
pub(crate) const LIMITS: Limits = Limits {
    wait: Duration::from_secs(30),
    transaction_idle: Duration::from_secs(300),
    // Shorter than the wait: a reader that stalls must not fail the others.
    stall: Duration::from_secs(10),
    answer_bytes: 1 << 20,
    batch_bytes: 256 << 20,
};

/// The bytes in flight from a client.
const DUPLEX_BYTES: usize = 64 << 10;

/// One batch of the client whose turn it is, and a wish to stop.
const ORDERS_MAX: usize = 2;

/// A backend on its thread, with the queue before it.
#[derive(Debug)]
pub(crate) struct Bridge {
    common: Common,
    reopened: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// What each client's task holds.
#[derive(Debug, Clone)]
struct Common {
    orders: SyncSender<host::Order>,
    /// One permit: who has it may give orders.
    turn: Arc<Semaphore>,
    /// The session of the backend, and what it told about itself.
    session: watch::Receiver<Arc<host::Session>>,
    limits: Limits,
}

impl Bridge {
    /// Starts the thread and opens the backend on it.
    pub(crate) async fn open<B, F>(open: F, limits: Limits) -> Result<Self, Fault>
    where
        B: Backend + 'static,
        F: FnMut() -> Result<B, Fault> + Send + 'static,
    {
        let reopened = Arc::new(AtomicU64::new(0));
        let (ready, opened) = oneshot::channel();
        let (orders, thread) = host::spawn(open, Arc::clone(&reopened), ready)?;
        let session = opened.await.map_err(|_| Fault("its thread ended".to_owned()))??;
        let common = Common {
            orders,
            turn: Arc::new(Semaphore::new(1)),
            session,
            limits,
        };
        Ok(Self {
            common,
            reopened,
            thread: Some(thread),
        })
    }

    /// A new client's end of a pipe, and the task that serves it.
    pub(crate) fn connect(&self) -> (DuplexStream, impl Future<Output = ()> + Send + use<>) {
        let (ours, theirs) = tokio::io::duplex(DUPLEX_BYTES);
        (theirs, client::serve(ours, self.common.clone()))
    }

    /// How often the backend failed and was opened again.
    pub(crate) fn reopened(&self) -> u64 {
        self.reopened.load(Ordering::Relaxed)
    }

    /// Closes the backend, after the batch that it runs now.
    pub(crate) async fn stop(mut self, patience: Duration) {
        let Some(thread) = self.thread.take() else { return };
        let (done, stopped) = oneshot::channel();
        let _ = self.common.orders.try_send(host::Order::Stop(done));
        if tokio::time::timeout(patience, stopped).await.is_ok() {
            let _ = thread.join();
        } else {
            // Nothing interrupts a query; what it wrote is rolled back by the next opening.
            tracing::warn!("the in-process engine is busy and was left behind");
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let (done, _) = oneshot::channel();
            let _ = self.common.orders.try_send(host::Order::Stop(done));
            let _ = thread.join();
        }
    }
}
