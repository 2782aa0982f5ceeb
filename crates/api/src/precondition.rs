//! What a request says about the revision it has seen: `If-Match` and `If-None-Match`.
//!
//! A record's `ETag` is the number of its newest revision, `"7"`. A revision never changes, so it names what was
//! written exactly, whatever a proxy on the way made of its form: a weak one (`W/"7"`) is the same revision. It does
//! not name the model: a column that a migration adds is not seen by who asks with `If-None-Match`.

use http::{HeaderMap, HeaderName, header};

use crate::error::Rejection;

/// What a write replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// `If-None-Match: *`: nothing, the record is new.
    Absent,
    /// `If-Match: "7"`: this revision.
    Revision(i32),
}

/// The precondition of a write that may create.
pub(crate) fn any(headers: &HeaderMap) -> Result<Precondition, Rejection> {
    let expected = expected(headers)?;
    let absent = absent(headers)?;
    match (expected, absent) {
        (Some(_), true) => Err(Rejection::BadPrecondition {
            problem: "`If-Match` and `If-None-Match` exclude each other".to_owned(),
        }),
        (Some(revision), false) => Ok(Precondition::Revision(revision)),
        (None, true) => Ok(Precondition::Absent),
        (None, false) => Err(Rejection::PreconditionRequired {
            wants: "`If-None-Match: *` to create the record, or `If-Match: \"N\"` to replace its revision N",
        }),
    }
}

/// The revision that a write replaces.
pub(crate) fn revision(headers: &HeaderMap) -> Result<i32, Rejection> {
    expected(headers)?.ok_or(Rejection::PreconditionRequired {
        wants: "`If-Match: \"N\"`, N being the revision that was read",
    })
}

/// A record's `ETag`.
pub(crate) fn tag(revision: i32) -> String {
    format!("\"{revision}\"")
}

/// Whether the client of a read has this one already.
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn expected(headers: &HeaderMap) -> Result<Option<i32>, Rejection> {
    let Some(given) = single(headers, &header::IF_MATCH)? else {
        return Ok(None);
    };
    let tag = given.strip_prefix("W/").unwrap_or(given);
    let digits = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let is_number =
        |digits: &&str| !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let revision = digits.filter(is_number).and_then(|digits| digits.parse().ok());
    match revision {
        Some(revision) => Ok(Some(revision)),
        None => Err(Rejection::BadPrecondition {
            problem: "`If-Match` names no revision; write its number in quotes: \"7\"".to_owned(),
        }),
    }
}

fn absent(headers: &HeaderMap) -> Result<bool, Rejection> {
    match single(headers, &header::IF_NONE_MATCH)? {
        None => Ok(false),
        Some("*") => Ok(true),
        Some(_) => Err(Rejection::BadPrecondition {
            problem: "`If-None-Match` of a write is `*` or left out".to_owned(),
        }),
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Rejection> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text.trim())),
        _ => Err(Rejection::BadPrecondition {
            problem: format!("`{name}` is given more than once, or not in ASCII"),
        }),
    }
}

#[cfg(test)]
mod tests;
