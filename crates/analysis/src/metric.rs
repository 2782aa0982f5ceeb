//! What the engine counts about itself.

use std::sync::atomic::{AtomicUsize, Ordering};

use store::metric::Counter;

/// Counters; read by `/metrics` and by tests that hold the number of batches.
#[derive(Debug, Default)]
pub struct Metric {
    /// Documents answered.
    pub documents: Counter,
    /// Batches run.
    pub batches: Counter,
    /// Wants joined into batches.
    pub batch_wants: Counter,
    /// Distinct ids in batches.
    pub batch_ids: Counter,
    /// Wants that were given up before their batch was taken.
    pub abandoned: Counter,
    /// Reference datasets read whole.
    pub references_read: Counter,
    /// Reference datasets whose version had not changed.
    pub references_kept: Counter,
    /// Time measuring and writing, in microseconds.
    pub measure_us: Counter,
    /// Documents answered as they were kept.
    pub cache_hits: Counter,
    /// Documents of which some sources were kept and the others made anew.
    pub cache_partial: Counter,
    /// Documents made anew although they can be kept.
    pub cache_misses: Counter,
    /// Documents whose sources changed while they were made.
    pub cache_overtaken: Counter,
    /// Documents dropped to keep the bound.
    pub cache_evicted: Counter,
    /// Bytes kept now.
    pub cache_bytes: Level,
    /// Documents kept now.
    pub cache_entries: Level,
}

/// A number that grows and shrinks.
#[derive(Debug, Default)]
pub struct Level(AtomicUsize);

impl Level {
    pub(crate) fn add(&self, amount: usize) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, amount: usize) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Its value now.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
