//! Batches in traces: recorded once, seen in each request that joined.

use std::time::{Duration, Instant};

use telemetry::trace::{self, Open, Trace, name::Name, span::Step};

use crate::batch::{Answer, Want};

/// The trace of a batch that works for these wants: seen in each of theirs. Off, if theirs are.
pub(crate) fn trace_of(wants: &[Want]) -> Trace {
    let batch = wants.first().map_or_else(Trace::off, |want| want.trace.batch());
    if batch.is_on() {
        for want in wants {
            let source = batch.name(&want.plan.name);
            batch.works_for(&want.trace);
            want.trace.join(&batch, source, want.since.into_std());
        }
    }
    batch
}

/// Answers are looked at that were there some time ago: until now the request waited for a thread.
pub(crate) fn woke(answers: &[Answer]) {
    let trace = trace::current();
    if let (true, Some(delivered)) = (trace.is_on(), answers.iter().map(|answer| answer.delivered).max()) {
        trace.add(Step::Wake, delivered.into_std(), Instant::now());
    }
}

/// A document is put together.
pub(crate) fn document<T>(fill: impl FnOnce() -> T) -> T {
    let trace = trace::current();
    let step = trace.begin(Step::Document);
    let document = fill();
    trace.end(step);
    document
}

/// A batch as its trace sees it, until it is dropped.
pub(crate) struct Batched {
    trace: Trace,
    source: Name,
    step: Open,
}

impl Batched {
    pub(crate) fn begin(source: &str, wants: usize, ids: usize) -> Batched {
        let trace = trace::current();
        let source = trace.name(source);
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Batched {
            step: trace.begin(Step::Batch {
                source,
                wants: count(wants),
                ids: count(ids),
            }),
            trace,
            source,
        }
    }

    /// Measuring took so long in all.
    pub(crate) fn measured(&self, time: Duration) {
        if self.trace.is_on() {
            let now = Instant::now();
            let began = now.checked_sub(time).unwrap_or(now);
            self.trace.add(Step::Measure { source: self.source }, began, now);
        }
    }

    pub(crate) fn failed(&self) {
        self.trace.fail(self.step);
    }
}

impl Drop for Batched {
    fn drop(&mut self) {
        self.trace.end(self.step);
    }
}
