//! How many requests are in work at once, each until its last byte is written.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::error::Rejection;

/// A client that is told to wait longer does not come back.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);
/// Over which the pace of ending requests is measured.
const PACE_WINDOW: Duration = Duration::from_secs(1);

/// The count of requests in work.
#[derive(Debug)]
pub(crate) struct Gate {
    in_flight_max: u64,
    in_flight: AtomicU64,
    ended: AtomicU64,
    /// Looked at only when a request is refused.
    pace: Mutex<Pace>,
}

/// A request in work, until it is dropped.
#[derive(Debug)]
pub(crate) struct Entered {
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct Pace {
    since: Instant,
    ended: u64,
    per_second: f64,
}

impl Gate {
    pub(crate) fn new(in_flight_max: u32) -> Arc<Gate> {
        Arc::new(Gate {
            in_flight_max: in_flight_max.into(),
            in_flight: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            pace: Mutex::new(Pace {
                since: Instant::now(),
                ended: 0,
                per_second: 0.0,
            }),
        })
    }

    /// In, or told when to come back.
    pub(crate) fn enter(self: &Arc<Gate>) -> Result<Entered, Rejection> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::AcqRel);
        let entered = Entered {
            gate: Arc::clone(self),
        };
        if in_flight < self.in_flight_max {
            Ok(entered)
        } else {
            let retry_after = self.retry_after(in_flight);
            // Not one that has ended: it would speed up the pace it is told.
            self.ended.fetch_sub(1, Ordering::Relaxed);
            drop(entered);
            Err(Rejection::Overloaded {
                in_flight,
                retry_after,
            })
        }
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Acquire)
    }

    /// How long the requests in work take to end at the pace of the last second.
    fn retry_after(&self, in_flight: u64) -> Duration {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended, over) = (self.ended.load(Ordering::Relaxed), pace.since.elapsed());
        if over >= PACE_WINDOW {
            pace.per_second = ended.wrapping_sub(pace.ended) as f64 / over.as_secs_f64();
            pace.since = Instant::now();
            pace.ended = ended;
        }
        if pace.per_second <= 0.0 {
            return RETRY_AFTER_MIN;
        }
        Duration::try_from_secs_f64((in_flight as f64 / pace.per_second).ceil())
            .unwrap_or(RETRY_AFTER_MAX)
            .clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.gate.ended.fetch_add(1, Ordering::Relaxed);
        self.gate.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
