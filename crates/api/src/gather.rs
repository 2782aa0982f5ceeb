//! Gathers what one poll of a connection writes into few large writes.
//!
//! h2 hands over one frame of 16 kB at a time and flushes after each (hyperium/h2 #902), so 500
//! answers of 155 kB are 5,000 system calls. Here a write only appends to a buffer, a flush is
//! only recorded, and [`Gathered`] really writes once the connection has been polled.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use crate::refusal;

/// More than this waits for the socket; also the size of the largest write.
const BUFFER_BYTES_MAX: usize = 256 * 1024;
/// A write of this size on an empty buffer goes to the socket without being copied.
const THROUGH_BYTES_MIN: usize = 64 * 1024;
/// What a client that was refused may still send before we hang up: without reading it, the
/// kernel resets the connection and the client never sees why.
const LINGER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The side that HTTP reads from and writes to.
pub(crate) struct Gather<T> {
    shared: Arc<Mutex<Shared<T>>>,
}

/// The side that really writes, and knows how the connection fares.
pub(crate) struct Outlet<T> {
    shared: Arc<Mutex<Shared<T>>>,
}

/// A connection's future, which writes what was gathered after each of its polls.
pub(crate) struct Gathered<C, T> {
    connection: Pin<Box<C>>,
    outlet: Outlet<T>,
}

/// Bytes and calls since the connection began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    pub(crate) read_bytes: u64,
    pub(crate) written_bytes: u64,
    pub(crate) writes: u64,
    /// When the peer last took a byte.
    pub(crate) written_at: Instant,
    /// HTTP could not parse what came and hangs up.
    pub(crate) refused: bool,
}

/// Both sides of an IO, for one connection.
pub(crate) fn gather<T>(io: T) -> (Gather<T>, Outlet<T>) {
    let traffic = Traffic {
        read_bytes: 0,
        written_bytes: 0,
        writes: 0,
        written_at: Instant::now(),
        refused: false,
    };
    let shared = Arc::new(Mutex::new(Shared {
        io,
        buffer: Vec::new(),
        start: 0,
        unflushed: false,
        blocked: false,
        lingered_bytes: 0,
        traffic,
    }));
    (
        Gather {
            shared: Arc::clone(&shared),
        },
        Outlet { shared },
    )
}

impl<C, T> Gathered<C, T> {
    pub(crate) fn new(connection: C, outlet: Outlet<T>) -> Self {
        Gathered {
            connection: Box::pin(connection),
            outlet,
        }
    }

    pub(crate) fn connection(&mut self) -> Pin<&mut C> {
        self.connection.as_mut()
    }

    pub(crate) fn outlet(&self) -> &Outlet<T> {
        &self.outlet
    }
}

impl<C, T, E> Future for Gathered<C, T>
where
    C: Future<Output = Result<(), E>>,
    T: AsyncRead + AsyncWrite + Unpin,
    E: From<io::Error>,
{
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let done = this.connection.as_mut().poll(cx);
            let mut shared = lock(&this.outlet.shared);
            let drained = shared.poll_drain(cx);
            match (done, drained) {
                (Poll::Ready(done), _) => return Poll::Ready(done),
                (Poll::Pending, Poll::Ready(Err(error))) => return Poll::Ready(Err(error.into())),
                // The connection waits for room that this drain has made, and no waker of the
                // socket's will tell it so.
                (Poll::Pending, _) if shared.blocked && shared.room() > 0 => shared.blocked = false,
                (Poll::Pending, _) => return Poll::Pending,
            }
        }
    }
}

impl<T> Outlet<T> {
    pub(crate) fn traffic(&self) -> Traffic {
        lock(&self.shared).traffic
    }

    /// Gives the memory of an idle connection back.
    pub(crate) fn release(&self) {
        let mut shared = lock(&self.shared);
        if shared.waiting() == 0 {
            shared.buffer = Vec::new();
            shared.start = 0;
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gather<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.shared);
        let before = buf.filled().len();
        ready!(Pin::new(&mut shared.io).poll_read(cx, buf))?;
        shared.traffic.read_bytes += (buf.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gather<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        lock(&self.shared).poll_append(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.shared);
        ready!(shared.poll_drain(cx))?;
        ready!(Pin::new(&mut shared.io).poll_shutdown(cx))?;
        if shared.traffic.refused {
            shared.poll_linger(cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }
}

struct Shared<T> {
    io: T,
    /// Invariant: `start <= buffer.len()`; what lies before `start` is written.
    buffer: Vec<u8>,
    start: usize,
    unflushed: bool,
    /// HTTP was told to wait for room.
    blocked: bool,
    lingered_bytes: usize,
    traffic: Traffic,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Shared<T> {
    fn poll_append(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let asked: usize = bufs.iter().map(|buf| buf.len()).sum();
        if self.waiting() == 0 {
            if let Some(first) = bufs.first()
                && let Some(told) = refusal::explain(first)
            {
                self.traffic.refused = true;
                self.buffer.extend_from_slice(&told);
                return Poll::Ready(Ok(asked));
            }
            if asked >= THROUGH_BYTES_MIN {
                let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
                self.wrote(written);
                return Poll::Ready(Ok(written));
            }
        }
        if self.room() == 0
            && let Poll::Ready(Err(error)) = self.poll_drain(cx)
        {
            return Poll::Ready(Err(error));
        }
        let mut room = self.room();
        if room == 0 {
            self.blocked = true;
            return Poll::Pending;
        }
        let mut appended = 0;
        for buf in bufs {
            let part = &buf[..buf.len().min(room)];
            self.buffer.extend_from_slice(part);
            room -= part.len();
            appended += part.len();
        }
        Poll::Ready(Ok(appended))
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.start < self.buffer.len() {
            let written = match Pin::new(&mut self.io).poll_write(cx, &self.buffer[self.start..]) {
                Poll::Ready(written) => written?,
                Poll::Pending => {
                    self.compact();
                    return Poll::Pending;
                }
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.start += written;
            self.wrote(written);
        }
        self.buffer.clear();
        self.start = 0;
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and forgets what a refused client still sends, until it has seen our answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 16 * 1024];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
            self.lingered_bytes += buf.filled().len();
            if buf.filled().is_empty() || self.lingered_bytes > LINGER_BYTES_MAX {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Moves what waits to the front, but only over a whole buffer's length of written bytes:
    /// each byte is moved once at most.
    fn compact(&mut self) {
        if self.start >= BUFFER_BYTES_MAX {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
    }
}

impl<T> Shared<T> {
    fn waiting(&self) -> usize {
        self.buffer.len() - self.start
    }

    fn room(&self) -> usize {
        BUFFER_BYTES_MAX.saturating_sub(self.waiting())
    }

    fn wrote(&mut self, bytes: usize) {
        self.unflushed = true;
        self.traffic.written_bytes += bytes as u64;
        self.traffic.writes += 1;
        self.traffic.written_at = Instant::now();
    }
}

/// A panic while it was held leaves bytes and counters, both of which are still true.
fn lock<T>(shared: &Mutex<Shared<T>>) -> MutexGuard<'_, Shared<T>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
