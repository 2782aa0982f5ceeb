//! A line of nginx's access log: how long connecting to the upstream took, and its answer.
//!
//! Whoever writes a `log_format` chooses how it looks, so fields are found by name, as `name=value` or as JSON. What a
//! client sends cannot pass for a field: nginx escapes quotes, and the last of a name counts.

/// Names of fields, ours for short formats beside nginx's own.
const CONNECT: [&str; 2] = ["upstream_connect_time", "uct"];
const RESPONSE: [&str; 2] = ["upstream_response_time", "urt"];

/// Milliseconds of one request. Of several upstreams that were tried they are added up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// Until there was a connection to the upstream: nothing where one was kept, or where none was asked.
    pub connect_ms: Option<f64>,
    /// From connecting until the upstream had answered.
    pub response_ms: Option<f64>,
}

impl Times {
    /// Of a line that has the upstream's connect time.
    pub fn of(line: &str) -> Option<Times> {
        let connect = field(line, &CONNECT)?;
        Some(Times {
            connect_ms: milliseconds(connect),
            response_ms: field(line, &RESPONSE).and_then(milliseconds),
        })
    }
}

/// The text of the last field of one of these names.
fn field<'a>(line: &'a str, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| {
        line.rmatch_indices(name).find_map(|(at, _)| {
            let before = line[..at].chars().next_back();
            let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '?' | '&' | '/');
            if before.is_some_and(is_word) {
                return None;
            }
            let after = &line[at + name.len()..];
            let after = after.strip_prefix('"').unwrap_or(after).trim_start();
            let after = after.strip_prefix(['=', ':'])?.trim_start();
            let after = after.strip_prefix('"').unwrap_or(after);
            let end = after
                .find(|letter: char| {
                    !(letter.is_ascii_digit() || matches!(letter, '.' | '-' | ',' | ':' | ' '))
                })
                .unwrap_or(after.len());
            Some(&after[..end])
        })
    })
}

/// `0.020`, `-`, and of several upstreams `0.001, 0.020 : -`.
fn milliseconds(text: &str) -> Option<f64> {
    let each = text
        .split([',', ':', ' '])
        .filter_map(|part| part.parse::<f64>().ok());
    let each: Vec<f64> = each.filter(|seconds| *seconds >= 0.0).collect();
    (!each.is_empty()).then(|| each.iter().sum::<f64>() * 1e3)
}
