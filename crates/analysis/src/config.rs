//! What the binary decides about the engine.

/// How sections over a dataset are answered. All three give the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One statement a section and object, in sequence: the way of the story, kept as the baseline.
    Each,
    /// One statement a section for all objects wanted at once, grouped by PostgreSQL.
    Batched,
    /// One statement a dataset, measured here.
    Fused,
}

/// The engine's limits and choices.
#[derive(Clone, Debug)]
pub struct Config {
    /// How sections over a dataset are answered.
    pub strategy: Strategy,
    /// Ids in one statement at most.
    pub batch_ids_max: usize,
    /// What waits is split over the free connections, but not below so many ids a statement.
    pub batch_ids_min: usize,
    /// Requests that may wait for one dataset; more are refused.
    pub waiting_max: usize,
    /// Analyses computed ahead of a reader of many.
    pub ahead_max: usize,
    /// Keep reference datasets whose declared version has not changed.
    pub keep_references: bool,
    /// Bytes of documents and compressed bodies kept at most; 0: nothing is kept, and no version looked up.
    pub cache_bytes: usize,
}
