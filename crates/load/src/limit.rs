//! Limits of a server, inferred from how its connections ended.
//!
//! A server that closes each connection after the same number of answers has a limit, and most have a setting for it.
//! One connection alone proves nothing, and one that answered more disproves it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Different numbers of answers that are told apart before it is clear that there is no pattern.
const NUMBERS_MAX: usize = 64;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "how", content = "code")]
pub enum Closing {
    /// By us: the run was over, or it was too old.
    Ours,
    /// HTTP/1: the last answer said `connection: close`.
    SaidClose,
    /// HTTP/2: GOAWAY without an error.
    GoAway,
    /// HTTP/2: GOAWAY with this code.
    GoAwayError(u32),
    /// Closed without a word.
    Bare,
    /// Closed in good order or without a word, after a silence: says nothing of a limit.
    Idle,
    /// Reset.
    Reset,
    /// Left by us, because the server broke the protocol.
    Malformed,
    /// Left by us, because an answer did not come in time.
    Timeout,
}

/// Connections that ended in one way: how many, by the number of their answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// All.
    pub connections: u64,
    by_answers: BTreeMap<u64, u64>,
    overflowed: bool,
}

/// What the connections tell about a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Limit {
    /// Requests after which a connection is closed.
    pub requests: u64,
    /// Connections that were closed after exactly so many.
    pub connections: u64,
    /// Connections that the server closed at all.
    pub connections_closed: u64,
    /// Whether it was HTTP/2.
    pub is_http2: bool,
}

impl Counted {
    /// One more.
    pub(crate) fn add(&mut self, answers: u64) {
        self.connections += 1;
        self.add_many(answers, 1);
    }

    pub(crate) fn merge(&mut self, other: &Counted) {
        self.connections += other.connections;
        for (answers, connections) in &other.by_answers {
            self.add_many(*answers, *connections);
        }
        self.overflowed |= other.overflowed;
    }

    fn add_many(&mut self, answers: u64, connections: u64) {
        if self.by_answers.len() >= NUMBERS_MAX && !self.by_answers.contains_key(&answers) {
            self.overflowed = true;
            return;
        }
        *self.by_answers.entry(answers).or_default() += connections;
    }
}

impl Limit {
    /// The limit, if the connections that the server closed in good order tell of one. `most_answered` is of all
    /// connections, whoever closed them.
    pub(crate) fn infer(
        closings: &BTreeMap<Closing, Counted>,
        most_answered: u64,
        is_http2: bool,
    ) -> Option<Limit> {
        let mut all = Counted::default();
        for (closing, counted) in closings {
            match closing {
                Closing::SaidClose | Closing::GoAway | Closing::Bare => all.merge(counted),
                Closing::Ours
                | Closing::GoAwayError(_)
                | Closing::Idle
                | Closing::Reset
                | Closing::Malformed
                | Closing::Timeout => {}
            }
        }
        let (requests, connections) = all.by_answers.iter().max_by_key(|(_, count)| **count)?;
        let (requests, connections) = (*requests, *connections);
        let is_pattern = connections == all.connections && !all.overflowed;
        if requests == 0 || !is_pattern || most_answered > requests {
            return None;
        }
        Some(Limit {
            requests,
            connections,
            connections_closed: all.connections,
            is_http2,
        })
    }

    /// As the summary says it.
    pub fn sentence(&self) -> String {
        let protocol = if self.is_http2 { "HTTP/2 " } else { "" };
        let requests = if self.requests == 1 {
            "1 request".to_owned()
        } else {
            format!("{} requests", self.requests)
        };
        if self.connections == 1 {
            return format!(
                "server closed the one {protocol}connection that it closed after {requests}: may be a limit"
            );
        }
        format!(
            "server closes each {protocol}connection after exactly {requests} ({} of {} connections)",
            self.connections, self.connections_closed
        )
    }

    /// The settings that are likely behind it.
    pub fn setting(&self) -> &'static str {
        if self.is_http2 {
            "nginx: keepalive_requests (before 1.19.7: http2_max_requests)"
        } else {
            "nginx: keepalive_requests; Apache: MaxKeepAliveRequests"
        }
    }
}

impl Closing {
    /// As the summary says it.
    pub fn words(self) -> String {
        match self {
            Closing::Ours => "open to the end, or left by us".to_owned(),
            Closing::SaidClose => "closed by the server with its last answer".to_owned(),
            Closing::GoAway => "left by the server (GOAWAY, NO_ERROR)".to_owned(),
            Closing::GoAwayError(code) => {
                format!(
                    "left by the server (GOAWAY, {})",
                    crate::http2::frame::code_name(code)
                )
            }
            Closing::Bare => "closed by the server without a word".to_owned(),
            Closing::Idle => "closed by the server after a silence".to_owned(),
            Closing::Reset => "reset".to_owned(),
            Closing::Malformed => "left by us: what the server sent breaks the protocol".to_owned(),
            Closing::Timeout => "left by us: an answer did not come in time".to_owned(),
        }
    }
}
