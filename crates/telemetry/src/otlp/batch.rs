//! Traces that go to the collector together: bounded by their number and by their bytes.

use std::sync::Arc;

use super::{Config, encode};
use crate::trace::kept::Kept;

/// The next to be sent.
#[derive(Default)]
pub(super) struct Batch {
    traces: Vec<Arc<Kept>>,
    /// At most, as it is sent.
    bytes: usize,
    /// It was taken from the queue and found no room here.
    over: Option<Arc<Kept>>,
}

impl Batch {
    pub(super) fn traces(&self) -> &[Arc<Kept>] {
        &self.traces
    }

    /// One more, now or in the batch after this one.
    pub(super) fn add(&mut self, trace: Arc<Kept>, config: &Config) {
        let bytes = encode::bytes_at_most(&trace);
        // What is too large by itself goes alone: the collector may take more than we think.
        if !self.traces.is_empty() && self.bytes + bytes > config.batch_bytes_max {
            self.over = Some(trace);
        } else {
            self.bytes += bytes;
            self.traces.push(trace);
        }
    }

    pub(super) fn is_full(&self, config: &Config) -> bool {
        self.over.is_some()
            || self.traces.len() >= config.batch_traces_max
            || self.bytes >= config.batch_bytes_max
    }

    /// This one is done with.
    pub(super) fn clear(&mut self, config: &Config) {
        self.traces.clear();
        self.bytes = 0;
        if let Some(over) = self.over.take() {
            self.add(over, config);
        }
    }
}
