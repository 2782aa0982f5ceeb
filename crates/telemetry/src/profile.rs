//! CPU profiles: on demand, or all the time to Pyroscope. Off, there is neither a timer nor a buffer.
//!
//! The sampler is pprof-rs, as our own would need `unsafe`: SIGPROF by the process's CPU time, so an idle process is
//! not interrupted at all. Stacks are walked by the unwinder and not by frame pointers: pprof-rs' walk of those begins
//! at the caller and loses the function that was running. Its blocklist is not used, it drops half of the samples.
//!
//! There is no profile of allocations: it would need a counting allocator that is in the way when off.

pub mod pyroscope;
pub mod stack;

mod encode;

#[cfg(unix)]
#[path = "profile/signal.rs"]
mod sampler;
#[cfg(not(unix))]
#[path = "profile/other.rs"]
mod sampler;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};

use self::stack::Stack;
use crate::error::Error;

/// Samples a second of CPU time, of all threads together. A prime, so as not to march with a timer.
pub const HERTZ: u32 = 97;

/// On demand, at most.
pub const SECONDS_MAX: u32 = 60;

/// When a continuous profile is over.
///
/// Telling one costs some 160 ms of CPU time, most of it pprof-rs' making its table of stacks anew: an idle server that
/// told one each 15 s used 0.9 % of a core for nothing. So a window waits until what it has seen is worth it.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Not before it is so old.
    pub age_min: Duration,
    /// Then as soon as the process has used so much CPU time in it.
    pub cpu_min: Duration,
    /// At this age whatever it has seen.
    pub age_max: Duration,
}

/// Takes profiles, one at a time. Cheap to clone.
#[derive(Clone)]
pub struct Profiler(Arc<Inner>);

struct Inner {
    /// There is one signal and one timer a process.
    turn: Semaphore,
    /// Somebody asks for a profile: the continuous one ends early.
    wanted: Notify,
}

/// Where the CPU time went.
#[derive(Clone, Debug)]
pub struct Profile {
    /// When it began.
    pub began: SystemTime,
    /// For how long it was looked.
    pub took: Duration,
    /// Samples a second of CPU time.
    pub hertz: u32,
    /// Stacks and how often each was seen.
    pub stacks: Vec<Stack>,
}

impl Profiler {
    /// For this process. There should be one.
    pub fn new() -> Profiler {
        Profiler(Arc::new(Inner {
            turn: Semaphore::new(1),
            wanted: Notify::new(),
        }))
    }

    /// Looks on for so long. A continuous profile makes room; another on demand does not.
    pub async fn take(&self, time: Duration) -> Result<Profile, Error> {
        self.0.wanted.notify_one();
        // The continuous one needs a moment to put its stacks into words.
        let turn = timeout(Duration::from_secs(5), self.0.turn.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(Error::ProfileBusy);
        };
        // What woke nobody must not end the next continuous profile.
        let _ = timeout(Duration::ZERO, self.0.wanted.notified()).await;
        let running = sampler::start(HERTZ)?;
        tokio::time::sleep(time.min(Duration::from_secs(SECONDS_MAX.into()))).await;
        finish(running).await
    }

    /// Looks on until the window is over, or somebody asks for a profile.
    async fn take_window(&self, window: &Window) -> Result<Profile, Error> {
        let Ok(_turn) = self.0.turn.acquire().await else {
            return Err(Error::ProfileBusy);
        };
        let running = sampler::start(HERTZ)?;
        let (began, cpu) = (Instant::now(), sampler::cpu());
        while timeout(window.age_min, self.0.wanted.notified()).await.is_err() {
            let seen = sampler::cpu().saturating_sub(cpu);
            if seen >= window.cpu_min || began.elapsed() >= window.age_max {
                break;
            }
        }
        finish(running).await
    }
}

impl Default for Profiler {
    fn default() -> Profiler {
        Profiler::new()
    }
}

impl std::fmt::Debug for Profiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Profiler")
    }
}

/// Names need debug information, which takes a while to read: on a thread where that delays nobody.
async fn finish(running: sampler::Running) -> Result<Profile, Error> {
    let told = tokio::task::spawn_blocking(move || running.finish()).await;
    told.unwrap_or_else(|error| {
        Err(Error::Profile {
            reason: error.to_string(),
        })
    })
}

impl Profile {
    /// In pprof's format, gzipped, as `go tool pprof` and Pyroscope read it.
    pub fn pprof(&self) -> Result<Vec<u8>, Error> {
        encode::gzipped(self)
    }

    /// As folded stacks, which any flame graph tool reads: `thread;outer;inner count`.
    pub fn folded(&self) -> String {
        let mut lines: Vec<String> = self.stacks.iter().map(Stack::folded).collect();
        lines.sort_unstable();
        lines.concat()
    }

    /// CPU time seen.
    pub fn samples(&self) -> u64 {
        self.stacks.iter().map(|stack| stack.count).sum()
    }
}

#[cfg(test)]
mod tests;
