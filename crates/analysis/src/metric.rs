//! What the engine counts about itself.

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
}
