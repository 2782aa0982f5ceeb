//! The frames of PostgreSQL's protocol, version 3, as far as a middleman has to know them.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The protocol's number in a start-up packet, 3.0.
const PROTOCOL: u32 = 196_608;

/// A start-up packet is a page at most.
const STARTUP_BYTES_MAX: usize = 16 << 10;

/// The status of a session outside of any transaction.
pub(super) const IDLE: u8 = b'I';

/// What was found at the beginning of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// More has to be read.
    Nothing,
    /// All up to a Sync or Query.
    Batch(Bytes),
    /// The client says good-bye.
    Terminate,
    /// What follows cannot be understood.
    Garbage,
    /// A batch longer than the limit.
    TooLong,
}

/// Takes the start-up packet off the buffer. None: more has to be read.
pub(super) fn startup(buffer: &mut BytesMut) -> Option<Result<(), &'static str>> {
    let length = usize::try_from(word(buffer, 0)?).unwrap_or(usize::MAX);
    if !(8..=STARTUP_BYTES_MAX).contains(&length) {
        return Some(Err("no start-up packet"));
    }
    if buffer.len() < length {
        return None;
    }
    let protocol = word(buffer, 4);
    buffer.advance(length);
    Some(if protocol == Some(PROTOCOL) {
        Ok(())
    } else {
        Err("not version 3.0 of the protocol")
    })
}

/// Where a search for the end of a batch has come to, so that a long one is not searched anew with each read.
#[derive(Debug, Default)]
pub(super) struct Search {
    offset: usize,
}

impl Search {
    /// Takes the next batch off the buffer.
    pub(super) fn batch(&mut self, buffer: &mut BytesMut, bytes_max: usize) -> Found {
        loop {
            let Some(length) = word(buffer, self.offset + 1) else {
                return Found::Nothing;
            };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length < 4 {
                return Found::Garbage;
            }
            let end = self.offset.saturating_add(1).saturating_add(length);
            if end > bytes_max {
                return Found::TooLong;
            }
            if buffer.len() < end {
                return Found::Nothing;
            }
            match buffer[self.offset] {
                b'S' | b'Q' | b'F' => {
                    self.offset = 0;
                    return Found::Batch(buffer.split_to(end).freeze());
                }
                b'X' => return Found::Terminate,
                b'P' | b'B' | b'C' | b'D' | b'E' | b'H' => self.offset = end,
                // The data of a COPY that was refused. A server drops it, too.
                b'd' | b'c' | b'f' => {
                    let kept = buffer.split_to(self.offset);
                    buffer.advance(end - self.offset);
                    let rest = buffer.split();
                    *buffer = kept;
                    buffer.unsplit(rest);
                }
                _ => return Found::Garbage,
            }
        }
    }
}

fn word(buffer: &[u8], offset: usize) -> Option<u32> {
    let bytes = buffer.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// One message of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Query { sql: &'a [u8] },
    Parse { name: &'a [u8], sql: &'a [u8] },
    CloseStatement { name: &'a [u8] },
    Other,
}

/// The messages of a whole batch.
pub(super) fn messages(batch: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = batch;
    std::iter::from_fn(move || {
        let tag = *rest.first()?;
        let length = usize::try_from(word(rest, 1)?).ok()?;
        let body = rest.get(5..length.checked_add(1)?)?;
        rest = &rest[length + 1..];
        Some(message(tag, body))
    })
}

fn message(tag: u8, body: &[u8]) -> Message<'_> {
    let (first, after) = text(body);
    match (tag, body.first()) {
        (b'Q', _) => Message::Query { sql: first },
        (b'P', _) => Message::Parse {
            name: first,
            sql: text(after).0,
        },
        (b'C', Some(b'S')) => Message::CloseStatement {
            name: text(&body[1..]).0,
        },
        _ => Message::Other,
    }
}

/// A text up to its zero, and what follows.
fn text(body: &[u8]) -> (&[u8], &[u8]) {
    match body.iter().position(|byte| *byte == 0) {
        Some(end) => (&body[..end], &body[end + 1..]),
        None => (body, &[]),
    }
}

/// A simple query.
pub(super) fn query(sql: &str) -> Bytes {
    let mut buffer = BytesMut::new();
    put(&mut buffer, b'Q', |body| put_text(body, sql.as_bytes()));
    buffer.freeze()
}

/// Closes prepared statements, as one batch.
pub(super) fn close_statements<'a>(names: impl IntoIterator<Item = &'a Vec<u8>>) -> Bytes {
    let mut buffer = BytesMut::new();
    for name in names {
        put(&mut buffer, b'C', |body| {
            body.put_u8(b'S');
            put_text(body, name);
        });
    }
    put(&mut buffer, b'S', |_| ());
    buffer.freeze()
}

/// What a server says when it lets somebody in.
pub(super) fn welcome(parameters: &[(String, String)]) -> Bytes {
    let mut buffer = BytesMut::new();
    put(&mut buffer, b'R', |body| body.put_u32(0));
    for (name, value) in parameters {
        put(&mut buffer, b'S', |body| {
            put_text(body, name.as_bytes());
            put_text(body, value.as_bytes());
        });
    }
    put(&mut buffer, b'K', |body| body.put_u64(0));
    put_ready(&mut buffer);
    buffer.freeze()
}

/// An error as a server would tell it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Complaint<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    /// Whether the connection ends with it; else it is told that the session is idle.
    pub(super) fatal: bool,
}

/// The bytes of an error.
pub(super) fn complain(complaint: Complaint<'_>) -> Bytes {
    let severity = if complaint.fatal { "FATAL" } else { "ERROR" };
    let mut buffer = BytesMut::new();
    put(&mut buffer, b'E', |body| {
        let fields = [
            (b'S', severity),
            (b'V', severity),
            (b'C', complaint.code),
            (b'M', complaint.message),
        ];
        for (field, value) in fields {
            body.put_u8(field);
            put_text(body, value.as_bytes());
        }
        body.put_u8(0);
    });
    if !complaint.fatal {
        put_ready(&mut buffer);
    }
    buffer.freeze()
}

fn put_ready(buffer: &mut BytesMut) {
    put(buffer, b'Z', |body| body.put_u8(IDLE));
}

fn put_text(buffer: &mut BytesMut, text: &[u8]) {
    buffer.put_slice(text);
    buffer.put_u8(0);
}

fn put(buffer: &mut BytesMut, tag: u8, body: impl FnOnce(&mut BytesMut)) {
    buffer.put_u8(tag);
    let start = buffer.len();
    buffer.put_u32(0);
    body(buffer);
    // Everything written here is far below 4 GiB.
    let length = u32::try_from(buffer.len() - start).unwrap_or(u32::MAX);
    buffer[start..start + 4].copy_from_slice(&length.to_be_bytes());
}
