//! The registry: which metrics there are, and what they are at a scrape.
//!
//! Own, and not prometheus-client's: that writes OpenMetrics only, which a Prometheus before 2.50 and
//! `promtool check metrics` read as text of another type, it cannot list its descriptions for the reference
//! page, and its histograms lock.

pub mod exposition;
pub mod family;
pub mod histogram;
pub mod number;
pub mod reference;

use std::sync::{Mutex, PoisonError};

use family::{Description, Family, Kind, Number, Series, Shape, Sizes, Times, Value};
use histogram::Histogram;
use number::{Counter, Elapsed, Gauge};

/// All metrics of this process.
#[derive(Default)]
pub struct Registry {
    parts: Mutex<Vec<Part>>,
}

/// Some metrics and how to read them.
struct Part {
    descriptions: Vec<Description>,
    read: Box<dyn Fn(&mut Readings) + Send + Sync>,
}

/// Where a reader at scrape time puts what it finds.
pub struct Readings {
    series: Vec<Vec<Series>>,
}

/// One metric with all its series at a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// What it is.
    pub description: Description,
    /// Its series.
    pub series: Vec<Series>,
}

/// A metric to be registered.
#[derive(Clone, Copy, Debug)]
pub struct New {
    /// With its unit last, and `_total` if it only grows.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Names of labels.
    pub labels: &'static [&'static str],
}

impl Registry {
    /// Without a metric yet.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// A family of counters.
    pub fn counters(&self, new: New) -> Family<Counter> {
        self.family(new, plain())
    }

    /// A family of counters of which only those that have counted are shown.
    pub fn sparse_counters(&self, new: New) -> Family<Counter> {
        let shape = Shape {
            hide_zero: true,
            ..plain()
        };
        self.family(new, shape)
    }

    /// A family of sums of time.
    pub fn times_total(&self, new: New) -> Family<Elapsed> {
        self.family(new, plain())
    }

    /// A family of gauges.
    pub fn gauges(&self, new: New) -> Family<Gauge> {
        self.family(new, plain())
    }

    /// A family of histograms of time.
    pub fn times(&self, new: New, bounds: &'static [f64]) -> Family<Times> {
        self.family(new, Shape { bounds, ..plain() })
    }

    /// A family of histograms of sizes.
    pub fn sizes(&self, new: New, bounds: &'static [f64]) -> Family<Sizes> {
        self.family(new, Shape { bounds, ..plain() })
    }

    /// One counter without labels.
    pub fn counter(&self, name: &'static str, about: &'static str) -> Counter {
        self.counters(bare(name, about)).with(&[])
    }

    /// One sum of time without labels.
    pub fn time_total(&self, name: &'static str, about: &'static str) -> Elapsed {
        self.times_total(bare(name, about)).with(&[])
    }

    /// One gauge without labels.
    pub fn gauge(&self, name: &'static str, about: &'static str) -> Gauge {
        self.gauges(bare(name, about)).with(&[])
    }

    /// Metrics that are read where they stand, at a scrape and at no other time.
    pub fn readers(
        &self,
        descriptions: Vec<Description>,
        read: impl Fn(&mut Readings) + Send + Sync + 'static,
    ) {
        let part = Part {
            descriptions,
            read: Box::new(read),
        };
        self.parts().push(part);
    }

    /// All metrics now, by name.
    pub fn gather(&self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        for part in self.parts().iter() {
            let mut readings = Readings {
                series: vec![Vec::new(); part.descriptions.len()],
            };
            (part.read)(&mut readings);
            let described = part.descriptions.iter().cloned();
            metrics.extend(
                described
                    .zip(readings.series)
                    .map(|(description, series)| Metric { description, series }),
            );
        }
        metrics.sort_by_key(|metric| metric.description.name);
        metrics
    }

    /// What is registered, by name.
    pub fn descriptions(&self) -> Vec<Description> {
        let mut all: Vec<Description> = self
            .parts()
            .iter()
            .flat_map(|part| part.descriptions.clone())
            .collect();
        all.sort_by_key(|description| description.name);
        all
    }

    fn family<N: Number>(&self, new: New, shape: Shape) -> Family<N> {
        let family = Family::<N>::new(shape);
        let description = Description {
            name: new.name,
            about: new.about,
            labels: new.labels,
            kind: N::KIND,
        };
        let read = family.clone();
        self.readers(vec![description], move |readings| {
            readings.series[0] = read.read();
        });
        family
    }

    fn parts(&self) -> std::sync::MutexGuard<'_, Vec<Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readings {
    /// The value of a series of the n-th metric.
    pub fn put(&mut self, metric: usize, labels: &[&str], value: f64) {
        self.series[metric].push(Series {
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            value: Value::Number(value),
        });
    }

    /// The observations of a series of the n-th metric.
    pub fn put_histogram(&mut self, metric: usize, labels: &[&str], histogram: &Histogram) {
        self.series[metric].push(Series {
            labels: labels.iter().map(|&label| label.to_owned()).collect(),
            value: Value::Histogram(histogram.snapshot()),
        });
    }
}

/// A histogram that is read at a scrape.
pub fn read_histogram(new: New) -> Description {
    described(new, Kind::Histogram)
}

/// A gauge that is read at a scrape.
pub fn read_gauge(new: New) -> Description {
    described(new, Kind::Gauge)
}

/// A counter that is read at a scrape.
pub fn read_counter(new: New) -> Description {
    described(new, Kind::Counter)
}

fn described(new: New, kind: Kind) -> Description {
    Description {
        name: new.name,
        about: new.about,
        labels: new.labels,
        kind,
    }
}

fn bare(name: &'static str, about: &'static str) -> New {
    New {
        name,
        about,
        labels: &[],
    }
}

fn plain() -> Shape {
    Shape {
        bounds: &[],
        hide_zero: false,
    }
}

#[cfg(test)]
mod tests;
