//! At most so many a second: what may be said often, and must not be said for each request.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A bound on how often something happens, by windows of fixed length.
#[derive(Debug)]
pub struct Rate {
    window: Duration,
    window_max: u32,
    began: Instant,
    /// The window's number in the upper half, what happened in it in the lower.
    state: AtomicU64,
}

impl Rate {
    /// `window_max` times in each window.
    pub fn new(window_max: u32, window: Duration) -> Rate {
        Rate {
            window: window.max(Duration::from_millis(1)),
            window_max,
            began: Instant::now(),
            state: AtomicU64::new(0),
        }
    }

    /// Whether it may happen once more now.
    pub fn permit(&self) -> bool {
        self.permit_at(Instant::now())
    }

    /// The same where the clock has been read already.
    pub fn permit_at(&self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.began);
        let window = (since.as_nanos() / self.window.as_nanos()) as u64;
        self.permit_in(window & u64::from(u32::MAX))
    }

    fn permit_in(&self, window: u64) -> bool {
        let mut permitted = false;
        let _ = self
            .state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
                let (last, count) = (state >> 32, state & u64::from(u32::MAX));
                let count = if last == window { count } else { 0 };
                permitted = count < u64::from(self.window_max);
                permitted.then_some((window << 32) | (count + 1))
            });
        permitted
    }
}

#[cfg(test)]
mod tests;
