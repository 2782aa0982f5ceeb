//! HTTP/2 by prior knowledge: requests are read, windows are honoured, everything else is acknowledged or passed over.

pub(crate) mod frame;
mod hpack;
mod huffman;
mod streams;

use crate::{
    answer::{Answers, Choice},
    connection::Violation,
    output::Output,
};

use frame::Frame;
use hpack::Decoder;
use streams::{Sending, Streams};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What we let a client have open; more than any of the benchmarks' cells.
const STREAMS_MAX: u32 = 1_000;
/// What a client may send us at once, of bodies that we throw away.
const WINDOW: u32 = 1 << 30;
const DEFAULT_WINDOW: i64 = 65_535;
const WINDOW_MAX: i64 = (1 << 31) - 1;
/// A header block in several frames.
const BLOCK_MAX: usize = 64 * 1024;
/// How much output is made ahead of the socket.
const AHEAD_BYTES: usize = 1 << 20;

/// The frames of one connection.
#[derive(Debug)]
pub(crate) struct Http2 {
    preface_left: usize,
    decoder: Decoder,
    requests_left: u64,
    /// The stream of the last request that is answered.
    last: u32,
    /// The peer's window for the connection, and for streams that it will open.
    window: i64,
    stream_window: i64,
    streams: Streams,
    /// A header block whose CONTINUATION is to come.
    block: Option<Block>,
    /// Of bodies that we threw away, not yet given back to the peer's window.
    thrown_away: u32,
}

#[derive(Debug)]
struct Block {
    stream: u32,
    is_end: bool,
    bytes: Vec<u8>,
}

impl Http2 {
    pub(crate) fn new(requests_max: u64, output: &mut Output) -> Http2 {
        output.own(|own| {
            frame::settings(
                own,
                &[
                    (frame::MAX_CONCURRENT_STREAMS, STREAMS_MAX),
                    (frame::INITIAL_WINDOW_SIZE, WINDOW),
                ],
            );
            frame::window_update(own, 0, WINDOW);
        });
        Http2 {
            preface_left: PREFACE.len(),
            decoder: Decoder::new(),
            requests_left: requests_max,
            last: 0,
            window: DEFAULT_WINDOW,
            stream_window: DEFAULT_WINDOW,
            streams: Streams::default(),
            block: None,
            thrown_away: 0,
        }
    }

    /// Whether the last answer is in the output.
    pub(crate) fn is_done(&self) -> bool {
        self.requests_left == 0 && self.streams.is_empty()
    }

    /// Takes all whole frames; how much of the input they were.
    pub(crate) fn read<'a>(
        &mut self,
        input: &[u8],
        answers: &'a Answers,
        output: &mut Output<'a>,
    ) -> Result<usize, Violation> {
        let mut used = self.preface_left;
        self.preface_left = 0;
        while let Some(frame) = Frame::first(&input[used..])? {
            used += frame::HEAD_BYTES + frame.payload.len();
            self.take(&frame, answers, output)?;
        }
        if self.thrown_away > WINDOW / 2 {
            let bytes = std::mem::take(&mut self.thrown_away);
            output.own(|own| frame::window_update(own, 0, bytes));
        }
        Ok(used)
    }

    fn take<'a>(
        &mut self,
        frame: &Frame,
        answers: &'a Answers,
        output: &mut Output<'a>,
    ) -> Result<(), Violation> {
        if self.block.is_some() && frame.kind != frame::CONTINUATION {
            return Err(Violation);
        }
        match frame.kind {
            frame::HEADERS => {
                let fragment = frame.header_fragment()?;
                let is_end = frame.flags & frame::END_STREAM != 0;
                if frame.flags & frame::END_HEADERS == 0 {
                    self.block = Some(Block {
                        stream: frame.stream,
                        is_end,
                        bytes: fragment.to_vec(),
                    });
                    return Ok(());
                }
                self.request(frame.stream, is_end, fragment, answers, output)
            }
            frame::CONTINUATION => {
                let mut block = self.block.take().ok_or(Violation)?;
                block.bytes.extend_from_slice(frame.payload);
                if block.stream != frame.stream || block.bytes.len() > BLOCK_MAX {
                    return Err(Violation);
                }
                if frame.flags & frame::END_HEADERS == 0 {
                    self.block = Some(block);
                    return Ok(());
                }
                self.request(block.stream, block.is_end, &block.bytes, answers, output)
            }
            frame::DATA => {
                self.thrown_away += u32::try_from(frame.payload.len()).map_err(|_| Violation)?;
                if frame.flags & frame::END_STREAM != 0
                    && let Some(choice) = self.streams.body_ended(frame.stream)
                {
                    self.answer(frame.stream, choice, answers, output);
                }
                Ok(())
            }
            frame::RST_STREAM => {
                self.streams.remove(frame.stream);
                Ok(())
            }
            frame::SETTINGS => self.settings(frame, output),
            frame::PING => {
                if frame.flags & frame::ACK == 0 {
                    output.own(|own| {
                        frame::head(own, frame.payload.len(), frame::PING, frame::ACK, 0);
                        own.extend_from_slice(frame.payload);
                    });
                }
                Ok(())
            }
            frame::WINDOW_UPDATE => {
                let more = i64::from(frame.word().ok_or(Violation)? & 0x7fff_ffff);
                if frame.stream == 0 {
                    self.window += more;
                    if self.window > WINDOW_MAX {
                        return Err(Violation);
                    }
                } else {
                    self.streams.widen(frame.stream, more);
                }
                Ok(())
            }
            // PRIORITY, GOAWAY, PUSH_PROMISE and what nobody knows change nothing here.
            _ => Ok(()),
        }
    }

    fn settings(&mut self, frame: &Frame, output: &mut Output) -> Result<(), Violation> {
        if frame.flags & frame::ACK != 0 {
            return Ok(());
        }
        for (name, value) in frame.settings() {
            // A smaller table than the default binds only what we encode, and we index nothing.
            if name == frame::INITIAL_WINDOW_SIZE {
                let window = i64::from(value);
                if window > WINDOW_MAX {
                    return Err(Violation);
                }
                self.streams.shift(window - self.stream_window);
                self.stream_window = window;
            }
        }
        output.own(|own| frame::head(own, 0, frame::SETTINGS, frame::ACK, 0));
        Ok(())
    }

    fn request<'a>(
        &mut self,
        stream: u32,
        is_end: bool,
        block: &[u8],
        answers: &'a Answers,
        output: &mut Output<'a>,
    ) -> Result<(), Violation> {
        let path = self.decoder.path(block)?;
        if stream <= self.last {
            // Trailers: what was asked is known.
            if is_end && let Some(choice) = self.streams.body_ended(stream) {
                self.answer(stream, choice, answers, output);
            }
            return Ok(());
        }
        if self.requests_left == 0 {
            // Above the last stream of our GOAWAY: the peer knows that nobody looks at it.
            return Ok(());
        }
        let choice = path.unwrap_or(Choice::Absent);
        self.last = stream;
        self.requests_left -= 1;
        if is_end {
            self.answer(stream, choice, answers, output);
        } else {
            self.streams.awaits_body(stream, choice);
        }
        if self.requests_left == 0 {
            output.own(|own| frame::goaway(own, stream));
        }
        Ok(())
    }

    fn answer<'a>(&mut self, stream: u32, choice: Choice, answers: &'a Answers, output: &mut Output<'a>) {
        let answer = answers.of(choice);
        let length = i64::try_from(answer.body.len()).unwrap_or(i64::MAX);
        if answer.is_short() && self.streams.is_empty() && length <= self.window.min(self.stream_window) {
            self.window -= length;
            output.own(|own| {
                let from = own.len();
                own.extend_from_slice(&answer.whole);
                for at in answer.whole_ids {
                    own[from + at..from + at + 4].copy_from_slice(&stream.to_be_bytes());
                }
            });
            return;
        }
        output.own(|own| {
            let from = own.len();
            own.extend_from_slice(&answer.headers);
            own[from + frame::ID_AT..from + frame::ID_AT + 4].copy_from_slice(&stream.to_be_bytes());
        });
        self.streams.send(Sending {
            stream,
            choice,
            sent: 0,
            window: self.stream_window,
        });
    }

    /// Makes DATA frames, the oldest stream first, as far as windows and the output's limit allow.
    pub(crate) fn pump<'a>(&mut self, answers: &'a Answers, output: &mut Output<'a>) {
        let window = &mut self.window;
        self.streams.each_sending(|sending| {
            let body = &answers.of(sending.choice).body[..];
            while sending.sent < body.len() {
                let open = usize::try_from(sending.window.min(*window)).unwrap_or(0);
                if open == 0 || output.len() >= AHEAD_BYTES {
                    return false;
                }
                let length = frame::DATA_MAX.min(open).min(body.len() - sending.sent);
                let part = &body[sending.sent..sending.sent + length];
                sending.sent += length;
                sending.window -= length as i64;
                *window -= length as i64;
                let flags = if sending.sent == body.len() {
                    frame::END_STREAM
                } else {
                    0
                };
                output.own(|own| frame::head(own, length, frame::DATA, flags, sending.stream));
                output.prebuilt(part);
            }
            true
        });
    }
}
