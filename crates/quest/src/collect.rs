//! What one round has shown, as observations: the client's requests, and each source in the diagnosis' own terms.

mod client;
mod database;
mod machine;
mod proxy;
mod server;
mod tcp;

pub(crate) use machine::foreign;

use std::collections::BTreeMap;

use diagnosis::{
    observation::{Observation, Reading},
    signal::{Kind, Signal},
};

use crate::{
    experiment::{Experiment, Outcomes},
    observer::Window,
    watch::Parties,
};

/// Collects the observations of one round.
pub(crate) struct Collector<'a> {
    pub(crate) experiment: &'a str,
    pub(crate) round: u32,
    /// Texts that belong to numbers: SQL by statement.
    pub(crate) notes: &'a BTreeMap<String, String>,
    pub(crate) observations: Vec<Observation>,
}

/// All observations of a round.
pub(crate) fn observe(
    experiment: &Experiment,
    round: u32,
    outcomes: &Outcomes,
    parties: &Parties,
    notes: &BTreeMap<String, String>,
) -> Vec<Observation> {
    let mut collector = Collector {
        experiment: &experiment.id,
        round,
        notes,
        observations: Vec::new(),
    };
    client::observe(&mut collector, experiment, outcomes);
    let ok = outcomes.tally.ok as f64;
    of_server(&mut collector, &outcomes.windows, ok, parties);
    database::observe(&mut collector, &joined(&outcomes.windows, "postgres"));
    tcp::observe(&mut collector, &joined(&outcomes.windows, "tcp"));
    proxy::observe(&mut collector, &joined(&outcomes.windows, "proxy log"));
    machine::observe(&mut collector, &joined(&outcomes.windows, "system"), parties);
    collector.observations
}

/// By its page of metrics, and where that has no times of requests, by its `Server-Timing`.
fn of_server(collector: &mut Collector<'_>, windows: &BTreeMap<String, Window>, ok: f64, parties: &Parties) {
    let first = collector.observations.len();
    server::observe(collector, &joined(windows, "metrics"), ok, parties);
    let mut by_page = collector.observations[first..].iter();
    if !by_page.any(|seen| seen.signal.kind() == Kind::PerRequest) {
        server::timing(collector, &joined(windows, "server timing"));
    }
}

/// All windows of one kind of source as one.
fn joined(windows: &BTreeMap<String, Window>, kind: &str) -> Window {
    let mut all = Window::default();
    for (name, window) in windows {
        if name.starts_with(kind) {
            all.add(window);
        }
    }
    all
}

impl Collector<'_> {
    pub(crate) fn value(&mut self, signal: Signal, subject: &str, value: f64) {
        self.reading(signal, subject, Reading::Value(value), "");
    }

    pub(crate) fn maybe(&mut self, signal: Signal, subject: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.value(signal, subject, value);
        }
    }

    /// A counter's growth over a window, with the window's times.
    pub(crate) fn growth(&mut self, signal: Signal, subject: &str, window: &Window, key: &str, scale: f64) {
        if let Some(growth) = window.growth(key) {
            let note = self.notes.get(subject).cloned().unwrap_or_default();
            let reading = Reading::Counter(ends(window, growth * scale));
            self.reading(signal, subject, reading, &note);
        }
    }

    /// One counter's growth over another's.
    pub(crate) fn ratio(&mut self, signal: Signal, window: &Window, sum: &str, count: f64, scale: f64) {
        if let Some(sum) = window.growth(sum)
            && count > 0.0
        {
            let reading = Reading::Ratio {
                sum: ends(window, sum),
                count: ends(window, count),
                scale,
            };
            self.reading(signal, "", reading, "");
        }
    }

    pub(crate) fn reading(&mut self, signal: Signal, subject: &str, reading: Reading, note: &str) {
        self.observations.push(Observation {
            experiment: self.experiment.to_owned(),
            round: self.round,
            signal,
            subject: subject.to_owned(),
            reading,
            note: note.to_owned(),
        });
    }
}

/// A counter that grew so much from one end of a window to the other.
fn ends(window: &Window, growth: f64) -> Vec<[f64; 2]> {
    let from = window.from * 1e3;
    vec![[from, 0.0], [from + window.seconds * 1e3, growth]]
}

#[cfg(test)]
mod tests;
