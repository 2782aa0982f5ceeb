//! What a pool counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one database's pool; read by `/metrics` and by tests that hold the number of statements.
#[derive(Debug, Default)]
pub struct Metric {
    /// Statements started.
    pub statements: Counter,
    /// Rows received.
    pub rows: Counter,
    /// Connections opened.
    pub connections_opened: Counter,
    /// Leases given.
    pub leases: Counter,
    /// Time spent waiting for leases, in microseconds.
    pub lease_wait_us: Counter,
    /// Leases that were not given in time.
    pub lease_timeouts: Counter,
    /// Statements cancelled because nobody waits for them or their time is up.
    pub cancels: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Its value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
