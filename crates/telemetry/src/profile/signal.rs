//! Samples by SIGPROF, through pprof-rs.

use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime},
};

use pprof::{ProfilerGuard, ProfilerGuardBuilder};

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
    ///
    /// Not by pprof-rs, which looks every frame of every stack up and demangles it anew: a busy server's profile has
    /// 70,000 frames at 3,000 places, and telling it took twice the time.
    pub(super) fn finish(self) -> Result<Profile, Error> {
        let took = self.since.elapsed();
        let report = self.guard.report().build_unresolved();
        let report = report.map_err(|error| Error::Profile {
            reason: error.to_string(),
        })?;
        drop(self.guard);
        let mut places = Places::default();
        let stacks = report.data.iter().filter_map(|(seen, count)| {
            let name = seen.thread_name.get(..seen.thread_name_length)?;
            Some(Stack {
                thread: thread(&String::from_utf8_lossy(name)),
                frames: places.words(&seen.frames),
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

/// What stands at an address.
#[derive(Default)]
struct Place {
    /// The innermost first: functions are inlined into one another.
    frames: Vec<Frame>,
    /// Of the sampler itself, which interrupted what ran.
    is_handler: bool,
}

/// Every address that was looked up.
#[derive(Default)]
struct Places(HashMap<usize, Place>);

impl Places {
    /// The innermost first, and of those inlined into one another too.
    fn words(&mut self, seen: &[backtrace::Frame]) -> Vec<Frame> {
        let mut words = Vec::with_capacity(2 * seen.len());
        let mut seen = seen.iter();
        while let Some(frame) = seen.next() {
            let place = self
                .0
                .entry(frame.ip() as usize)
                .or_insert_with(|| Place::of(frame));
            if place.is_handler {
                // The next one is the kernel's way into it.
                seen.next();
            } else {
                words.extend_from_slice(&place.frames);
            }
        }
        words
    }
}

impl Place {
    fn of(frame: &backtrace::Frame) -> Place {
        let mut place = Place::default();
        backtrace::resolve_frame(frame, |symbol| {
            let name = symbol.name().map(|name| format!("{name:#}"));
            let name = name.as_deref().unwrap_or("Unknown");
            // macOS puts another underscore before it.
            place.is_handler |= name.trim_start_matches('_') == "perf_signal_handler";
            let file = symbol.filename().map(|file| file.to_string_lossy().into_owned());
            let file = file.unwrap_or_default();
            place.frames.push(Frame {
                function: stack::name(name, &file),
                file,
                line: symbol.lineno().unwrap_or(0),
            });
        });
        place
    }
}

/// `tokio-runtime-worker-3`, `tokio-rt-worker` cut at 15 letters: without the number.
fn thread(name: &str) -> String {
    let bare = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
    if bare.is_empty() { "thread" } else { bare }.to_owned()
}
