//! One request as the handlers see it: decoded, with a deadline, and without HTTP.

use http::{HeaderMap, header::ACCEPT};
use tokio::time::Instant;

use crate::{accept::quality, payload::Payload, query::Query, router::Name};

/// What is asked for.
pub(crate) struct Call {
    pub(crate) name: Name,
    /// Parameters of the path that no handler has taken yet, in order.
    pub(crate) path: std::vec::IntoIter<String>,
    /// Parameters of the query that no handler has taken yet.
    pub(crate) query: Query,
    /// The path and the query as sent, for the URL of the next page.
    pub(crate) target: (String, String),
    pub(crate) deadline: Instant,
    pub(crate) wants: Wants,
    pub(crate) headers: HeaderMap,
    /// The body, not yet read.
    pub(crate) payload: Payload,
}

/// The form in which many documents are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    Array,
    Lines,
}

impl Call {
    /// The next parameter of the path; the route's pattern says how many there are.
    pub(crate) fn next_path(&mut self) -> String {
        self.path.next().unwrap_or_default()
    }
}

impl Wants {
    /// Lines only if they are wanted by name and more than an array.
    pub(crate) fn of(headers: &HeaderMap) -> Wants {
        let lines = [
            quality(headers, &ACCEPT, "application/x-ndjson"),
            quality(headers, &ACCEPT, "application/ndjson"),
        ];
        let lines = lines.into_iter().flatten().max().unwrap_or(0);
        let array = quality(headers, &ACCEPT, "application/json").unwrap_or(0);
        let named = headers.get_all(ACCEPT).iter().any(|value| {
            value
                .to_str()
                .is_ok_and(|text| text.to_ascii_lowercase().contains("ndjson"))
        });
        if named && lines > 0 && lines >= array {
            Wants::Lines
        } else {
            Wants::Array
        }
    }
}
