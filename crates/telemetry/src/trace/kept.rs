//! A trace that is kept, with texts instead of numbers: what JSON, OTLP and the waterfall show.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    id::{SpanId, TraceId},
    keep::Reason,
};

/// One request, from its head to its last byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its id.
    pub trace_id: TraceId,
    /// The root span's.
    pub span_id: SpanId,
    /// The span of the caller, if it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<SpanId>,
    /// Why it was kept.
    pub kept: Reason,
    /// HTTP's method.
    pub method: Cow<'static, str>,
    /// The route's pattern, never the path.
    pub route: Cow<'static, str>,
    /// The answer's status; 0 if the client left before there was one.
    pub status: u16,
    /// Of the answer's body.
    pub body_bytes: u64,
    /// Nanoseconds since 1970.
    pub began_unix_ns: u64,
    /// To the last byte.
    pub took_ns: u64,
    /// Spans that found no room.
    pub spans_lost: u32,
    /// The steps, each after the one it stands under.
    pub spans: Vec<KeptSpan>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptSpan {
    /// Its id.
    pub span_id: SpanId,
    /// The span it stands under.
    pub parent_id: SpanId,
    /// Its kind.
    pub step: Cow<'static, str>,
    /// What it is about: a dataset, a section, a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Arc<str>>,
    /// Since the trace began.
    pub began_ns: u64,
    /// How long it took.
    pub took_ns: u64,
    /// It had not ended when the request had.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unended: bool,
    /// It failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// Of a statement, a wait for a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Arc<str>>,
    /// Of a statement: values are `$1`, `$2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<Arc<str>>,
    /// Of a statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Of a batch: requests' wants in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants: Option<u32>,
    /// Of a batch: distinct objects in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<u32>,
    /// Of a batch: others that it worked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// A span of another trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
}

/// One line of the list of traces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its id.
    pub trace_id: TraceId,
    /// Why it was kept.
    pub kept: Reason,
    /// HTTP's method.
    pub method: Cow<'static, str>,
    /// The route's pattern.
    pub route: Cow<'static, str>,
    /// The answer's status.
    pub status: u16,
    /// Nanoseconds since 1970.
    pub began_unix_ns: u64,
    /// To the last byte.
    pub took_ns: u64,
    /// Steps recorded.
    pub spans: usize,
}

impl Kept {
    /// Its line in the list.
    pub fn line(&self) -> Line {
        Line {
            trace_id: self.trace_id,
            kept: self.kept,
            method: self.method.clone(),
            route: self.route.clone(),
            status: self.status,
            began_unix_ns: self.began_unix_ns,
            took_ns: self.took_ns,
            spans: self.spans.len(),
        }
    }

    /// The share of its time in which one of its innermost steps was under way. The rest is unexplained.
    pub fn explained(&self) -> f64 {
        if self.took_ns == 0 {
            return 1.0;
        }
        let is_leaf = |span: &&KeptSpan| !self.spans.iter().any(|other| other.parent_id == span.span_id);
        let mut leaves: Vec<(u64, u64)> = self
            .spans
            .iter()
            .filter(is_leaf)
            .map(|span| (span.began_ns, span.began_ns.saturating_add(span.took_ns)))
            .collect();
        leaves.sort_unstable();
        let (mut covered, mut until) = (0, 0);
        for (from, to) in leaves {
            let from = from.max(until);
            let to = to.min(self.took_ns);
            if to > from {
                covered += to - from;
                until = to;
            }
        }
        covered as f64 / self.took_ns as f64
    }
}
