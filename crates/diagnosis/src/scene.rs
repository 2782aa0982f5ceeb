//! What rules look at: the view, the attribution, low and high load, and whether there is any trouble.

use std::cell::OnceCell;

use crate::{
    attribution::{self, Attribution, part::Part},
    consistency,
    experiment::Load,
    finding::{Basis, Citation},
    guard,
    interval::Interval,
    predict::{self, Limit},
    signal::Signal,
    source::{Source, State},
    view::{Seen, View},
};

/// Failures below this share are noise, not a cliff.
pub(crate) const ERRORS_MIN: f64 = 0.01;

/// Everything that rules look at.
pub(crate) struct Scene<'a> {
    pub(crate) view: View<'a>,
    pub(crate) attribution: Option<Attribution>,
    /// Empty without a ramp.
    pub(crate) low: &'a str,
    pub(crate) high: &'a str,
    /// Whether latency grew, or throughput stayed behind, by more than noise.
    pub(crate) is_troubled: bool,
    limits: OnceCell<Vec<Limit>>,
}

/// How much of the trouble a rule explains.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) share: Interval,
    pub(crate) basis: Basis,
    pub(crate) words: String,
    pub(crate) cites: Vec<Citation>,
}

/// What a clue says.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Yes(Said),
    No(Said),
    Unseen(Missing),
}

/// With the numbers, and where they are from.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) words: String,
    pub(crate) cites: Vec<Citation>,
    /// Whether it is what is left after all else was looked at, and not a counter of the thing itself.
    pub(crate) is_circumstance: bool,
}

/// What would have to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) source: Source,
    pub(crate) subject: &'static str,
}

/// A statement of the database in one experiment.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) query: &'a str,
    pub(crate) mean_ms: f64,
    pub(crate) calls_each: f64,
    /// Of the time of all statements.
    pub(crate) share: f64,
    pub(crate) seen: Seen,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(view: View<'a>) -> Scene<'a> {
        let attribution = attribution::attribute(&view);
        let is_troubled = attribution
            .as_ref()
            .is_some_and(|attribution| !guard::is_healthy(&view, attribution));
        Scene {
            low: view.low().unwrap_or_default(),
            high: view.high().unwrap_or_default(),
            view,
            attribution,
            is_troubled,
            limits: OnceCell::new(),
        }
    }

    pub(crate) fn limits(&self) -> &[Limit] {
        self.limits.get_or_init(|| predict::limits(&self.view))
    }

    pub(crate) fn at_high(&self, signal: Signal, subject: &str) -> Option<Seen> {
        self.view.at(self.high, signal, subject)
    }

    pub(crate) fn at_low(&self, signal: Signal, subject: &str) -> Option<Seen> {
        self.view.at(self.low, signal, subject)
    }

    pub(crate) fn load(&self) -> Option<&'a Load> {
        self.view.experiment(self.high).map(|experiment| &experiment.load)
    }

    /// Mean time in the server at high load, else the whole latency: what a wait inside the server is a part of,
    /// however long the client made requests wait before.
    pub(crate) fn server_ms(&self) -> f64 {
        self.at_high(Signal::AppHandlerMs, "")
            .map(|seen| seen.value)
            .or_else(|| self.view.latency(self.high))
            .filter(|ms| *ms > 0.0)
            .unwrap_or(f64::INFINITY)
    }

    /// Whether what the server says of itself is from the header of a few answers, for want of its metrics.
    pub(crate) fn is_told_by_timing(&self) -> bool {
        let is_read = |source: Source| self.view.state(source, "").0 == State::Available;
        !is_read(Source::Metrics) && is_read(Source::ServerTiming)
    }

    /// A count in the highest load, as milliseconds or events per millisecond of wall time.
    pub(crate) fn per_ms(&self, signal: Signal, subject: &str) -> Option<(f64, Seen)> {
        let seen = self.at_high(signal, subject)?;
        Some((self.view.per_ms(self.high, signal, subject)?, seen))
    }

    /// A count in the highest load, for each answer.
    pub(crate) fn each(&self, signal: Signal, subject: &str) -> Option<(f64, Seen)> {
        let seen = self.at_high(signal, subject)?;
        Some((seen.value / self.view.answers(self.high)?, seen))
    }

    /// A part of the growth of latency, if it grew at all.
    pub(crate) fn growth(&self, is_wanted: impl Fn(Part, &str) -> bool) -> Option<Claim> {
        let attribution = self.attribution.as_ref().filter(|_| self.is_troubled)?;
        // Where only throughput stayed behind there is no growth of which anything could be a part.
        if attribution.high_ms <= attribution.low_ms {
            return None;
        }
        let share = attribution.share(&is_wanted);
        let cites = attribution
            .causes
            .iter()
            .filter(|cause| cause.share > 0.02 && is_wanted(cause.part, &cause.subject))
            .flat_map(|cause| attribution::cite(&self.view, self.high, cause.part, &cause.subject))
            .collect();
        (share > 0.0).then(|| Claim {
            share: attribution.interval_of(share),
            basis: Basis::Growth,
            words: format!(
                "{:.0} % of the growth of latency from {:.1} to {:.1} ms",
                share * 100.0,
                attribution.low_ms,
                attribution.high_ms
            ),
            cites,
        })
    }

    /// What of the growth is the database's, where anybody tells.
    pub(crate) fn database_share(&self) -> Option<f64> {
        let attribution = self.attribution.as_ref().filter(|_| self.is_troubled)?;
        let statements = self.statements(self.high);
        let is_slower = statements.first().is_none_or(|first| self.is_slower(first));
        let is_of_it = |part: Part| match part {
            Part::Database | Part::DatabaseByServer | Part::PoolWait => true,
            Part::DatabaseGap => is_slower,
            _ => false,
        };
        if !attribution.rows.iter().any(|row| is_of_it(row.part)) {
            return None;
        }
        let growth = attribution.high_ms - attribution.low_ms;
        let ours: f64 = attribution
            .rows
            .iter()
            .filter(|row| is_of_it(row.part))
            .map(|row| row.growth_ms)
            .sum();
        (growth > 0.0).then(|| ours.max(0.0) / growth)
    }

    /// A part of latency itself: a cost at any load. Only where latency did not grow, for a limit comes first.
    pub(crate) fn standing(&self, is_wanted: impl Fn(Part, &str) -> bool) -> Option<Claim> {
        let attribution = self.attribution.as_ref().filter(|_| !self.is_troubled)?;
        let share = attribution.share_of_high(&is_wanted);
        let cites = attribution
            .rows
            .iter()
            .filter(|row| row.share_of_high > 0.02 && is_wanted(row.part, &row.subject))
            .flat_map(|row| attribution::cite(&self.view, self.high, row.part, &row.subject))
            .collect();
        (share > 0.0).then(|| Claim {
            share: Interval::exact(share),
            basis: Basis::Standing,
            words: format!(
                "{:.0} % of a latency of {:.1} ms that load does not change",
                share * 100.0,
                attribution.high_ms
            ),
            cites,
        })
    }

    /// Of growth if it grew, of latency itself otherwise.
    pub(crate) fn growth_or_standing(&self, is_wanted: impl Fn(Part, &str) -> bool) -> Option<Claim> {
        self.growth(&is_wanted).or_else(|| self.standing(&is_wanted))
    }

    /// The natural experiment with the greatest share of failures, if it is a cliff.
    pub(crate) fn cliff(&self) -> Option<&'a str> {
        self.view
            .natural()
            .map(|id| (self.view.error_share(id), id))
            .filter(|(share, _)| *share >= ERRORS_MIN)
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
            .map(|(_, id)| id)
    }

    /// A part of the failures: the counts of these signals over all failures, in the experiment where they are
    /// the greatest part.
    pub(crate) fn errors(&self, of: &[(Signal, &str)]) -> Option<Claim> {
        let candidates = self.view.natural().filter_map(|id| {
            let all = self.view.value(id, Signal::ClientErrors, "")?;
            if self.view.error_share(id) < ERRORS_MIN || all <= 0.0 {
                return None;
            }
            let seen: Vec<Seen> = of
                .iter()
                .filter_map(|(signal, subject)| self.view.at(id, *signal, subject))
                .collect();
            // The same failure may be counted by the client and by the log of the proxy.
            let most = seen.iter().map(|seen| seen.value).fold(0.0, f64::max);
            Some(((most / all).min(1.0), all, id, seen))
        });
        let (share, all, id, seen) = candidates.filter(|(share, ..)| *share > 0.0).max_by(|a, b| {
            (a.0, a.1)
                .partial_cmp(&(b.0, b.1))
                .unwrap_or(std::cmp::Ordering::Equal)
        })?;
        Some(Claim {
            share: Interval::exact(share),
            basis: Basis::Errors,
            words: format!(
                "{:.0} % of {all:.0} failures in {id} ({:.1} % of its requests failed)",
                share * 100.0,
                self.view.error_share(id) * 100.0
            ),
            cites: seen.into_iter().map(|seen| seen.cite).collect(),
        })
    }

    /// Whether the database itself finds a statement slower under load. Time that only the server sees is the
    /// database's where it does: a server that waits for its own CPU sees every statement late.
    pub(crate) fn is_slower(&self, statement: &Statement<'_>) -> bool {
        const SLOWER: f64 = 1.2;
        let before = self.statements(self.low);
        let before = before.iter().find(|before| before.query == statement.query);
        before.is_none_or(|before| statement.mean_ms >= SLOWER * before.mean_ms)
    }

    /// At both ends of a short round not all users are at work: what a saturated resource is idle then.
    pub(crate) fn edge_idle(&self) -> f64 {
        const MOST: f64 = 0.15;
        (consistency::edge(&self.view, self.high) / 2.0).min(MOST)
    }

    /// Cores that a party kept busy at high load.
    pub(crate) fn cores_busy(&self, party: &str) -> Option<(f64, Seen)> {
        self.per_ms(Signal::ProcessCpuMs, party)
    }

    /// Share of wall time in which its quota held a party.
    pub(crate) fn throttled(&self, party: &str) -> Option<(f64, Seen)> {
        let seen = self.at_high(Signal::CgroupThrottledMs, party)?;
        Some((
            attribution::stall::throttled_share(&self.view, self.high, party)?,
            seen,
        ))
    }

    /// Statements of an experiment by their time, the greatest first.
    pub(crate) fn statements(&self, experiment: &str) -> Vec<Statement<'a>> {
        let seen = self.view.subjects(experiment, Signal::PgStatementMs);
        let all: f64 = seen.iter().map(|(_, seen)| seen.value).sum();
        let answers = self.view.answers(experiment).unwrap_or(0.0);
        seen.into_iter()
            .filter(|(_, seen)| seen.value > 0.0 && all > 0.0)
            .map(|(query, seen)| {
                let calls = self
                    .view
                    .value(experiment, Signal::PgStatementCalls, query)
                    .unwrap_or(0.0);
                Statement {
                    query,
                    mean_ms: if calls > 0.0 { seen.value / calls } else { 0.0 },
                    calls_each: if answers > 0.0 { calls / answers } else { 0.0 },
                    share: seen.value / all,
                    seen,
                }
            })
            .collect()
    }
}

/// With the words, and the citations of what was seen.
pub(crate) fn said(words: String, seen: impl IntoIterator<Item = Seen>) -> Said {
    Said {
        words,
        cites: seen.into_iter().map(|seen| seen.cite).collect(),
        is_circumstance: false,
    }
}

/// Yes by circumstance, if it is so: reason to suspect, and no more.
pub(crate) fn circumstance(is_so: bool, words: String, seen: impl IntoIterator<Item = Seen>) -> Answer {
    match answer(is_so, words, seen) {
        Answer::Yes(said) => Answer::Yes(Said {
            is_circumstance: true,
            ..said
        }),
        no => no,
    }
}

/// Yes if it is so.
pub(crate) fn answer(is_so: bool, words: String, seen: impl IntoIterator<Item = Seen>) -> Answer {
    let said = said(words, seen);
    if is_so {
        Answer::Yes(said)
    } else {
        Answer::No(said)
    }
}

/// Nothing was read that could tell.
pub(crate) fn unseen(source: Source, subject: &'static str) -> Answer {
    Answer::Unseen(Missing { source, subject })
}
