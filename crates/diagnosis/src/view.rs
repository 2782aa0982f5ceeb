//! Evidence by experiment, signal and subject: what rules, attribution and laws read.
//!
//! Everything is sorted, so that the order of observations in the file does not matter. Discarded rounds and
//! readings that are no numbers are not here.

use std::collections::BTreeMap;

use crate::{
    evidence::Evidence,
    experiment::{Experiment, Purpose},
    finding::Citation,
    interval::mean,
    signal::Signal,
    source::{Source, State},
};

/// The values of one signal and subject in one experiment, by round.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) value: f64,
    pub(crate) cite: Citation,
}

/// By experiment, signal and subject.
type Table<'a, T> = BTreeMap<&'a str, BTreeMap<Signal, BTreeMap<&'a str, T>>>;

/// Evidence, sorted.
pub(crate) struct View<'a> {
    pub(crate) evidence: &'a Evidence,
    experiments: BTreeMap<&'a str, &'a Experiment>,
    durations_ms: BTreeMap<&'a str, f64>,
    values: Table<'a, BTreeMap<u32, f64>>,
    spans_ms: Table<'a, Vec<f64>>,
    notes: Table<'a, &'a str>,
    points: Table<'a, Vec<(f64, f64)>>,
    /// Closed loops, by users: the baseline and the ramp, or whatever else there is.
    pub(crate) ramp: Vec<&'a str>,
}

impl<'a> View<'a> {
    pub(crate) fn new(evidence: &'a Evidence) -> View<'a> {
        let experiments: BTreeMap<&str, &Experiment> = evidence
            .experiments
            .iter()
            .map(|experiment| (experiment.id.as_str(), experiment))
            .collect();
        let discarded: Vec<(&str, u32)> = evidence
            .rounds
            .iter()
            .filter(|round| round.discarded.is_some())
            .map(|round| (round.experiment.as_str(), round.number))
            .collect();
        let mut view = View {
            evidence,
            experiments,
            durations_ms: durations(evidence),
            values: BTreeMap::new(),
            spans_ms: BTreeMap::new(),
            notes: BTreeMap::new(),
            points: BTreeMap::new(),
            ramp: Vec::new(),
        };
        view.fill(&discarded);
        view.ramp = view.find_ramp();
        view
    }

    fn fill(&mut self, discarded: &[(&str, u32)]) {
        let mut all: BTreeMap<(&'a str, Signal, &'a str, u32), Vec<f64>> = BTreeMap::new();
        for observation in &self.evidence.observations {
            let experiment = observation.experiment.as_str();
            if discarded.contains(&(experiment, observation.round)) {
                continue;
            }
            let (signal, subject) = (observation.signal, observation.subject.as_str());
            if !observation.note.is_empty() {
                let note = self
                    .notes
                    .entry(experiment)
                    .or_default()
                    .entry(signal)
                    .or_default()
                    .entry(subject)
                    .or_insert(observation.note.as_str());
                // Of several notes the first in the alphabet: any rule will do that does not know the order.
                if observation.note.as_str() < *note {
                    *note = observation.note.as_str();
                }
            }
            let points = observation.points();
            if !points.is_empty() {
                self.points
                    .entry(experiment)
                    .or_default()
                    .entry(signal)
                    .or_default()
                    .entry(subject)
                    .or_default()
                    .extend(points);
            }
            if let Some(span) = observation.span_ms() {
                self.spans_ms
                    .entry(experiment)
                    .or_default()
                    .entry(signal)
                    .or_default()
                    .entry(subject)
                    .or_default()
                    .push(span);
            }
            if let Some(value) = observation.value() {
                all.entry((experiment, signal, subject, observation.round))
                    .or_default()
                    .push(value);
            }
        }
        for ((experiment, signal, subject, round), values) in all {
            if let Some(value) = mean(&values) {
                self.values
                    .entry(experiment)
                    .or_default()
                    .entry(signal)
                    .or_default()
                    .entry(subject)
                    .or_default()
                    .insert(round, value);
            }
        }
        let by_subject = self.spans_ms.values_mut().flat_map(BTreeMap::values_mut);
        for spans in by_subject.flat_map(BTreeMap::values_mut) {
            spans.sort_by(f64::total_cmp);
        }
        let by_subject = self.points.values_mut().flat_map(BTreeMap::values_mut);
        for points in by_subject.flat_map(BTreeMap::values_mut) {
            points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        }
    }

    fn find_ramp(&self) -> Vec<&'a str> {
        let closed = |is_wanted: fn(&Purpose) -> bool| {
            let mut found: Vec<(f64, &'a str)> = self
                .experiments
                .iter()
                .filter(|(_, experiment)| is_wanted(&experiment.purpose))
                .filter_map(|(id, experiment)| Some((experiment.load.users?, *id)))
                .filter(|(users, id)| users.is_finite() && *users > 0.0 && self.latency(id).is_some())
                .collect();
            found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
            found.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
        };
        let ramp = closed(|purpose| matches!(purpose, Purpose::Baseline | Purpose::Ramp));
        if ramp.len() >= 2 {
            return ramp;
        }
        closed(|purpose| {
            matches!(
                purpose,
                Purpose::Baseline | Purpose::Ramp | Purpose::Story(_) | Purpose::Hold
            )
        })
    }

    /// Experiments by id.
    pub(crate) fn experiments(&self) -> impl Iterator<Item = &'a Experiment> {
        self.experiments.values().copied()
    }

    pub(crate) fn experiment(&self, id: &str) -> Option<&'a Experiment> {
        self.experiments.get(id).copied()
    }

    /// Those that are no arm of a counter-experiment: the target as it is.
    pub(crate) fn natural(&self) -> impl Iterator<Item = &'a str> {
        self.experiments()
            .filter(|experiment| match &experiment.purpose {
                Purpose::Counter { .. } | Purpose::Preflight => false,
                Purpose::Noise
                | Purpose::Baseline
                | Purpose::Story(_)
                | Purpose::Ramp
                | Purpose::Hold
                | Purpose::OpenLoop => true,
            })
            .map(|experiment| experiment.id.as_str())
    }

    pub(crate) fn low(&self) -> Option<&'a str> {
        self.ramp.first().copied()
    }

    pub(crate) fn high(&self) -> Option<&'a str> {
        self.ramp.last().copied().filter(|_| self.ramp.len() >= 2)
    }

    pub(crate) fn users(&self, experiment: &str) -> Option<f64> {
        self.experiment(experiment)?.load.users
    }

    pub(crate) fn duration_ms(&self, experiment: &str) -> Option<f64> {
        self.durations_ms.get(experiment).copied()
    }

    /// By round.
    pub(crate) fn rounds(
        &self,
        experiment: &str,
        signal: Signal,
        subject: &str,
    ) -> Option<&BTreeMap<u32, f64>> {
        self.values.get(experiment)?.get(&signal)?.get(subject)
    }

    /// Mean over rounds.
    pub(crate) fn at(&self, experiment: &str, signal: Signal, subject: &str) -> Option<Seen> {
        let rounds = self.rounds(experiment, signal, subject)?;
        let values: Vec<f64> = rounds.values().copied().collect();
        let value = mean(&values)?;
        Some(Seen {
            value,
            cite: Citation {
                experiment: experiment.to_owned(),
                signal,
                subject: subject.to_owned(),
                value,
                rounds: u32::try_from(rounds.len()).unwrap_or(u32::MAX),
                note: self
                    .note(experiment, signal, subject)
                    .unwrap_or_default()
                    .to_owned(),
            },
        })
    }

    pub(crate) fn value(&self, experiment: &str, signal: Signal, subject: &str) -> Option<f64> {
        self.at(experiment, signal, subject).map(|seen| seen.value)
    }

    /// How long a count was taken: by its own times, else as long as a round. A source that is slow to answer while
    /// the machine is busy has seen a part of the round only.
    pub(crate) fn counted_ms(&self, experiment: &str, signal: Signal, subject: &str) -> Option<f64> {
        self.spans_ms
            .get(experiment)
            .and_then(|signals| signals.get(&signal)?.get(subject))
            .and_then(|spans| mean(spans))
            .or_else(|| self.duration_ms(experiment))
    }

    /// A count, for each millisecond in which it was taken.
    pub(crate) fn per_ms(&self, experiment: &str, signal: Signal, subject: &str) -> Option<f64> {
        Some(self.value(experiment, signal, subject)? / self.counted_ms(experiment, signal, subject)?)
    }

    /// Levels over time.
    pub(crate) fn points(&self, experiment: &str, signal: Signal, subject: &str) -> &[(f64, f64)] {
        self.points
            .get(experiment)
            .and_then(|signals| signals.get(&signal)?.get(subject))
            .map_or(&[], Vec::as_slice)
    }

    pub(crate) fn note(&self, experiment: &str, signal: Signal, subject: &str) -> Option<&'a str> {
        self.notes.get(experiment)?.get(&signal)?.get(subject).copied()
    }

    /// All subjects of a signal in one experiment, the greatest value first.
    pub(crate) fn subjects(&self, experiment: &str, signal: Signal) -> Vec<(&'a str, Seen)> {
        let Some(subjects) = self
            .values
            .get(experiment)
            .and_then(|signals| signals.get(&signal))
        else {
            return Vec::new();
        };
        let mut found: Vec<(&'a str, Seen)> = subjects
            .keys()
            .filter_map(|subject| Some((*subject, self.at(experiment, signal, subject)?)))
            .collect();
        found.sort_by(|a, b| b.1.value.total_cmp(&a.1.value).then(a.0.cmp(b.0)));
        found
    }

    /// A fact: at high load, else about the whole investigation, else from the first experiment that has it.
    pub(crate) fn fact(&self, signal: Signal, subject: &str) -> Option<Seen> {
        self.high()
            .and_then(|high| self.at(high, signal, subject))
            .or_else(|| self.at("", signal, subject))
            .or_else(|| {
                self.values
                    .keys()
                    .find_map(|experiment| self.at(experiment, signal, subject))
            })
    }

    /// All subjects of a fact, wherever it was seen, the greatest value first.
    pub(crate) fn fact_subjects(&self, signal: Signal) -> Vec<(&'a str, Seen)> {
        let mut names: Vec<&'a str> = self
            .values
            .values()
            .filter_map(|signals| signals.get(&signal))
            .flat_map(|subjects| subjects.keys().copied())
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut found: Vec<(&'a str, Seen)> = names
            .into_iter()
            .filter_map(|name| Some((name, self.fact(signal, name)?)))
            .collect();
        found.sort_by(|a, b| b.1.value.total_cmp(&a.1.value).then(a.0.cmp(b.0)));
        found
    }

    /// The natural experiment in which a signal is greatest.
    pub(crate) fn worst(&self, signal: Signal, subject: &str) -> Option<Seen> {
        self.natural()
            .filter_map(|experiment| self.at(experiment, signal, subject))
            .max_by(|a, b| {
                a.value
                    .total_cmp(&b.value)
                    .then(b.cite.experiment.cmp(&a.cite.experiment))
            })
    }

    /// The natural experiment in which a signal is smallest.
    pub(crate) fn least(&self, signal: Signal, subject: &str) -> Option<Seen> {
        self.natural()
            .filter_map(|experiment| self.at(experiment, signal, subject))
            .min_by(|a, b| {
                a.value
                    .total_cmp(&b.value)
                    .then(a.cite.experiment.cmp(&b.cite.experiment))
            })
    }

    /// Mean latency of good answers.
    pub(crate) fn latency(&self, experiment: &str) -> Option<f64> {
        self.value(experiment, Signal::ClientLatencyMs, "")
            .filter(|latency| *latency > 0.0)
    }

    /// Good answers a second, by round.
    pub(crate) fn rates(&self, experiment: &str) -> Vec<f64> {
        if let Some(rates) = self.rounds(experiment, Signal::ClientRate, "") {
            return rates.values().copied().collect();
        }
        let Some(duration) = self.duration_ms(experiment).filter(|duration| *duration > 0.0) else {
            return Vec::new();
        };
        self.rounds(experiment, Signal::ClientOk, "")
            .map(|rounds| rounds.values().map(|ok| ok / duration * 1000.0).collect())
            .unwrap_or_default()
    }

    pub(crate) fn rate(&self, experiment: &str) -> Option<f64> {
        mean(&self.rates(experiment)).filter(|rate| *rate > 0.0)
    }

    /// Good answers of a round, mean over rounds.
    pub(crate) fn answers(&self, experiment: &str) -> Option<f64> {
        self.value(experiment, Signal::ClientOk, "")
            .or_else(|| Some(self.rate(experiment)? * self.duration_ms(experiment)? / 1000.0))
            .filter(|answers| *answers > 0.0)
    }

    /// Requests of a round, mean over rounds.
    pub(crate) fn requests(&self, experiment: &str) -> f64 {
        let errors = self.value(experiment, Signal::ClientErrors, "").unwrap_or(0.0);
        let ok = self.answers(experiment).unwrap_or(0.0);
        self.value(experiment, Signal::ClientRequests, "")
            .unwrap_or(ok + errors)
    }

    /// Failures and requests of each round.
    pub(crate) fn failures(&self, experiment: &str) -> Vec<(f64, f64)> {
        let of = |signal: Signal| self.rounds(experiment, signal, "");
        let (requests, ok, errors) = (
            of(Signal::ClientRequests),
            of(Signal::ClientOk),
            of(Signal::ClientErrors),
        );
        let mut rounds: Vec<u32> = [requests, ok, errors]
            .into_iter()
            .flatten()
            .flat_map(|rounds| rounds.keys().copied())
            .collect();
        rounds.sort_unstable();
        rounds.dedup();
        rounds
            .into_iter()
            .map(|round| {
                let at = |rounds: Option<&BTreeMap<u32, f64>>| rounds?.get(&round).copied();
                let failed = at(errors).unwrap_or(0.0);
                let all = at(requests).unwrap_or(at(ok).unwrap_or(0.0) + failed);
                (failed, all)
            })
            .collect()
    }

    /// Failures as a share of requests.
    pub(crate) fn error_share(&self, experiment: &str) -> f64 {
        let errors = self.value(experiment, Signal::ClientErrors, "").unwrap_or(0.0);
        let requests = self.requests(experiment);
        if requests > 0.0 {
            (errors / requests).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// Whether a source could be read, by anybody.
    pub(crate) fn state(&self, source: Source, subject: &str) -> (State, String) {
        let mut states: Vec<(State, &str)> = self
            .evidence
            .sources
            .iter()
            .filter(|state| state.source == source)
            .filter(|state| state.subject.is_empty() || subject.is_empty() || state.subject == subject)
            .map(|state| (state.state, state.reason.as_str()))
            .collect();
        states.sort_unstable();
        states.first().map_or_else(
            || (State::Absent, "nobody said where it is".to_owned()),
            |(state, reason)| (*state, (*reason).to_owned()),
        )
    }
}

fn durations(evidence: &Evidence) -> BTreeMap<&str, f64> {
    let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in evidence.rounds.iter().filter(|round| round.discarded.is_none()) {
        if round.duration_ms > 0.0 {
            all.entry(round.experiment.as_str())
                .or_default()
                .push(round.duration_ms);
        }
    }
    all.into_iter()
        .filter_map(|(experiment, durations)| Some((experiment, mean(&durations)?)))
        .collect()
}
