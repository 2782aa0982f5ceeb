//! What was done to the target: experiments and their rounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One load, held still, in one or more rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Unique in the evidence: `ramp-16`, `C1-connections/a`.
    pub id: String,
    /// What for.
    pub purpose: Purpose,
    /// What was sent.
    pub load: Load,
}

/// What an experiment is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The ceiling of the generator, idle round trips.
    Preflight,
    /// The same load twice: how much differs when nothing does. Arm by the parity of the round.
    Noise,
    /// One user.
    Baseline,
    /// How browsers and naive clients would ask; its name.
    Story(String),
    /// A step of growing concurrency.
    Ramp,
    /// The same load for long, to see change.
    Hold,
    /// A constant rate, whatever the answers do.
    OpenLoop,
    /// One arm of a counter-experiment, by its id.
    Counter {
        /// Which.
        counter: String,
        /// Without or with the change.
        arm: Arm,
    },
}

/// Without or with the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// As it was.
    Before,
    /// One factor changed.
    After,
}

/// What was sent. What is not known, or does not apply, is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Load {
    /// Users, each waiting for its answer: the N of a closed loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<f64>,
    /// Requests a second of an open loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// `HTTP/1.1` or `HTTP/2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Most connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Most streams on a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams: Option<u32>,
    /// Requests in all, of a burst.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Flow-control window of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_bytes: Option<u64>,
    /// Whether every request makes a new connection.
    pub is_new_connection_each: bool,
    /// Path, or the template of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// One span of time of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// The experiment.
    pub experiment: String,
    /// From 1. Rounds of the two arms of a counter-experiment with the same number are a pair.
    pub number: u32,
    /// Since the investigation began.
    pub start_ms: f64,
    /// How long it was measured, without its first second.
    pub duration_ms: f64,
    /// Why it must not be believed: foreign CPU, steal, an unhealthy generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded: Option<String>,
}
