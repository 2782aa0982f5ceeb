//! One request's times and how it ended.

use crate::outcome::Outcome;

/// One request, when it is over. Times are nanoseconds from the beginning of the run.
///
/// Invariant: scheduled ≤ sent ≤ first byte ≤ done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its number: what was asked for follows from it.
    pub index: u64,
    /// Which connection carried it, the last time.
    pub connection: u32,
    /// When it was meant to start.
    pub scheduled_ns: u64,
    /// When its last byte was handed to the kernel, or would have been.
    pub sent_ns: u64,
    /// When the first byte of the answer was there.
    pub first_byte_ns: u64,
    /// When the last one was, or when it was given up.
    pub done_ns: u64,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// 0 where none came.
    pub status: u16,
    /// How often it was sent again.
    pub resent: u16,
    /// How it ended.
    pub outcome: Outcome,
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) index: u64,
    pub(crate) scheduled: u64,
    pub(crate) sent: u64,
    /// 0 until it comes.
    pub(crate) first_byte: u64,
    pub(crate) body_bytes: u64,
    pub(crate) status: u16,
    /// How often it was sent again, for whatever reason.
    pub(crate) resent: u16,
    /// How often it was refused without the connection having served anything.
    pub(crate) refused: u16,
    pub(crate) request: u16,
    pub(crate) reading: Option<Box<crate::check::Reading>>,
}

impl Ticket {
    pub(crate) fn new(index: u64, scheduled: u64, request: u16) -> Ticket {
        Ticket {
            index,
            scheduled,
            sent: 0,
            first_byte: 0,
            body_bytes: 0,
            status: 0,
            resent: 0,
            refused: 0,
            request,
            reading: None,
        }
    }

    /// As it was before it was sent: its scheduled time stays.
    pub(crate) fn again(mut self) -> Ticket {
        self.first_byte = 0;
        self.body_bytes = 0;
        self.status = 0;
        self.reading = None;
        self.resent = self.resent.saturating_add(1);
        self
    }
}

/// The id of a trace, as `traceparent` carries it: made from the number, so nothing has to be kept.
pub fn trace_id(seed: u64, index: u64) -> u128 {
    use crate::scenario::values::scatter;
    let high = scatter(seed ^ scatter(index));
    let low = scatter(high ^ index);
    // All zeros is not allowed.
    (u128::from(high) << 64 | u128::from(low)) | 1
}
