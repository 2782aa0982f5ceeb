//! A histogram of fixed buckets, with an exemplar a bucket.
//!
//! Own, because an observation must cost two additions: prometheus-client takes a lock for each, and a write lock
//! where exemplars are wanted. Values are whole ticks (nanoseconds, or the thing itself), so no float is added.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::number::nanoseconds;
use crate::trace::id::TraceId;

/// Buckets of a histogram at most; each is a series a label set.
pub const BUCKETS_MAX: usize = 24;

/// Upper bounds for the time of requests and statements.
pub const SECONDS: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds for waiting that should be nothing: from a scheduler's round to a deadline.
pub const WAIT_SECONDS: &[f64] = &[
    0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0,
];

/// Upper bounds for counts of things taken together.
pub const SIZES: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0,
];

/// Counts of observations by size. Cheap to clone: clones count together.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    unit: Unit,
    bounds: &'static [f64],
    /// Invariant: the bounds in ticks, ascending.
    bounds_ticks: Vec<u64>,
    /// One more than bounds: the last has none.
    buckets: Vec<Bucket>,
    sum_ticks: AtomicU64,
}

#[derive(Debug, Default)]
struct Bucket {
    count: AtomicU64,
    /// Written only for traces that are kept, so it is seldom asked for.
    exemplar: Mutex<Option<Exemplar>>,
}

/// What a histogram's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Time, observed in nanoseconds and exposed in seconds.
    Seconds,
    /// Whole things.
    Count,
}

/// One observation that a kept trace explains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    /// The trace.
    pub trace: TraceId,
    /// What was observed, in the exposed unit.
    pub value: f64,
    /// When, in seconds since 1970.
    pub at: f64,
}

/// What a scrape sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Upper bounds in the exposed unit.
    pub bounds: &'static [f64],
    /// Observations of each bucket alone; one more than bounds.
    pub counts: Vec<u64>,
    /// Of all observations, in the exposed unit.
    pub sum: f64,
    /// One a bucket at most.
    pub exemplars: Vec<Option<Exemplar>>,
}

impl Histogram {
    /// An empty one. Bounds ascend, and there are at most [`BUCKETS_MAX`]; more are left out.
    pub fn new(unit: Unit, bounds: &'static [f64]) -> Histogram {
        let bounds = &bounds[..bounds.len().min(BUCKETS_MAX)];
        let bounds_ticks = bounds.iter().map(|bound| (bound * unit.ticks()).round() as u64);
        Histogram(Arc::new(Inner {
            unit,
            bounds,
            bounds_ticks: bounds_ticks.collect(),
            buckets: (0..=bounds.len()).map(|_| Bucket::default()).collect(),
            sum_ticks: AtomicU64::new(0),
        }))
    }

    /// Counts a time.
    pub fn observe(&self, time: Duration) {
        self.count(nanoseconds(time));
    }

    /// Counts a number of things.
    pub fn observe_count(&self, things: u64) {
        self.count(things);
    }

    /// Names the kept trace of a time that was counted. Somebody else's turn at the bucket is not waited for.
    pub fn explain(&self, time: Duration, trace: TraceId) {
        let ticks = nanoseconds(time);
        let exemplar = Exemplar {
            trace,
            value: ticks as f64 / self.0.unit.ticks(),
            at: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs_f64(),
        };
        if let Ok(mut last) = self.bucket(ticks).exemplar.try_lock() {
            *last = Some(exemplar);
        }
    }

    /// All of it now.
    pub fn snapshot(&self) -> Snapshot {
        let inner = &*self.0;
        let buckets = inner.buckets.iter();
        Snapshot {
            bounds: inner.bounds,
            counts: buckets
                .clone()
                .map(|bucket| bucket.count.load(Ordering::Relaxed))
                .collect(),
            sum: inner.sum_ticks.load(Ordering::Relaxed) as f64 / inner.unit.ticks(),
            exemplars: buckets
                .map(|bucket| *bucket.exemplar.lock().unwrap_or_else(PoisonError::into_inner))
                .collect(),
        }
    }

    fn count(&self, ticks: u64) {
        self.bucket(ticks).count.fetch_add(1, Ordering::Relaxed);
        self.0.sum_ticks.fetch_add(ticks, Ordering::Relaxed);
    }

    /// The first whose bound is not below the value.
    fn bucket(&self, ticks: u64) -> &Bucket {
        let at = self.0.bounds_ticks.partition_point(|bound| *bound < ticks);
        &self.0.buckets[at]
    }
}

impl Unit {
    /// Ticks of one exposed unit.
    fn ticks(self) -> f64 {
        match self {
            Unit::Seconds => 1e9,
            Unit::Count => 1.0,
        }
    }
}
