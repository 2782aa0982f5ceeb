//! HTTP/1.1 as a client reads it: heads, bodies by length, in chunks or until the end, and nothing copied.
//!
//! [`Reader`] knows no socket: it is given bytes as they come, cut anywhere, and says what they mean. Heads and
//! chunk lines that are cut are kept until they are whole; bodies never are.

pub mod head;
#[cfg(test)]
mod tests;

use crate::http1::head::{Framing, Head};

/// Bytes of one line that says how long a chunk is.
pub const CHUNK_LINE_MAX: usize = 4_096;

/// What the bytes mean.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The head of an answer; one of 1xx is followed by another head.
    Head(Head),
    /// A part of the body.
    Body(&'a [u8]),
    /// The answer is whole.
    End,
}

/// How the bytes break the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not `HTTP/1.x NNN`.
    #[error("the first line is no status line of HTTP/1")]
    StatusLine,
    /// A line of the head that is no field.
    #[error("a line of the head is no field")]
    Field,
    /// A length that is no number, or two that differ.
    #[error("the content-length is no length")]
    Length,
    /// Something other than `chunked`.
    #[error("the transfer-encoding is not chunked")]
    TransferEncoding,
    /// Larger than the limit.
    #[error("the head is larger than the limit")]
    HeadTooLarge,
    /// A chunk that does not say its size.
    #[error("a chunk has no size")]
    Chunk,
    /// 101, which nobody asked for.
    #[error("the server switches to another protocol, unasked")]
    Switched,
    /// More 1xx than the limit.
    #[error("more 1xx answers than the limit")]
    Informational,
    /// Bytes that nobody asked for.
    #[error("the server speaks unasked")]
    Unasked,
}

/// Reads answers, one after the other.
#[derive(Debug)]
pub struct Reader {
    state: State,
    /// A head or a line that was cut.
    kept: Vec<u8>,
    head_bytes_max: usize,
    informational_max: u32,
    informational: u32,
    trailer_bytes: usize,
    /// Bytes of heads so far, for the traffic line.
    head_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    ChunkSize,
    Chunk(u64),
    /// The line end behind a chunk; true after its CR.
    ChunkEnd(bool),
    Trailers,
    UntilClose,
    /// The body is over, `End` not yet said.
    Ended,
}

impl Reader {
    /// At the beginning of a connection.
    pub fn new(head_bytes_max: usize, informational_max: u32) -> Reader {
        Reader {
            state: State::Head,
            kept: Vec::new(),
            head_bytes_max,
            informational_max,
            informational: 0,
            trailer_bytes: 0,
            head_bytes: 0,
        }
    }

    /// Takes the next meaning from the front of the input; none when more bytes are needed, and then the input is
    /// used up. `to_head` says that the answer is to a HEAD request, which has no body whatever its head says.
    pub fn next<'a>(&mut self, input: &mut &'a [u8], to_head: bool) -> Result<Option<Event<'a>>, Fault> {
        loop {
            match self.state {
                State::Ended => {
                    self.state = State::Head;
                    self.informational = 0;
                    self.trailer_bytes = 0;
                    return Ok(Some(Event::End));
                }
                _ if input.is_empty() => return Ok(None),
                State::Head => {
                    let Some(head) = self.head(input)? else {
                        return Ok(None);
                    };
                    self.enter(&head, to_head)?;
                    return Ok(Some(Event::Head(head)));
                }
                State::Length(left) => {
                    let part = take(input, left);
                    let left = left - part.len() as u64;
                    self.state = if left == 0 {
                        State::Ended
                    } else {
                        State::Length(left)
                    };
                    return Ok(Some(Event::Body(part)));
                }
                State::Chunk(left) => {
                    let part = take(input, left);
                    let left = left - part.len() as u64;
                    self.state = if left == 0 {
                        State::ChunkEnd(false)
                    } else {
                        State::Chunk(left)
                    };
                    return Ok(Some(Event::Body(part)));
                }
                State::ChunkEnd(after_cr) => {
                    let byte = input[0];
                    *input = &input[1..];
                    self.state = match (byte, after_cr) {
                        (b'\r', false) => State::ChunkEnd(true),
                        (b'\n', _) => State::ChunkSize,
                        _ => return Err(Fault::Chunk),
                    };
                }
                State::ChunkSize => {
                    if !self.keep_line(input, CHUNK_LINE_MAX, Fault::Chunk)? {
                        return Ok(None);
                    }
                    let size = head::chunk_size(&self.kept)?;
                    self.kept.clear();
                    self.state = if size == 0 {
                        State::Trailers
                    } else {
                        State::Chunk(size)
                    };
                }
                State::Trailers => {
                    if !self.keep_line(input, self.head_bytes_max, Fault::HeadTooLarge)? {
                        return Ok(None);
                    }
                    let is_last = head::is_blank(&self.kept);
                    if is_last {
                        self.state = State::Ended;
                    } else {
                        head::check_field(&self.kept)?;
                        self.trailer_bytes += self.kept.len();
                        if self.trailer_bytes > self.head_bytes_max {
                            return Err(Fault::HeadTooLarge);
                        }
                    }
                    self.kept.clear();
                }
                State::UntilClose => {
                    let part = *input;
                    *input = &[];
                    return Ok(Some(Event::Body(part)));
                }
            }
        }
    }

    /// The connection is over. True if that is the end of an answer, as it is for a body without a length.
    pub fn close(&mut self) -> bool {
        let ends = self.state == State::UntilClose;
        self.state = State::Head;
        ends
    }

    /// Whether an answer has begun and is not whole.
    pub fn is_within(&self) -> bool {
        self.state != State::Head || !self.kept.is_empty()
    }

    /// Bytes of the body that will come as they are, so that the kernel may drop them unread.
    pub fn skippable(&self) -> u64 {
        match self.state {
            State::Length(left) => left,
            State::Head
            | State::ChunkSize
            | State::Chunk(_)
            | State::ChunkEnd(_)
            | State::Trailers
            | State::UntilClose
            | State::Ended => 0,
        }
    }

    /// So many bytes of the body were dropped unread. True when that was the last of them.
    pub fn skip(&mut self, bytes: u64) -> bool {
        let State::Length(left) = self.state else {
            return false;
        };
        let left = left.saturating_sub(bytes);
        self.state = if left == 0 {
            State::Head
        } else {
            State::Length(left)
        };
        self.informational = 0;
        left == 0
    }

    /// Bytes of all heads so far.
    pub fn head_bytes(&self) -> u64 {
        self.head_bytes
    }

    fn enter(&mut self, head: &Head, to_head: bool) -> Result<(), Fault> {
        if head.is_informational() {
            if head.status == 101 {
                return Err(Fault::Switched);
            }
            self.informational += 1;
            if self.informational > self.informational_max {
                return Err(Fault::Informational);
            }
            return Ok(());
        }
        self.informational = 0;
        self.state = match head.framing {
            _ if to_head || matches!(head.status, 204 | 304) => State::Ended,
            Framing::Length(0) => State::Ended,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkSize,
            Framing::UntilClose => State::UntilClose,
        };
        Ok(())
    }

    /// A whole head from the front, or none and the rest is kept.
    fn head(&mut self, input: &mut &[u8]) -> Result<Option<Head>, Fault> {
        if self.kept.is_empty() {
            // Line ends left over from the answer before are forgiven, as RFC 9112 2.2 asks for.
            while let [b'\r' | b'\n', rest @ ..] = input {
                *input = rest;
            }
            if input.is_empty() {
                return Ok(None);
            }
            // The common case: a head is whole in the buffer and is read in place.
            if let Some((head, length)) = head::parse(input)? {
                if length > self.head_bytes_max {
                    return Err(Fault::HeadTooLarge);
                }
                *input = &input[length..];
                self.head_bytes += length as u64;
                return Ok(Some(head));
            }
            return self.keep_head(input, input.len());
        }
        // Looked at again only where the blank line can have come, or a hostile server would make this quadratic.
        let seam = self.kept.len().saturating_sub(3);
        let mut window: Vec<u8> = self.kept[seam..].to_vec();
        let before = window.len();
        window.extend_from_slice(&input[..input.len().min(3)]);
        let end = match head::blank_line(&window) {
            Some(end) if end > before => Some(end - before),
            Some(_) | None => head::blank_line(input),
        };
        let Some(end) = end else {
            return self.keep_head(input, input.len());
        };
        self.keep_head(input, end)?;
        let (head, length) = head::parse(&self.kept)?.ok_or(Fault::StatusLine)?;
        self.kept.clear();
        self.head_bytes += length as u64;
        Ok(Some(head))
    }

    fn keep_head(&mut self, input: &mut &[u8], bytes: usize) -> Result<Option<Head>, Fault> {
        if self.kept.len() + bytes > self.head_bytes_max {
            return Err(Fault::HeadTooLarge);
        }
        self.kept.extend_from_slice(&input[..bytes]);
        *input = &input[bytes..];
        head::check_begin(&self.kept)?;
        Ok(None)
    }

    /// Keeps bytes up to a line end; true when the line is whole.
    fn keep_line(&mut self, input: &mut &[u8], max: usize, fault: Fault) -> Result<bool, Fault> {
        let (bytes, is_whole) = match memchr::memchr(b'\n', input) {
            Some(at) => (at + 1, true),
            None => (input.len(), false),
        };
        if self.kept.len() + bytes > max {
            return Err(fault);
        }
        self.kept.extend_from_slice(&input[..bytes]);
        *input = &input[bytes..];
        Ok(is_whole)
    }
}

fn take<'a>(input: &mut &'a [u8], at_most: u64) -> &'a [u8] {
    let bytes = usize::try_from(at_most).map_or(input.len(), |most| most.min(input.len()));
    let (part, rest) = input.split_at(bytes);
    *input = rest;
    part
}
