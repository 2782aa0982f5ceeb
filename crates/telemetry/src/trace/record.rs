//! What is written while a request runs: appended to, seldom read.

use std::time::Duration;

use super::{
    Open, Split, Trace,
    name::Name,
    parent::Traceparent,
    routes::Routes,
    span::{Span, Step},
};

/// Spans of one trace at most; more are counted.
pub(super) const SPANS_MAX: usize = 1024;
/// Requests that a batch names at most.
pub(super) const LINKS_MAX: usize = 64;
/// Room that is there from the start: enough for the reading of a record, and small, as there is one a request.
const SPANS_FIRST: usize = 8;

/// A batch that worked for a request, and how long that waited for it.
pub(super) struct Joined {
    pub(super) batch: Trace,
    pub(super) source: Name,
    /// The span that both stand under.
    pub(super) under: u16,
    /// Since the trace began.
    pub(super) began_ns: u64,
    pub(super) waited_ns: u64,
}

pub(super) struct Record {
    pub(super) spans: Vec<Span>,
    /// Spans that found no room.
    pub(super) lost: u32,
    /// The innermost that has begun and not ended.
    innermost: u16,
    /// Batches that worked for this one. Each is two spans, of which there is nothing but this until somebody reads:
    /// a batch writes to hundreds of requests, whose memory is not at hand.
    pub(super) joined: Vec<Joined>,
    /// Those that this one works for.
    pub(super) links: Vec<Traceparent>,
    /// Of a batch, the first that it works for and that will be kept whatever happens.
    pub(super) chosen: Option<Traceparent>,
    /// Those that a batch works for.
    pub(super) routes: Routes,
    /// Of the steps that have ended.
    split: Split,
}

impl Record {
    pub(super) fn new() -> Record {
        Record {
            spans: Vec::with_capacity(SPANS_FIRST),
            lost: 0,
            innermost: Span::ROOT,
            joined: Vec::new(),
            links: Vec::new(),
            chosen: None,
            routes: Routes::default(),
            split: Split::default(),
        }
    }

    pub(super) fn begin(&mut self, step: Step, now: Duration) -> Open {
        let open = self.push(Span {
            step,
            parent: self.innermost,
            failed: false,
            began_ns: Span::nanoseconds(now),
            took_ns: Span::OPEN,
        });
        if open != Open(Span::ROOT) {
            self.innermost = open.0;
        }
        open
    }

    pub(super) fn end(&mut self, open: Open, now: Duration, tell: impl FnOnce(&mut Step)) {
        let Some(span) = self.spans.get_mut(usize::from(open.0)) else {
            return;
        };
        // One that has ended stays as it ended.
        if span.took_ns != Span::OPEN {
            return;
        }
        tell(&mut span.step);
        span.took_ns = Span::nanoseconds(now).saturating_sub(span.began_ns);
        count(&mut self.split, span);
        // Those that end out of turn ran side by side, and were never the innermost for long.
        if self.innermost == open.0 {
            self.innermost = span.parent;
        }
    }

    pub(super) fn failed(&mut self, open: Open) {
        if let Some(span) = self.spans.get_mut(usize::from(open.0)) {
            span.failed = true;
        }
    }

    pub(super) fn add(&mut self, step: Step, from: Duration, took: Duration) {
        let span = Span {
            step,
            parent: self.innermost,
            failed: false,
            began_ns: Span::nanoseconds(from),
            took_ns: Span::nanoseconds(took),
        };
        count(&mut self.split, &span);
        let _ended = self.push(span);
    }

    pub(super) fn join(&mut self, batch: Trace, source: Name, since: Duration, waited: Duration) {
        if self.joined.len() >= SPANS_MAX {
            self.lost += 1;
            return;
        }
        self.joined.push(Joined {
            batch,
            source,
            under: self.innermost,
            began_ns: Span::nanoseconds(since),
            waited_ns: Span::nanoseconds(waited),
        });
    }

    pub(super) fn link(&mut self, member: Traceparent) {
        if self.links.len() < LINKS_MAX {
            self.links.push(member);
        }
    }

    pub(super) fn split(&self) -> Split {
        self.split
    }

    fn push(&mut self, span: Span) -> Open {
        if self.spans.len() >= SPANS_MAX {
            self.lost += 1;
            return Open(Span::ROOT);
        }
        self.spans.push(span);
        Open(u16::try_from(self.spans.len() - 1).unwrap_or(Span::ROOT))
    }
}

/// Adds what a step that has ended took.
fn count(split: &mut Split, span: &Span) {
    let took = Duration::from_nanos(span.took_ns);
    match span.step {
        Step::Pool { .. } => split.pool += took,
        Step::Prepare { .. } => split.database += took,
        Step::Statement { .. } => {
            split.database += took;
            split.statements += 1;
        }
        Step::Route
        | Step::Handle
        | Step::Queue { .. }
        | Step::Batch { .. }
        | Step::Measure { .. }
        | Step::Wake
        | Step::Document
        | Step::Encode
        | Step::Write => {}
    }
}
