//! A metric's description, and its series by label values.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    histogram::{Histogram, Snapshot, Unit},
    number::{Counter, Elapsed, Gauge},
};

/// Series of one metric at most. Labels are bounded sets; this holds it if one is not.
pub const SERIES_MAX: usize = 4096;

/// What a metric is, as it stands in the exposition and in the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// With its unit last, and `_total` if it only grows.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Names of labels.
    pub labels: &'static [&'static str],
    /// What it measures.
    pub kind: Kind,
}

/// The kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Observations by size.
    Histogram,
}

/// The value of one series at a scrape.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram(Snapshot),
}

/// One series at a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// One a label of the description.
    pub labels: Vec<String>,
    /// Its value now.
    pub value: Value,
}

/// Series of one metric by label values. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Family<N>(Arc<Inner<N>>);

#[derive(Debug)]
struct Inner<N> {
    new: fn(&'static [f64]) -> N,
    bounds: &'static [f64],
    series: Mutex<Vec<(Vec<String>, N)>>,
    hide_zero: bool,
}

/// What a family can be made of.
pub trait Number: Clone + Send + Sync + 'static {
    /// The kind it is exposed as.
    const KIND: Kind;
    /// A new one; bounds are for histograms.
    fn new(bounds: &'static [f64]) -> Self;
    /// Its value now.
    fn value(&self) -> Value;
}

/// How a family begins.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Upper bounds of a histogram's buckets.
    pub bounds: &'static [f64],
    /// Series that have counted nothing are left out: for products of labels that mostly never happen.
    pub hide_zero: bool,
}

impl<N: Number> Family<N> {
    pub(super) fn new(shape: Shape) -> Family<N> {
        Family(Arc::new(Inner {
            new: N::new,
            bounds: shape.bounds,
            series: Mutex::new(Vec::new()),
            hide_zero: shape.hide_zero,
        }))
    }

    /// The series of these label values, made on first use. Not for hot paths: keep what it returns.
    /// Beyond [`SERIES_MAX`] it counts, and nobody sees it.
    pub fn with(&self, labels: &[&str]) -> N {
        let mut series = self.0.series.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, number)) = series.iter().find(|(known, _)| known == labels) {
            return number.clone();
        }
        let number = (self.0.new)(self.0.bounds);
        if series.len() < SERIES_MAX {
            let labels = labels.iter().map(|&label| label.to_owned()).collect();
            series.push((labels, number.clone()));
        }
        number
    }

    pub(super) fn read(&self) -> Vec<Series> {
        let series = self.0.series.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = series.iter().map(|(labels, number)| Series {
            labels: labels.clone(),
            value: number.value(),
        });
        let is_hidden = |series: &Series| self.0.hide_zero && series.value == Value::Number(0.0);
        shown.filter(|series| !is_hidden(series)).collect()
    }
}

impl Number for Counter {
    const KIND: Kind = Kind::Counter;

    fn new(_: &'static [f64]) -> Counter {
        Counter::default()
    }

    fn value(&self) -> Value {
        Value::Number(self.get() as f64)
    }
}

impl Number for Elapsed {
    const KIND: Kind = Kind::Counter;

    fn new(_: &'static [f64]) -> Elapsed {
        Elapsed::default()
    }

    fn value(&self) -> Value {
        Value::Number(self.get().as_secs_f64())
    }
}

impl Number for Gauge {
    const KIND: Kind = Kind::Gauge;

    fn new(_: &'static [f64]) -> Gauge {
        Gauge::default()
    }

    fn value(&self) -> Value {
        Value::Number(self.get() as f64)
    }
}

/// A histogram of times.
#[derive(Clone, Debug)]
pub struct Times(pub Histogram);

/// A histogram of sizes.
#[derive(Clone, Debug)]
pub struct Sizes(pub Histogram);

impl Number for Times {
    const KIND: Kind = Kind::Histogram;

    fn new(bounds: &'static [f64]) -> Times {
        Times(Histogram::new(Unit::Seconds, bounds))
    }

    fn value(&self) -> Value {
        Value::Histogram(self.0.snapshot())
    }
}

impl Number for Sizes {
    const KIND: Kind = Kind::Histogram;

    fn new(bounds: &'static [f64]) -> Sizes {
        Sizes(Histogram::new(Unit::Count, bounds))
    }

    fn value(&self) -> Value {
        Value::Histogram(self.0.snapshot())
    }
}
