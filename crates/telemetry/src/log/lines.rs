//! Where lines go: those of requests are gathered and written many at once, all others at once.
//!
//! A write for each request cost 2 µs of the 28 that a small answer takes, and a reader that stands still held up
//! the server. What a request says waits here for a tenth of a second at most; a thread of its own writes it, asleep
//! while there is nothing. What finds no room is dropped and counted, so that no request waits for a reader.
//!
//! Lines are written in the order in which they came here, whoever said them.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::metric::number::Counter;

/// What waits may be so much: half a second of a server that answers 35,000 a second.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// So much is not waited for to become more.
const AT_ONCE_BYTES: usize = 128 << 10;
/// How long the first line waits for others.
const DELAY: Duration = Duration::from_millis(100);

/// How lines of requests are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gather {
    /// Many at once, by a thread.
    Many,
    /// Each by whom it is said, for tests.
    None,
}

/// Lines on their way. Dropped, it writes what waits.
pub(super) struct Lines {
    shared: Arc<Shared>,
    gather: Gather,
    /// Before the first line of a request there is no thread.
    started: Once,
    thread: Mutex<Option<JoinHandle<()>>>,
}

type Write = dyn Fn(&[u8]) -> io::Result<()> + Send + Sync;

struct Shared {
    waiting: Mutex<Waiting>,
    /// Told when the thread has something to do.
    more: Condvar,
    /// Held from the taking of lines to their being written, so that they stay in order. The lines are its room.
    writing: Mutex<Vec<u8>>,
    write: Box<Write>,
    dropped: Counter,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    thread: Thread,
    closed: bool,
}

/// What the thread does, so that it is woken only when it has to be: each time is a system call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Thread {
    /// It writes, or is not there; it will look by itself.
    #[default]
    Busy,
    /// Waiting for a line.
    Idle,
    /// Waiting for more lines.
    Gathering,
}

impl Lines {
    pub(super) fn new(gather: Gather, dropped: Counter, write: Box<Write>) -> Lines {
        Lines {
            shared: Arc::new(Shared {
                waiting: Mutex::default(),
                more: Condvar::new(),
                writing: Mutex::default(),
                write,
                dropped,
            }),
            gather,
            started: Once::new(),
            thread: Mutex::new(None),
        }
    }

    /// Takes a line if there is room, at once either way.
    pub(super) fn push(&self, line: &[u8]) {
        if self.gather == Gather::None {
            // Somebody who reads no log needs no answer.
            let _ = self.shared.write(line);
            return;
        }
        self.started.call_once(|| self.start());
        let mut waiting = self.shared.waiting();
        if waiting.lines.len() + line.len() > WAITING_BYTES_MAX {
            self.shared.dropped.increment();
            return;
        }
        waiting.lines.extend_from_slice(line);
        let wake = match waiting.thread {
            Thread::Busy => false,
            Thread::Idle => true,
            Thread::Gathering => waiting.lines.len() >= AT_ONCE_BYTES,
        };
        if wake {
            waiting.thread = Thread::Busy;
            drop(waiting);
            self.shared.more.notify_one();
        }
    }

    /// Writes a line after those that wait, and waits for it: it may be the last.
    pub(super) fn write(&self, line: &[u8]) -> io::Result<()> {
        self.shared.write(line)
    }

    /// Writes what waits.
    pub(super) fn flush(&self) {
        // Somebody who reads no log needs no answer.
        let _ = self.shared.write(&[]);
    }

    fn start(&self) {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("log".to_owned());
        match thread.spawn(move || shared.run()) {
            Ok(thread) => *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread),
            // Without it, lines wait for the next that is written at once, or for the end.
            Err(error) => tracing::error!(%error, "no thread writes the log"),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.shared.waiting().closed = true;
        self.shared.more.notify_one();
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic of its own has been told.
            let _ = thread.join();
        }
        self.flush();
    }
}

impl Shared {
    /// The thread.
    fn run(&self) {
        loop {
            let mut waiting = self.waiting();
            while waiting.lines.is_empty() && !waiting.closed {
                waiting.thread = Thread::Idle;
                waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if waiting.closed {
                return;
            }
            waiting.thread = Thread::Gathering;
            let few = |waiting: &mut Waiting| waiting.lines.len() < AT_ONCE_BYTES && !waiting.closed;
            let (mut waiting, _) = self
                .more
                .wait_timeout_while(waiting, DELAY, few)
                .unwrap_or_else(PoisonError::into_inner);
            waiting.thread = Thread::Busy;
            drop(waiting);
            // Somebody who reads no log needs no answer.
            let _ = self.write(&[]);
        }
    }

    /// What waits, then the line.
    fn write(&self, line: &[u8]) -> io::Result<()> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut self.waiting().lines, &mut *writing);
        let mut written = Ok(());
        if !writing.is_empty() {
            written = (self.write)(&writing);
            writing.clear();
            // Of a reader that stood still.
            writing.shrink_to(2 * AT_ONCE_BYTES);
        }
        if !line.is_empty() {
            written = (self.write)(line);
        }
        written
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
