//! Samples by SIGPROF, through pprof-rs.

use std::time::{Duration, Instant, SystemTime};

use pprof::{Frames, ProfilerGuard, ProfilerGuardBuilder};

use super::{
    Profile,
    stack::{self, Frame, Stack},
};
use crate::error::Error;

/// A profile under way.
pub(super) struct Running {
    guard: ProfilerGuard<'static>,
    hertz: u32,
    began: SystemTime,
    since: Instant,
}

pub(super) fn start(hertz: u32) -> Result<Running, Error> {
    let failed = |error: pprof::Error| Error::Profile {
        reason: error.to_string(),
    };
    let frequency = i32::try_from(hertz).unwrap_or(i32::MAX);
    Ok(Running {
        guard: ProfilerGuardBuilder::default()
            .frequency(frequency)
            .build()
            .map_err(failed)?,
        hertz,
        began: SystemTime::now(),
        since: Instant::now(),
    })
}

/// CPU time of this process so far, of all its threads.
pub(super) fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

impl Running {
    /// Ends it, and puts addresses into words.
    pub(super) fn finish(self) -> Result<Profile, Error> {
        let took = self.since.elapsed();
        let report = self.guard.report().build();
        let report = report.map_err(|error| Error::Profile {
            reason: error.to_string(),
        })?;
        drop(self.guard);
        let stacks = report.data.iter().filter_map(|(frames, count)| {
            Some(Stack {
                thread: thread(&frames.thread_name),
                frames: words(frames),
                count: u64::try_from(*count).ok().filter(|count| *count > 0)?,
            })
        });
        Ok(Profile {
            began: self.began,
            took,
            hertz: self.hertz,
            stacks: stacks.collect(),
        })
    }
}

/// The innermost first, and of those inlined into one another too.
fn words(frames: &Frames) -> Vec<Frame> {
    let symbols = frames.frames.iter().flatten();
    symbols
        .map(|symbol| {
            let file = match symbol.filename().as_ref() {
                "Unknown" => String::new(),
                file => file.to_owned(),
            };
            Frame {
                function: stack::name(&symbol.name(), &file),
                file,
                line: symbol.lineno(),
            }
        })
        .collect()
}

/// `tokio-runtime-worker-3`, `tokio-rt-worker` cut at 15 letters: without the number.
fn thread(name: &str) -> String {
    let bare = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
    if bare.is_empty() { "thread" } else { bare }.to_owned()
}
