//! Something that is done again and again while a rig stands.

use std::{
    sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::workspace::say;

/// Runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Chore {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Chore {
    /// Every so often; a failure is said, and ends it.
    pub(crate) fn start(
        every: Duration,
        mut work: impl FnMut() -> anyhow::Result<()> + Send + 'static,
    ) -> Chore {
        let (stop, stopped) = sync_channel::<()>(1);
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = work() {
                    say(format_args!("warning: a chore of the rig failed: {error:#}"));
                    break;
                }
            }
        });
        Chore {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Chore {
    fn drop(&mut self) {
        // The thread wakes when the other end is gone.
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
