//! The query string, read strictly: what is unknown, repeated or malformed is refused by name.

use std::{borrow::Cow, str::FromStr};

use jiff::Timestamp;
use model::column::Type;

use crate::error::Rejection;

/// Parameters of one request; each is taken once, and what is left over is unknown.
#[derive(Debug, Default)]
pub(crate) struct Query {
    given: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Result<Query, Rejection> {
        let mut given: Vec<(String, String)> = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name, Plus::IsSpace).ok_or(Rejection::Encoding { place: "the query" })?;
            let Some(value) = decode(value, Plus::IsSpace) else {
                let problem = "is not percent-encoded UTF-8".to_owned();
                return Err(Rejection::BadParameter {
                    name: name.into_owned(),
                    problem,
                    hint: None,
                });
            };
            if given.iter().any(|(known, _)| *known == name) {
                return Err(Rejection::RepeatedParameter {
                    name: name.into_owned(),
                });
            }
            given.push((name.into_owned(), value.into_owned()));
        }
        Ok(Query { given })
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.given.iter().position(|(known, _)| known == name)?;
        Some(self.given.swap_remove(at).1)
    }

    /// What is given and not yet taken.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.given.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// An instant with its offset, as RFC 3339 has it.
    pub(crate) fn instant(&mut self, name: &str) -> Result<Option<Timestamp>, Rejection> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        // What PostgreSQL does not take is none either: years before 1.
        let fits = store::value::parse(Type::Timestamptz, &text).is_some();
        match text.parse() {
            Ok(instant) if fits => Ok(Some(instant)),
            Ok(_) | Err(_) => Err(Rejection::BadParameter {
                name: name.to_owned(),
                problem: format!("is `{}`, not an instant like 2013-07-01T12:00:00Z", cut(&text)),
                hint: text
                    .contains(' ')
                    .then(|| "in a URL a plus sign is written %2B".to_owned()),
            }),
        }
    }

    /// `true` or `false`; absent is false.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Rejection> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(bad(
                name,
                format!("is `{}`, neither `true` nor `false`", cut(other)),
            )),
        }
    }

    /// A whole number from 1 to `max`; absent is `default`.
    pub(crate) fn limit(&mut self, name: &str, default: u32, max: u32) -> Result<u32, Rejection> {
        let Some(text) = self.take(name) else {
            return Ok(default.min(max));
        };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match u32::from_str(&text) {
            Ok(limit) if digits && (1..=max).contains(&limit) => Ok(limit),
            _ => Err(bad(
                name,
                format!("is `{}`, not a whole number from 1 to {max}", cut(&text)),
            )),
        }
    }

    /// Members separated by commas: at least one, none empty, not more than `max`.
    pub(crate) fn list(&mut self, name: &'static str, max: usize) -> Result<Option<Vec<String>>, Rejection> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        let given = text.split(',').count();
        if given > max {
            return Err(Rejection::TooMany { name, given, max });
        }
        let members: Vec<String> = text.split(',').map(str::to_owned).collect();
        if members.iter().any(String::is_empty) {
            return Err(bad(name, "has an empty member".to_owned()));
        }
        Ok(Some(members))
    }

    /// What is left over is unknown to the route, which knows `known`.
    pub(crate) fn finish<'a>(self, known: impl IntoIterator<Item = &'a str>) -> Result<(), Rejection> {
        match self.given.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => {
                let hint = hint(&name, known);
                Err(Rejection::UnknownParameter {
                    name: cut(&name).into_owned(),
                    hint,
                })
            }
        }
    }
}

pub(crate) fn bad(name: &str, problem: String) -> Rejection {
    Rejection::BadParameter {
        name: name.to_owned(),
        problem,
        hint: None,
    }
}

/// Whether `+` is a space: in a query it is, in a path it is itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    IsSpace,
    IsPlus,
}

/// Percent-decodes; none if an escape is broken or the result is not UTF-8.
pub(crate) fn decode(raw: &str, plus: Plus) -> Option<Cow<'_, str>> {
    let bytes = raw.as_bytes();
    let escaped = |byte: &u8| *byte == b'%' || (plus == Plus::IsSpace && *byte == b'+');
    if !bytes.iter().any(escaped) {
        return Some(Cow::Borrowed(raw));
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'%' => {
                let [high, low, tail @ ..] = rest else { return None };
                let digit = |byte: &u8| {
                    char::from(*byte)
                        .to_digit(16)
                        .and_then(|digit| u8::try_from(digit).ok())
                };
                decoded.push(digit(high)? << 4 | digit(low)?);
                rest = tail;
            }
            b'+' if plus == Plus::IsSpace => decoded.push(b' '),
            byte => decoded.push(*byte),
        }
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// Percent-encodes for a query.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The known name that was most likely meant, else all of them.
pub(crate) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let allowed = (name.chars().count() / 3).max(1);
    let near = known
        .iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= allowed && *edits < candidate.len())
        .min_by_key(|(edits, _)| *edits);
    match near {
        Some((_, near)) => Some(format!("did you mean `{near}`?")),
        None if known.is_empty() => None,
        None => Some(format!(
            "known here: {}",
            known
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

/// Edits between two names, swapped neighbours being one; a name that is absurdly long is near to none.
fn distance(from: &str, to: &str) -> usize {
    if from.len() > 64 {
        return usize::MAX;
    }
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before = vec![0; to.len() + 1];
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1; to.len() + 1];
        for (j, b) in to.iter().enumerate() {
            row[j + 1] = (last[j] + usize::from(a != b))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

/// What the client sent, short enough to be said back to it.
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    const SHOWN_CHARS_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => Cow::Borrowed(text),
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
    }
}

#[cfg(test)]
mod tests;
