//! The `ETag` of an analysis, one for each content encoding, and whether the client holds it already.
//!
//! A strong tag names bytes, so the compressed body has another than the plain one.

use analysis::mark::Tag;
use http::{HeaderMap, header};

use crate::compress::Encoding;

/// As it is sent: `"6c62..."`, `"6c62...-zstd"`.
pub(crate) fn tag(tag: Tag, encoding: Encoding) -> String {
    match encoding.name() {
        None => format!("\"{tag}\""),
        Some(encoding) => format!("\"{tag}-{encoding}\""),
    }
}

/// Which form of this content the client says it has: the one it would be sent, or the plain one, which a small
/// body is sent in whatever the client accepts.
pub(crate) fn held(headers: &HeaderMap, content: Tag, wanted: Encoding) -> Option<String> {
    let given = headers.get_all(header::IF_NONE_MATCH);
    given.iter().next()?;
    // No tag has a quote in it, so one with its quotes is found as it is, also behind `W/`.
    let is_given = |tag: &String| {
        given
            .iter()
            .any(|value| memchr::memmem::find(value.as_bytes(), tag.as_bytes()).is_some())
    };
    [wanted, Encoding::Identity]
        .into_iter()
        .map(|encoding| tag(content, encoding))
        .find(is_given)
}

/// `If-None-Match: *`: the client has something, and only wants to know whether there is anything.
pub(crate) fn is_any_held(headers: &HeaderMap) -> bool {
    headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|value| value.as_bytes().trim_ascii() == b"*")
}

/// `Cache-Control: no-cache`: the client wants it made anew.
pub(crate) fn wants_anew(headers: &HeaderMap) -> bool {
    let wants = |text: &str| {
        text.split(',')
            .any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
    };
    headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .any(|value| value.to_str().is_ok_and(wants))
}

#[cfg(test)]
mod tests;
