//! One slow request, step by step, as the target tells it: shown, and not judged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Steps that one request may have: a bound on what a stranger can make us keep.
pub const SPANS_MAX: usize = 500;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// Its id at the target.
    pub id: String,
    /// What was asked for.
    pub name: String,
    /// To the last byte.
    pub took_ms: f64,
    /// Each after the one it stands under.
    pub spans: Vec<Span>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// How deep it stands under the request.
    pub depth: u32,
    /// What was done.
    pub name: String,
    /// Since the request began.
    pub began_ms: f64,
    /// How long it took.
    pub took_ms: f64,
    /// A statement, or what else it tells.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}
