//! Who was the bottleneck: the server, ourselves, or neither. The first line of every report.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Serialize;

use crate::summary::Summary;

/// A thread that works for so much of the time has no reserve: its figures are its own.
const BUSY_MAX: f64 = 0.90;

/// How late requests may be sent before their times are ours rather than the server's.
const SEND_LAG_P99_MAX_NS: u64 = 1_000_000;

/// How much slower the median may be than the fastest before a queue in the server is the likely reason.
const QUEUE_FACTOR: f64 = 2.0;

/// Fewer answers than this show no hundredth, and no queue.
const ANSWERS_MIN: u64 = 20;

/// Who was the bottleneck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The server: it answers later the more it is asked.
    ServerBound,
    /// We: believe nothing but a lower bound.
    GeneratorBound,
    /// Neither: the time is that of one request, and more of them at once would bring more.
    LatencyBound,
    /// Too few answers to say.
    TooFew,
    /// Nothing was answered.
    Nothing,
}

/// Who was the bottleneck, and why we think so.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfCheck {
    /// Who.
    pub verdict: Verdict,
    /// In words.
    pub why: String,
    /// The share of time in which our busiest thread worked.
    pub busy: f64,
}

impl Verdict {
    /// As the first line says it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::ServerBound => "server-bound",
            Verdict::GeneratorBound => "generator-bound",
            Verdict::LatencyBound => "latency-bound",
            Verdict::TooFew => "too few to tell",
            Verdict::Nothing => "nothing measured",
        }
    }
}

impl SelfCheck {
    pub(super) fn unknown() -> SelfCheck {
        SelfCheck {
            verdict: Verdict::Nothing,
            why: String::new(),
            busy: 0.0,
        }
    }

    /// `has_rate` where requests came at a rate, whether the server kept up with it or not.
    pub(super) fn of(summary: &Summary, busy: f64, has_rate: bool) -> SelfCheck {
        let (verdict, why) = judge(summary, busy, has_rate);
        SelfCheck { verdict, why, busy }
    }

    /// The first line of the report.
    pub fn line(&self) -> String {
        format!("{}: {}", self.verdict.name(), self.why)
    }
}

fn judge(summary: &Summary, busy: f64, has_rate: bool) -> (Verdict, String) {
    let own = format!("our busiest thread worked {:.0} % of the time", busy * 100.0);
    if summary.response.count() == 0 {
        return (Verdict::Nothing, "no request was answered".to_owned());
    }
    if summary.was_slowed_by_samples {
        return (
            Verdict::GeneratorBound,
            format!("the log of requests was written more slowly than they came; {own}"),
        );
    }
    let lag = summary.send_lag.quantile_ns(0.99);
    if !summary.is_closed_loop && lag > SEND_LAG_P99_MAX_NS {
        let advice = if busy < BUSY_MAX / 2.0 {
            "something else keeps this machine busy"
        } else {
            "use more threads (-t), or fewer requests"
        };
        return (
            Verdict::GeneratorBound,
            format!(
                "one request in a hundred was sent {:.2} ms late or more; {own}; {advice}",
                lag as f64 / 1e6
            ),
        );
    }
    // Nor of us: a turn of the loop is most of so short a run.
    let answers = summary.response.count();
    if answers < ANSWERS_MIN {
        let answers = if answers == 1 {
            "1 answer says"
        } else {
            &format!("{answers} answers say")
        };
        return (
            Verdict::TooFew,
            format!("{answers} nothing of who was the bottleneck; {own}"),
        );
    }
    if busy >= BUSY_MAX {
        return (
            Verdict::GeneratorBound,
            format!("{own}, so the server may be faster than this; use more threads (-t)"),
        );
    }
    let fastest = summary.service.quantile_ns(0.01).max(1) as f64;
    let sent = summary.service.quantile_ns(0.5) as f64 / fastest;
    let whole = summary.response.quantile_ns(0.5) as f64 / fastest;
    // At a rate, a queue before the connections grows because the server falls behind.
    let queue = if has_rate { whole } else { sent };
    let times = format!("half of the answers took {queue:.1} times as long as the fastest hundredth; {own}");
    if queue >= QUEUE_FACTOR {
        return (
            Verdict::ServerBound,
            format!("requests wait for each other: {times}"),
        );
    }
    if whole >= QUEUE_FACTOR {
        return (
            Verdict::LatencyBound,
            format!(
                "requests wait for a connection or a stream before they are sent, {whole:.1} times as long as the \
                 fastest hundredth takes; once sent, {times}"
            ),
        );
    }
    (Verdict::LatencyBound, format!("neither side is full: {times}"))
}
