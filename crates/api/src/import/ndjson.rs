//! Lines of JSON.

use std::borrow::Cow;

use jiff::Timestamp;
use model::collection::Collection;
use serde_json::Value;
use store::{
    content::{Content, Fault, Given, Members},
    import::{BadRow, Envelope, Kind, Row},
};

use super::{Read, Reading};
use crate::{
    author::{AUTHOR_CHARS_MAX, COMMENT_CHARS_MAX},
    query::cut,
    write::key_fault,
};

/// Lines from parts that end anywhere.
pub(super) struct Ndjson<'a> {
    reading: &'a Reading<'a>,
    /// The line that has not ended yet.
    open: Vec<u8>,
    line: u64,
    /// It was too long, and has been refused; what is left of it goes by.
    passing: bool,
}

impl<'a> Ndjson<'a> {
    pub(super) fn new(reading: &'a Reading<'a>) -> Ndjson<'a> {
        Ndjson {
            reading,
            open: Vec::new(),
            line: 1,
            passing: false,
        }
    }

    pub(super) fn read(&mut self, mut part: &[u8]) -> Vec<Read> {
        let mut read = Vec::new();
        while let Some(end) = memchr::memchr(b'\n', part) {
            self.take(&part[..end], &mut read);
            self.end(&mut read);
            part = &part[end + 1..];
        }
        self.take(part, &mut read);
        read
    }

    pub(super) fn finish(&mut self) -> Vec<Read> {
        let mut read = Vec::new();
        self.end(&mut read);
        read
    }

    fn take(&mut self, part: &[u8], read: &mut Vec<Read>) {
        if self.passing {
            return;
        }
        if self.open.len() + part.len() > self.reading.line_bytes_max {
            self.passing = true;
            self.open.clear();
            read.push(Err(BadRow {
                line: self.line,
                problem: too_long(self.reading.line_bytes_max),
            }));
            return;
        }
        self.open.extend_from_slice(part);
    }

    fn end(&mut self, read: &mut Vec<Read>) {
        let line = self.line;
        self.line += 1;
        let text = self.open.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.open);
        if !std::mem::take(&mut self.passing) && !text.trim_ascii().is_empty() {
            read.push(self.row(text, line).map_err(|problem| BadRow { line, problem }));
        }
        self.open.clear();
    }

    fn row(&self, text: &[u8], line: u64) -> Result<Box<Row>, String> {
        let collection = self.reading.collection;
        let members: Members<'_> = match serde_json::from_slice(text) {
            Ok(members) => members,
            Err(error) => return Err(not_an_object(collection, text, &error)),
        };
        let content = Content::of_members(collection, &members, None);
        let get = |name: &str| match members.get(name) {
            None | Some(Given::Null) => None,
            Some(Given::Text(text)) => Some(Cow::Borrowed(&**text)),
            Some(other) => Some(other.to_string().into()),
        };
        row(self.reading, line, content, get)
    }
}

/// What is wrong with a line that holds no object.
fn not_an_object(collection: &Collection, text: &[u8], error: &serde_json::Error) -> String {
    let other: Option<Value> = serde_json::from_slice(text).ok();
    match other.map(|value| Content::of_json(collection, &value, None)) {
        Some(Err(faults)) => joined(&faults),
        Some(Ok(_)) | None => format!("is not JSON: {error}"),
    }
}

fn joined(faults: &[Fault]) -> String {
    let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
    faults.join("; ")
}

pub(super) fn too_long(bytes_max: usize) -> String {
    format!("is longer than {bytes_max} bytes")
}

/// A row of its content and what surrounds it; `get` gives a member of that as text.
pub(super) fn row<'l>(
    reading: &Reading<'_>,
    line: u64,
    content: Result<Content, Vec<Fault>>,
    get: impl Fn(&str) -> Option<Cow<'l, str>>,
) -> Result<Box<Row>, String> {
    let mut problems = Vec::new();
    let envelope = envelope(reading, get, &mut problems);
    let content = match content {
        Ok(content) => {
            let fault = key_fault(reading.collection, content.key(reading.collection));
            problems.extend(fault.map(|fault| fault.to_string()));
            Some(content)
        }
        Err(faults) => {
            problems.extend(faults.iter().map(Fault::to_string));
            None
        }
    };
    match content {
        Some(content) if problems.is_empty() => Ok(Box::new(Row {
            line,
            content,
            envelope,
        })),
        Some(_) | None => Err(problems.join("; ")),
    }
}

fn envelope<'l>(
    reading: &Reading<'_>,
    get: impl Fn(&str) -> Option<Cow<'l, str>>,
    problems: &mut Vec<String>,
) -> Envelope {
    let mut text = |name: &str, chars_max: usize| {
        let text = get(name)?;
        if text.chars().count() > chars_max || text.contains('\0') {
            problems.push(format!(
                "`{name}`: expected a text of at most {chars_max} characters"
            ));
        }
        Some(text.into_owned())
    };
    let (author, comment) = (
        text("author", AUTHOR_CHARS_MAX),
        text("comment", COMMENT_CHARS_MAX),
    );
    match reading.kind {
        // Whoever imports writes these revisions; without a word of theirs, the lines' own stands.
        Kind::Records => Envelope {
            author: reading.byline.author.clone().or(author),
            comment: reading.byline.comment.clone().or(comment),
            ..Envelope::default()
        },
        Kind::Revisions => {
            let mut instant = |name: &str| {
                let given = get(name)?;
                let instant = given.parse::<Timestamp>().ok();
                if instant.is_none() {
                    problems.push(format!("`{name}`: `{}` given, expected an instant", cut(&given)));
                }
                instant
            };
            let (recorded_at, superseded_at) = (instant("recorded_at"), instant("superseded_at"));
            let revision = get("revision")
                .and_then(|text| text.parse().ok())
                .filter(|revision| *revision > 0);
            if revision.is_none() {
                problems.push("`revision`: expected the number of a revision".to_owned());
            }
            let deleted = get("deleted");
            if !matches!(deleted.as_deref(), None | Some("true" | "false")) {
                problems.push("`deleted`: expected true or false".to_owned());
            }
            Envelope {
                revision: revision.unwrap_or_default(),
                recorded_at,
                superseded_at,
                author,
                comment,
                deleted: deleted.as_deref() == Some("true"),
            }
        }
    }
}

/// Whether a name is one of what surrounds the columns of `collection`.
pub(super) fn is_envelope(collection: &Collection, name: &str) -> bool {
    crate::export::ENVELOPE.contains(&name) && collection.column(name).is_none()
}
