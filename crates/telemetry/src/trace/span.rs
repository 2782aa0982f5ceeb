//! The steps of a request, as they are recorded.

use std::time::Duration;

use super::name::Name;

/// What was done. Fixed in size; its names are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Until the route is found and what is asked is understood.
    Route,
    /// The route's own work.
    Handle,
    /// Waiting to be taken into a batch of this source.
    Queue {
        /// A dataset or section.
        source: Name,
    },
    /// A batch, from its taking to its end.
    Batch {
        /// A dataset or section.
        source: Name,
        /// Wants of requests in it.
        wants: u32,
        /// Distinct objects in it.
        ids: u32,
    },
    /// Waiting for a connection.
    Pool {
        /// The database.
        database: Name,
    },
    /// Having a statement prepared.
    Prepare {
        /// The database.
        database: Name,
    },
    /// A statement, from its sending to its last row.
    Statement {
        /// The database.
        database: Name,
        /// A dataset, section or collection.
        statement: Name,
        /// Its text, in which values are `$1`, `$2`.
        sql: Name,
        /// Rows received.
        rows: u64,
    },
    /// Computing over rows. It goes on while they arrive; the sum stands at the end, as one.
    Measure {
        /// A dataset or section.
        source: Name,
    },
    /// Between an answer's being there and its being looked at: waiting for a thread.
    Wake,
    /// Putting fragments together.
    Document,
    /// Compressing and indenting.
    Encode,
    /// From the head's being ready to the last byte's being handed over.
    Write,
}

impl Step {
    /// Its kind, as JSON and the waterfall name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Step::Route => "route",
            Step::Handle => "handle",
            Step::Queue { .. } => "queue",
            Step::Batch { .. } => "batch",
            Step::Pool { .. } => "pool",
            Step::Prepare { .. } => "prepare",
            Step::Statement { .. } => "statement",
            Step::Measure { .. } => "measure",
            Step::Wake => "wake",
            Step::Document => "document",
            Step::Encode => "encode",
            Step::Write => "write",
        }
    }
}

/// A recorded step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) step: Step,
    /// The place of the one around it; [`u16::MAX`] for none but the trace itself.
    pub(crate) parent: u16,
    pub(crate) failed: bool,
    /// Since the trace began.
    pub(crate) began_ns: u64,
    /// [`u64::MAX`] while it goes on.
    pub(crate) took_ns: u64,
}

impl Span {
    pub(crate) const OPEN: u64 = u64::MAX;
    pub(crate) const ROOT: u16 = u16::MAX;

    /// Nanoseconds, which 64 bits hold for 584 years.
    pub(crate) fn nanoseconds(time: Duration) -> u64 {
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX - 1)
    }
}
