//! When to stop: the first SIGTERM or SIGINT asks for a drain, the second ends the process at once.

use std::{future::Future, io, process};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{console, exit::Exit};

/// The signals that ask us to stop.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes them over from their default, which would end the process without a word.
    pub(crate) fn take() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Does the work of stopping, unless another signal comes: somebody has no patience left.
    pub(crate) async fn while_stopping<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            name = self.next() => {
                console::faults(format_args!("{name} again: stopped at once"));
                // Unwinding would wait for the runtime's tasks, which is what nobody wants now. PostgreSQL
                // notices that we are gone by itself.
                telemetry::log::flush();
                process::exit(Exit::Cut.code().into())
            }
        }
    }
}
