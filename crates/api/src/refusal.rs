//! What hyper answers itself, explained: an HTTP/1 head that it cannot parse gets a status and an
//! empty body from it, before any of our code has run. Here the problem document is put in.

use crate::problem::{Kind, Problem};

/// The whole answer to send instead, if these are the first bytes of an answer of hyper's own.
/// Ours always have a body, so an empty one with such a status is hyper's.
pub(crate) fn explain(head: &[u8]) -> Option<Vec<u8>> {
    let status = head.strip_prefix(b"HTTP/1.1 4")?.get(..2)?;
    let kind = match status {
        b"00" => Kind::MalformedRequest,
        b"14" => Kind::UrlTooLong,
        b"31" => Kind::HeaderTooLarge,
        _ => return None,
    };
    memchr::memmem::find(head, b"content-length: 0\r\n")?;
    let detail = match kind {
        Kind::UrlTooLong => "the URL is longer than this server reads",
        Kind::HeaderTooLarge => {
            "the head of the request (its URL and headers) is larger than this server reads"
        }
        _ => "the head of the request is not HTTP: a bad method, URL, version or header",
    };
    let body = Problem::new(kind, detail).document(None);
    let status = kind.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut told = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/problem+json\r\ncache-control: no-store\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        status.as_u16(),
        body.len()
    )
    .into_bytes();
    told.extend_from_slice(&body);
    Some(told)
}
