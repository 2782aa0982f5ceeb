//! Who writes a revision, and why: the headers `Sidequest-Author` and `Sidequest-Comment`.
//!
//! Headers, not members of the body: what was read can be edited and sent back, and the author that it shows
//! is that of the revision before. As long as nobody is authenticated, the author is what the client says.

use http::{HeaderMap, HeaderName};

use crate::{
    error::Rejection,
    query::{self, Plus},
};

pub(crate) const AUTHOR: HeaderName = HeaderName::from_static("sidequest-author");
pub(crate) const COMMENT: HeaderName = HeaderName::from_static("sidequest-comment");

/// Characters of an author's name.
pub(crate) const AUTHOR_CHARS_MAX: usize = 200;
/// Characters of a comment.
pub(crate) const COMMENT_CHARS_MAX: usize = 2000;

/// Who and why; none where nothing is said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Byline {
    pub(crate) author: Option<String>,
    pub(crate) comment: Option<String>,
}

impl Byline {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Byline, Rejection> {
        Ok(Byline {
            author: text(headers, &AUTHOR, AUTHOR_CHARS_MAX)?,
            comment: text(headers, &COMMENT, COMMENT_CHARS_MAX)?,
        })
    }
}

/// A header's text. Most clients send nothing but ASCII in a header, so the rest may be percent-encoded.
fn text(headers: &HeaderMap, name: &HeaderName, chars_max: usize) -> Result<Option<String>, Rejection> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let bad = |problem: String| Rejection::BadHeader {
        name: name.as_str().to_owned(),
        problem,
    };
    let raw = std::str::from_utf8(value.as_bytes()).ok();
    let text = raw
        .and_then(|raw| query::decode(raw, Plus::IsPlus))
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| bad("is not percent-encoded UTF-8; write a percent sign as %25".to_owned()))?;
    if text.chars().count() > chars_max {
        return Err(bad(format!("has more than {chars_max} characters")));
    }
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}
