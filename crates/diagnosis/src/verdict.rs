//! The decision: the bottleneck, its proof, what was ruled out, what could not be seen, and what limits next.
//!
//! This is `verdict` in report.json.

pub(crate) mod assemble;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    attribution::Attribution,
    bottleneck::{Bottleneck, Layer},
    counter::judge::Judged,
    finding::{Basis, Citation, Finding},
    grade::Grade,
    interval::Interval,
    law::Curve,
    predict::{Knee, Limit},
    source::{Source, State},
};

/// The decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Id of the catalogue; `X0` if nothing limits up to the load that was tried; null if something does and
    /// it was not found.
    pub bottleneck: Option<Bottleneck>,
    /// Its name.
    pub name: String,
    /// Where it sits.
    pub layer: Option<Layer>,
    /// How sure.
    pub grade: Grade,
    /// How much of the trouble it explains.
    pub share: Option<Interval>,
    /// Of what.
    pub basis: Option<Basis>,
    /// All of it in one sentence.
    pub sentence: String,
    /// Whether the measurement itself is worthless: the generator was the bottleneck.
    pub is_void: bool,
    /// What the sentence rests on.
    pub evidence: Vec<Citation>,
    /// All findings that are suspected or better, the first one first.
    pub findings: Vec<Finding>,
    /// Weaker candidates, by score: id and score.
    pub candidates: Vec<Candidate>,
    /// The milliseconds that add up, low against high load.
    pub attribution: Option<Attribution>,
    /// The same for slow requests against ordinary ones, where requests could be told apart.
    pub tail: Option<Attribution>,
    /// What it is not, and by which signal.
    pub ruled_out: Vec<RuledOut>,
    /// What could not be seen, and for lack of what.
    pub unseen: Vec<Unseen>,
    /// Whether the instruments agree with each other.
    pub checks: Vec<Check>,
    /// What was predicted, and what came of it.
    pub counters: Vec<Judged>,
    /// Counter-experiments that would have been wanted and were not recorded, by id.
    pub not_recorded: Vec<String>,
    /// The steps of growing load.
    pub steps: Vec<Step>,
    /// The laws fitted to the steps.
    pub curve: Option<Curve>,
    /// Where latency begins to grow.
    pub knee: Option<Knee>,
    /// Limits by capacity, the current one first.
    pub limits: Vec<Limit>,
}

/// A bottleneck that was considered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Which.
    pub bottleneck: Bottleneck,
    /// Its name.
    pub name: String,
    /// Share times factors.
    pub score: f64,
}

/// What it is not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOut {
    /// Which.
    pub bottleneck: Bottleneck,
    /// Its name.
    pub name: String,
    /// By what, with the numbers.
    pub because: String,
    /// The observation.
    pub by: Citation,
}

/// What could not be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unseen {
    /// Which.
    pub bottleneck: Bottleneck,
    /// Its name.
    pub name: String,
    /// What would have to be read.
    pub source: Source,
    /// Why it was not.
    pub state: State,
    /// In words.
    pub reason: String,
}

/// Whether instruments agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Which: `little`, `db_side`, `sum` ..
    pub name: String,
    /// Whether they do.
    pub is_passed: bool,
    /// With the numbers.
    pub words: String,
}

/// A step of growing load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its experiment.
    pub experiment: String,
    /// Users.
    pub users: f64,
    /// Good answers a second.
    pub rate: Interval,
    /// Mean latency.
    pub latency_ms: Interval,
    /// 99th percentile, if it is known.
    pub p99_ms: Option<f64>,
    /// Failures, as a share of requests.
    pub error_share: f64,
}
