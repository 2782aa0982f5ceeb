//! W3C's `traceparent`: how a trace goes from one process to the next.

use std::fmt;

use super::id::{SpanId, TraceId};

/// Bit of the flags: the caller keeps its part of the trace.
const SAMPLED: u8 = 1;
/// Of version 00: `00-` trace `-` span `-` flags.
const LENGTH: usize = 55;

/// Which trace, and which span of it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    /// The trace.
    pub trace: TraceId,
    /// The span that asks.
    pub span: SpanId,
    /// The caller keeps it.
    pub sampled: bool,
}

impl Traceparent {
    /// What the header says. Anything that is not as the standard has it starts a new trace, so: none.
    pub fn parse(header: &str) -> Option<Traceparent> {
        // A later version may be longer, and begins the same.
        let (head, rest) = header.split_at_checked(LENGTH)?;
        let mut parts = head.split('-');
        let mut part = |length| parts.next().filter(|part| part.len() == length);
        let (version, trace, span, flags) = (byte(part(2)?)?, part(32)?, part(16)?, byte(part(2)?)?);
        let may_go_on = match version {
            0 => rest.is_empty(),
            0xff => false,
            1..=0xfe => rest.is_empty() || rest.starts_with('-'),
        };
        may_go_on.then_some(Traceparent {
            trace: trace.parse().ok()?,
            span: span.parse().ok()?,
            sampled: flags & SAMPLED != 0,
        })
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.sampled { SAMPLED } else { 0 };
        write!(f, "00-{}-{}-{flags:02x}", self.trace, self.span)
    }
}

fn byte(text: &str) -> Option<u8> {
    let fits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u8::from_str_radix(text, 16).ok()).flatten()
}
