//! How a request can end: the closed list.
//!
//! Every request ends in exactly one of these, so the totals reconcile: asked is answered well, plus HTTP errors,
//! plus failed checks, plus lost, plus unsent.

use schemars::JsonSchema;
use serde::Serialize;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered, with a status that is right.
    Ok,
    /// Answered whole, with a status that is not.
    HttpError,
    /// Answered whole with a right status, and a body that is not what was asked for.
    FailedCheck,
    /// Not answered whole.
    Lost(Lost),
}

/// Why a request has no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// The server closed the connection before the answer was whole.
    Closed,
    /// The connection was reset.
    ConnectionReset,
    /// The server reset the stream, for another reason than having refused it.
    StreamReset,
    /// The server left with an error code (GOAWAY), after it had taken the request.
    GoAway,
    /// Refused as often as the limit of retries allows.
    Refused,
    /// Not answered within its time.
    Timeout,
    /// The answer breaks the protocol.
    Malformed,
    /// It was to be sent again, and no connection could be made any more.
    Unreachable,
    /// The run ended first.
    Cut,
}

impl Lost {
    /// All of them.
    pub const ALL: [Lost; 9] = [
        Lost::Closed,
        Lost::ConnectionReset,
        Lost::StreamReset,
        Lost::GoAway,
        Lost::Refused,
        Lost::Timeout,
        Lost::Malformed,
        Lost::Unreachable,
        Lost::Cut,
    ];

    /// As the summary says it.
    pub fn words(self) -> &'static str {
        match self {
            Lost::Closed => "closed by the server before the answer was whole",
            Lost::ConnectionReset => "connection reset",
            Lost::StreamReset => "stream reset by the server",
            Lost::GoAway => "the server left with an error (GOAWAY)",
            Lost::Refused => "refused again and again",
            Lost::Timeout => "timed out",
            Lost::Malformed => "the answer breaks the protocol",
            Lost::Unreachable => "no connection to send it again on",
            Lost::Cut => "cut off by the end of the run",
        }
    }
}

/// Why a request was sent again. None of them is an error, and none is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resent {
    /// Its stream was above the last one that a GOAWAY names: it was never processed.
    AboveGoAway,
    /// REFUSED_STREAM: never processed, by definition.
    RefusedStream,
    /// HTTP/1: sent into a connection that was being closed, no byte of an answer came, and it is idempotent.
    ClosedUnanswered,
}

impl Resent {
    /// All of them.
    pub const ALL: [Resent; 3] = [
        Resent::AboveGoAway,
        Resent::RefusedStream,
        Resent::ClosedUnanswered,
    ];

    /// As the summary says it.
    pub fn words(self) -> &'static str {
        match self {
            Resent::AboveGoAway => "above the last stream of a GOAWAY",
            Resent::RefusedStream => "REFUSED_STREAM",
            Resent::ClosedUnanswered => "sent into a closing connection",
        }
    }
}
