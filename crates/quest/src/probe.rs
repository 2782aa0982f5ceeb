//! A proxy of ours in the path to a party, that can add time to it: what depends on that path grows by what was
//! added, and what does not stays.
//!
//! The user points the target at it (its database, say) before it is asked. Time is added to what goes to the party,
//! so each round trip takes so much longer and bytes keep their order and pace. Threads, because a timer of a
//! millisecond's grain could not add a millisecond.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Connections through one probe; more are refused.
const CONNECTIONS_MAX: usize = 1_000;

/// Chunks on their way in one direction: what is read and not yet due.
const CHUNKS_MAX: usize = 256;

/// Bytes of one chunk.
const CHUNK_BYTES: usize = 64 * 1_024;

/// Nobody waits longer for a party that does not answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Where a probe stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The party behind it: `database`, `downstream`.
    pub path: String,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where the party is.
    pub to: SocketAddr,
}

/// A proxy that runs. Dropped, it ends, and so do the connections through it.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) path: String,
    address: SocketAddr,
    inner: Arc<Inner>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    to: SocketAddr,
    added_us: AtomicU64,
    is_over: AtomicBool,
    is_used: AtomicBool,
    /// Both ends of every connection, to be able to end them.
    open: Mutex<Vec<(TcpStream, TcpStream)>>,
}

impl Probe {
    /// Listens.
    pub(crate) fn open(place: &Place) -> Result<Probe, String> {
        let listener = TcpListener::bind(place.listen)
            .map_err(|error| format!("cannot listen on {}: {error}", place.listen))?;
        let address = listener
            .local_addr()
            .map_err(|error| format!("has no address: {error}"))?;
        let inner = Arc::new(Inner {
            to: place.to,
            added_us: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            is_used: AtomicBool::new(false),
            open: Mutex::new(Vec::new()),
        });
        let shared = Arc::clone(&inner);
        let acceptor = thread::spawn(move || accept(&listener, &shared));
        Ok(Probe {
            path: place.path.clone(),
            address,
            inner,
            acceptor: Some(acceptor),
        })
    }

    /// Adds so much to each way to the party from now on.
    pub(crate) fn add(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.inner.added_us.store(us, Ordering::Relaxed);
    }

    /// Whether anything went through it: whoever was not pointed at it is not changed by it.
    pub(crate) fn is_used(&self) -> bool {
        self.inner.is_used.load(Ordering::Relaxed)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.inner.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect_timeout(&self.address, CONNECT_MAX);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for (near, far) in lock(&self.inner).drain(..) {
            let _ = near.shutdown(Shutdown::Both);
            let _ = far.shutdown(Shutdown::Both);
        }
    }
}

fn lock(inner: &Inner) -> std::sync::MutexGuard<'_, Vec<(TcpStream, TcpStream)>> {
    inner.open.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, inner: &Arc<Inner>) {
    for near in listener.incoming() {
        if inner.is_over.load(Ordering::Relaxed) {
            return;
        }
        let Ok(near) = near else { continue };
        let mut open = lock(inner);
        // Those that ended have no peer any more.
        open.retain(|(near, _)| near.peer_addr().is_ok());
        if open.len() >= CONNECTIONS_MAX {
            continue;
        }
        let Ok(far) = TcpStream::connect_timeout(&inner.to, CONNECT_MAX) else {
            continue;
        };
        if let (Ok(near_kept), Ok(far_kept)) = (near.try_clone(), far.try_clone()) {
            open.push((near_kept, far_kept));
            inner.is_used.store(true, Ordering::Relaxed);
            drop(open);
            carry(near, far, inner);
        }
    }
}

/// Four threads for each connection: two that read, two that write when it is time.
fn carry(near: TcpStream, far: TcpStream, inner: &Arc<Inner>) {
    let _ = near.set_nodelay(true);
    let _ = far.set_nodelay(true);
    let (Ok(near_in), Ok(far_in)) = (near.try_clone(), far.try_clone()) else {
        return;
    };
    for (from, to, inner) in [(near_in, far, Some(Arc::clone(inner))), (far_in, near, None)] {
        let (sender, chunks) = sync_channel(CHUNKS_MAX);
        // They end with their connection, which the probe ends at the latest.
        drop(thread::spawn(move || take(from, &sender, inner.as_deref())));
        drop(thread::spawn(move || give(to, &chunks)));
    }
}

/// Bytes, and when they are due.
type Chunk = (Instant, Vec<u8>);

fn take(mut from: TcpStream, sender: &SyncSender<Chunk>, inner: Option<&Inner>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            return;
        }
        let added = inner.map_or(0, |inner| inner.added_us.load(Ordering::Relaxed));
        let due = Instant::now() + Duration::from_micros(added);
        if sender.send((due, buffer[..count].to_vec())).is_err() {
            return;
        }
    }
}

fn give(mut to: TcpStream, chunks: &Receiver<Chunk>) {
    for (due, bytes) in chunks {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    // Whoever sent them has ended: what is behind must learn it, and so must the one in front.
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests;
