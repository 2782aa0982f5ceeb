//! Which traces are kept, known only at their end: the failed, the slow, and a random share.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{id::TraceId, parent::Traceparent, tracer::Config};

/// Why a trace was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The answer was a fault of the server, or the client was left without one.
    Failed,
    /// It took longer than the threshold.
    Slow,
    /// The caller keeps its part.
    Asked,
    /// It is one of the random share.
    Share,
}

impl Reason {
    /// All of them, the most telling first.
    pub const ALL: [Reason; 4] = [Reason::Failed, Reason::Slow, Reason::Asked, Reason::Share];

    /// As metrics and JSON name it.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Failed => "failed",
            Reason::Slow => "slow",
            Reason::Asked => "asked",
            Reason::Share => "share",
        }
    }
}

pub(super) struct Ended {
    pub(super) trace: TraceId,
    pub(super) parent: Option<Traceparent>,
    pub(super) failed: bool,
    pub(super) took: Duration,
}

/// Whether a trace will be kept however its request ends, which is known at its beginning.
pub(super) fn is_chosen(config: &Config, trace: TraceId, parent: Option<Traceparent>) -> bool {
    is_asked(config, parent) || is_of_share(config, trace)
}

fn is_asked(config: &Config, parent: Option<Traceparent>) -> bool {
    config.follow_parent && parent.is_some_and(|parent| parent.sampled)
}

fn is_of_share(config: &Config, trace: TraceId) -> bool {
    trace.fraction() < config.share
}

/// None: it is forgotten.
pub(super) fn reason(config: &Config, ended: &Ended) -> Option<Reason> {
    if ended.failed {
        Some(Reason::Failed)
    } else if ended.took >= config.slow {
        Some(Reason::Slow)
    } else if is_asked(config, ended.parent) {
        Some(Reason::Asked)
    } else {
        is_of_share(config, ended.trace).then_some(Reason::Share)
    }
}
