//! What the engine counts about itself, and how a scrape sees it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use telemetry::metric::{
    New, Registry,
    histogram::{Histogram, SIZES, Unit},
    number::{Counter, Elapsed},
    read_counter, read_gauge, read_histogram,
};

/// Counters; read by `/metrics` and by tests that hold the number of batches.
#[derive(Debug)]
pub struct Metric {
    /// Documents answered.
    pub documents: Counter,
    /// Batches run.
    pub batches: Counter,
    /// Wants joined into batches.
    pub batch_wants: Counter,
    /// Distinct ids in batches.
    pub batch_ids: Counter,
    /// Distinct ids of each batch.
    pub batch_sizes: Histogram,
    /// Wants that were given up before their batch was taken.
    pub abandoned: Counter,
    /// Reference datasets read whole.
    pub references_read: Counter,
    /// Reference datasets whose version had not changed.
    pub references_kept: Counter,
    /// Time measuring and writing.
    pub measure: Elapsed,
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
    /// Documents dropped because somebody else wrote of their object.
    pub cache_notified: Counter,
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

impl Default for Metric {
    fn default() -> Metric {
        Metric {
            documents: Counter::default(),
            batches: Counter::default(),
            batch_wants: Counter::default(),
            batch_ids: Counter::default(),
            batch_sizes: Histogram::new(Unit::Count, SIZES),
            abandoned: Counter::default(),
            references_read: Counter::default(),
            references_kept: Counter::default(),
            measure: Elapsed::default(),
            cache_hits: Counter::default(),
            cache_partial: Counter::default(),
            cache_misses: Counter::default(),
            cache_overtaken: Counter::default(),
            cache_evicted: Counter::default(),
            cache_notified: Counter::default(),
            cache_bytes: Level::default(),
            cache_entries: Level::default(),
        }
    }
}

impl Metric {
    /// A batch of so many distinct ids is run.
    pub(crate) fn sized(&self, ids: usize) {
        self.batch_ids.add(ids as u64);
        self.batch_sizes.observe_count(ids as u64);
    }
}

/// Registers what an engine counts. `waiting` is asked at a scrape.
pub fn register(
    registry: &Registry,
    metric: Arc<Metric>,
    waiting: impl Fn() -> usize + Send + Sync + 'static,
) {
    let plain = |name, about| New {
        name,
        about,
        labels: &[],
    };
    registry.readers(
        vec![
            read_counter(plain("sidequest_analysis_documents_total", "Analyses answered.")),
            read_counter(plain("sidequest_analysis_batches_total", "Batches run.")),
            read_counter(plain(
                "sidequest_analysis_batch_wants_total",
                "Requests' wants joined into batches.",
            )),
            read_counter(plain(
                "sidequest_analysis_batch_ids_total",
                "Distinct ids in batches.",
            )),
            read_counter(plain(
                "sidequest_analysis_abandoned_total",
                "Wants given up before their batch.",
            )),
            read_counter(plain(
                "sidequest_analysis_references_read_total",
                "Reference datasets read whole.",
            )),
            read_counter(plain(
                "sidequest_analysis_references_kept_total",
                "Reference datasets that had not changed and were not read again.",
            )),
            read_counter(plain(
                "sidequest_analysis_measure_seconds_total",
                "Time spent measuring rows and writing fragments.",
            )),
            read_counter(plain(
                "sidequest_cache_hits_total",
                "Analyses answered as they were kept.",
            )),
            read_counter(plain(
                "sidequest_cache_partial_total",
                "Analyses of which some sources were kept and the others made anew.",
            )),
            read_counter(plain(
                "sidequest_cache_misses_total",
                "Analyses made anew although they can be kept.",
            )),
            read_counter(plain(
                "sidequest_cache_overtaken_total",
                "Analyses whose sources changed while they were made.",
            )),
            read_counter(plain(
                "sidequest_cache_evicted_total",
                "Analyses dropped to keep the bound.",
            )),
            read_gauge(plain(
                "sidequest_cache_bytes",
                "Bytes of analyses and compressed bodies kept now.",
            )),
            read_gauge(plain("sidequest_cache_entries", "Analyses kept now.")),
            read_histogram(plain(
                "sidequest_analysis_batch_size_ids",
                "Distinct ids of a batch.",
            )),
            read_gauge(plain(
                "sidequest_analysis_waiting",
                "Wants that wait to be taken into a batch.",
            )),
            read_counter(plain(
                "sidequest_cache_notified_total",
                "Analyses dropped because somebody else wrote of their object.",
            )),
        ],
        move |out| {
            let numbers = [
                metric.documents.get() as f64,
                metric.batches.get() as f64,
                metric.batch_wants.get() as f64,
                metric.batch_ids.get() as f64,
                metric.abandoned.get() as f64,
                metric.references_read.get() as f64,
                metric.references_kept.get() as f64,
                metric.measure.get().as_secs_f64(),
                metric.cache_hits.get() as f64,
                metric.cache_partial.get() as f64,
                metric.cache_misses.get() as f64,
                metric.cache_overtaken.get() as f64,
                metric.cache_evicted.get() as f64,
                metric.cache_bytes.get() as f64,
                metric.cache_entries.get() as f64,
            ];
            for (at, value) in numbers.into_iter().enumerate() {
                out.put(at, &[], value);
            }
            out.put_histogram(15, &[], &metric.batch_sizes);
            out.put(16, &[], waiting() as f64);
            out.put(17, &[], metric.cache_notified.get() as f64);
        },
    );
}
