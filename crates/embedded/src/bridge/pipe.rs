//! The way of an answer from the backend's thread to a client's task: bounded, with a deadline for the writer.
//!
//! Tokio's channels have no `blocking_send` with a deadline, and a stalled reader must not stop the backend for good.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::Limits;

/// The length of ReadyForQuery, the last message of every answer.
const READY_BYTES: usize = 6;

/// The backend's end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    shared: Arc<Shared>,
    bytes_max: usize,
    stall: Duration,
}

/// The client's end. Dropping it lets the writer go on without a reader.
#[derive(Debug)]
pub(super) struct Parts {
    shared: Arc<Shared>,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Bytes(Bytes),
    /// That was all.
    End,
    /// The reader was too slow, the rest was thrown away.
    Cut,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    room: Condvar,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    parts: VecDeque<Bytes>,
    bytes: usize,
    ended: bool,
    cut: bool,
    reader_gone: bool,
    tail: Vec<u8>,
}

pub(super) fn pipe(limits: Limits) -> (Answer, Parts) {
    let shared = Arc::new(Shared::default());
    let answer = Answer {
        shared: Arc::clone(&shared),
        bytes_max: limits.answer_bytes,
        stall: limits.stall,
    };
    (answer, Parts { shared })
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if so, the state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// An answer that nobody reads.
    pub(crate) fn unread() -> Self {
        let shared = Arc::new(Shared::default());
        shared.lock().reader_gone = true;
        Self {
            shared,
            bytes_max: 0,
            stall: Duration::ZERO,
        }
    }

    /// Hands over a part, and waits for room. Without a reader it returns at once: the backend has to come to the end
    /// of its answer, whoever reads it.
    pub(crate) fn part(&self, part: &[u8]) {
        let mut state = self.shared.lock();
        state.note_tail(part);
        let deadline = Instant::now() + self.stall;
        while state.bytes >= self.bytes_max && !state.deaf() {
            let patience = deadline.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                state.cut = true;
                break;
            }
            let waited = self.shared.room.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if !state.deaf() {
            state.bytes += part.len();
            state.parts.push_back(Bytes::copy_from_slice(part));
        }
        drop(state);
        self.shared.filled.notify_one();
    }

    /// Tells the reader that this was all, and gives the status in the ReadyForQuery at the end, if there is one.
    pub(super) fn end(&self) -> Option<u8> {
        let mut state = self.shared.lock();
        state.ended = true;
        let status = match state.tail[..] {
            [b'Z', 0, 0, 0, 5, status] => Some(status),
            _ => None,
        };
        drop(state);
        self.shared.filled.notify_one();
        status
    }
}

impl State {
    fn deaf(&self) -> bool {
        self.cut || self.reader_gone
    }

    fn note_tail(&mut self, part: &[u8]) {
        let part = &part[part.len().saturating_sub(READY_BYTES)..];
        let kept = (READY_BYTES - part.len()).min(self.tail.len());
        self.tail.drain(..self.tail.len() - kept);
        self.tail.extend_from_slice(part);
    }
}

impl Parts {
    /// The next part. Cancel safe.
    pub(super) async fn next(&mut self) -> Part {
        loop {
            let filled = self.shared.filled.notified();
            if let Some(part) = self.take() {
                return part;
            }
            filled.await;
        }
    }

    fn take(&self) -> Option<Part> {
        let mut state = self.shared.lock();
        if let Some(part) = state.parts.pop_front() {
            state.bytes -= part.len();
            self.shared.room.notify_one();
            return Some(Part::Bytes(part));
        }
        match (state.cut, state.ended) {
            (true, _) => Some(Part::Cut),
            (false, true) => Some(Part::End),
            (false, false) => None,
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.shared.lock().reader_gone = true;
        self.shared.room.notify_one();
    }
}
