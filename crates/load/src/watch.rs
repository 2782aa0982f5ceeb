//! A run seen from outside while it goes: what was done so far, and the way to stop it.
//!
//! Threads add to it ten times a second, not for every request: looking costs nothing.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

/// Classes of response times, each twice as long as the one before; the first ends at 1 µs.
pub const CLASSES: usize = 32;

/// What was done so far.
#[derive(Debug, Default)]
pub struct Watch {
    /// The zero of all times of the run.
    began: OnceLock<Instant>,
    stop: AtomicBool,
    ends_at_failure: AtomicBool,
    ok: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    in_flight: AtomicU64,
    classes: [AtomicU64; CLASSES],
}

/// What one thread has to add.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    /// Received since the beginning.
    pub(crate) bytes_so_far: u64,
    bytes_told: u64,
    pub(crate) classes: [u32; CLASSES],
    in_flight_told: u64,
}

/// All counts at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// Answered well.
    pub ok: u64,
    /// Everything else that is over.
    pub failed: u64,
    /// Bytes received.
    pub bytes: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Response times by class.
    pub classes: [u64; CLASSES],
}

impl Watch {
    /// Nothing yet.
    pub fn new() -> Watch {
        Watch::default()
    }

    /// Ends the run within a tenth of a second; its summary is of what was done.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// Whether somebody asked it to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// A request has failed, and that ends the run on all threads.
    pub(crate) fn fail(&self) {
        self.ends_at_failure.store(true, Relaxed);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.ends_at_failure.load(Relaxed)
    }

    /// The run begins now, unless another thread was earlier; says when it did.
    pub(crate) fn begin(&self) -> Instant {
        *self.began.get_or_init(Instant::now)
    }

    /// From when on the times of its samples count. None before it has begun: names are looked up and the server is
    /// tried first. A watch that was used before keeps its first run's.
    pub fn began(&self) -> Option<Instant> {
        self.began.get().copied()
    }

    /// What was done so far.
    pub fn glance(&self) -> Glance {
        Glance {
            ok: self.ok.load(Relaxed),
            failed: self.failed.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            classes: std::array::from_fn(|class| self.classes[class].load(Relaxed)),
        }
    }

    pub(crate) fn add(&self, tally: &mut Tally, in_flight: u64) {
        self.ok.fetch_add(tally.ok, Relaxed);
        self.failed.fetch_add(tally.failed, Relaxed);
        self.bytes
            .fetch_add(tally.bytes_so_far.saturating_sub(tally.bytes_told), Relaxed);
        for (class, count) in tally.classes.iter().enumerate().filter(|(_, count)| **count > 0) {
            self.classes[class].fetch_add(u64::from(*count), Relaxed);
        }
        // Wraps where it shrinks, and so does the addition.
        self.in_flight
            .fetch_add(in_flight.wrapping_sub(tally.in_flight_told), Relaxed);
        *tally = Tally {
            in_flight_told: in_flight,
            bytes_so_far: tally.bytes_so_far,
            bytes_told: tally.bytes_so_far,
            ..Tally::default()
        };
    }
}

/// Which class a time belongs to.
pub(crate) fn class(ns: u64) -> usize {
    let micros = ns / 1_000;
    (u64::BITS - micros.leading_zeros()).min(CLASSES as u32 - 1) as usize
}

/// Where a class ends, in milliseconds.
pub fn class_end_ms(class: usize) -> f64 {
    (1_u64 << class.min(CLASSES)) as f64 / 1_000.0
}
