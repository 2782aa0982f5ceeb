//! HTTP/2 as a client speaks it: frames walked over the read buffer, streams in a table whose index is their number.
//!
//! [`Session`] knows no socket: it is given bytes as they come, cut anywhere, and says what they mean; what it has to
//! say itself it adds to an output. Bodies are never copied, everything else only where it is cut.

pub mod frame;
pub mod hpack;
mod number;
mod receive;
pub mod request;
mod streams;
#[cfg(test)]
mod tests;
mod upload;

use crate::{
    config::{WINDOW_MAX, Windows},
    http2::{
        frame::{code, setting},
        hpack::{Decoder, write::Encoder},
        request::Blocks,
        streams::Streams,
    },
};

/// Streams open at once before the server has said how many it allows.
pub const STREAMS_BEFORE_SETTINGS: u32 = 100;

/// Streams that a connection's table holds, from the oldest open one to the youngest.
pub const STREAM_TABLE_MAX: usize = 1 << 20;

/// Settings, pings and resets that the server may send for each of our streams, and so many more for the connection:
/// a server that does nothing else would keep us busy for ever.
pub const CHATTER_MAX: u64 = 10_000;

/// A server that reads a body in small parts gives each of them back: so many bytes bring one update more.
const BYTES_AN_UPDATE: u64 = 256;

/// How a connection of HTTP/2 is used.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What we let the server send.
    pub windows: Windows,
    /// Of the table that the server writes into.
    pub table_bytes: u32,
    /// Of our own.
    pub encoder_table_bytes: u32,
    /// Of one head, plain.
    pub head_bytes_max: usize,
    /// 1xx before the real answer.
    pub informational_max: u32,
}

/// What the bytes mean.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The server's SETTINGS: how many streams it allows; none for no limit.
    Settings {
        /// At once.
        streams_max: Option<u32>,
        /// Whether it has said something else before.
        is_change: bool,
    },
    /// The head of an answer.
    Head {
        /// Whose.
        stream: u32,
        /// 200 to 999.
        status: u16,
        /// Whether the answer is whole.
        ends: bool,
    },
    /// A part of a body.
    Body {
        /// Whose.
        stream: u32,
        /// The part.
        bytes: &'a [u8],
        /// Whether the answer is whole.
        ends: bool,
    },
    /// The answer is whole, by its trailers.
    End {
        /// Whose.
        stream: u32,
    },
    /// The stream is over without a whole answer.
    Reset {
        /// Whose.
        stream: u32,
        /// Why.
        code: u32,
    },
    /// The answer breaks the protocol, and only this one: the stream has been reset by us.
    Malformed {
        /// Whose.
        stream: u32,
    },
    /// The server leaves.
    GoAway(GoAway),
}

/// The server leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoAway {
    /// Streams above it were never processed.
    pub last_stream: u32,
    /// Why.
    pub code: u32,
    /// What the server says to it, cut to a length for reading.
    pub debug: String,
}

/// How the bytes break the protocol. All of them end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first frame is not SETTINGS: most likely no HTTP/2 is spoken.
    #[error("the first frame is no SETTINGS: the server does not speak HTTP/2")]
    NoSettings,
    /// Larger than we allow.
    #[error("a frame is larger than allowed")]
    FrameTooLarge,
    /// A length that its kind cannot have.
    #[error("a frame has a length that its kind cannot have")]
    FrameLength,
    /// On a stream where it cannot be.
    #[error("a frame stands on a stream where its kind cannot be")]
    WrongStream,
    /// More padding than bytes.
    #[error("a frame has more padding than bytes")]
    Padding,
    /// Something between the parts of a head, or a rest without a beginning.
    #[error("a header block is interrupted")]
    Continuation,
    /// Of a setting.
    #[error("a setting has a value that it cannot have")]
    Setting,
    /// Larger than 2^31-1, or by nothing.
    #[error("a window grows by nothing, or over the largest that there is")]
    Window,
    /// More bytes than we allowed.
    #[error("more bytes than the window allowed")]
    Flow,
    /// Nobody asked for it.
    #[error("the server pushes, which it was told not to")]
    Push,
    /// Of a header block.
    #[error(transparent)]
    Header(#[from] hpack::Fault),
    /// Nothing but talk.
    #[error("more control frames than the limit")]
    Chatter,
}

/// A connection of HTTP/2. `T` is what the caller remembers of each stream.
#[derive(Debug)]
pub struct Session<T> {
    options: Options,
    streams: Streams<T>,
    decoder: Decoder,
    encoder: Encoder,
    blocks: Blocks,
    peer: Peer,
    goaway: Option<GoAway>,
    /// Bytes received that the server was not told of yet.
    unsaid: u32,
    /// What we may send.
    window: i64,
    receiving: receive::Receiving,
    uploads: Vec<upload::Upload>,
    chatter: u64,
    /// Bytes of bodies sent, each of which the server may give back in updates of its windows.
    uploaded: u64,
    stalled_since: Option<u64>,
    stalled_ns: u64,
    head_bytes: u64,
    head_bytes_plain: u64,
}

/// What the server has said of itself.
#[derive(Clone, Copy, Debug)]
struct Peer {
    has_spoken: bool,
    streams_max: Option<u32>,
    window: i64,
    frame_max: u32,
}

impl<T> Session<T> {
    /// Says what a client says first.
    pub fn new(options: Options, out: &mut Vec<u8>) -> Session<T> {
        out.extend_from_slice(frame::PREFACE);
        frame::settings(
            &[
                (setting::HEADER_TABLE_SIZE, options.table_bytes),
                (setting::ENABLE_PUSH, 0),
                (
                    setting::INITIAL_WINDOW_SIZE,
                    options.windows.stream.min(WINDOW_MAX),
                ),
                (setting::MAX_FRAME_SIZE, frame::PAYLOAD_BYTES_MAX),
                (setting::MAX_HEADER_LIST_SIZE, options.head_bytes_max as u32),
            ],
            out,
        );
        let wider = options.windows.connection.min(WINDOW_MAX).saturating_sub(65_535);
        if wider > 0 {
            frame::window_update(0, wider, out);
        }
        Session {
            options,
            streams: Streams::new(),
            decoder: Decoder::new(options.table_bytes as usize, options.head_bytes_max),
            encoder: Encoder::new(options.encoder_table_bytes as usize),
            blocks: Blocks::new(),
            peer: Peer {
                has_spoken: false,
                streams_max: None,
                window: 65_535,
                frame_max: 16_384,
            },
            goaway: None,
            unsaid: 0,
            window: 65_535,
            receiving: receive::Receiving::new(),
            uploads: Vec::new(),
            chatter: 0,
            uploaded: 0,
            stalled_since: None,
            stalled_ns: 0,
            head_bytes: 0,
            head_bytes_plain: 0,
        }
    }

    /// How many streams may be opened now.
    #[inline]
    pub fn room(&self) -> u32 {
        if self.goaway.is_some() || !self.streams.has_room() {
            return 0;
        }
        self.allowed().saturating_sub(self.streams.open())
    }

    /// How many streams may be open at once.
    #[inline]
    pub fn allowed(&self) -> u32 {
        if self.peer.has_spoken {
            self.peer.streams_max.unwrap_or(u32::MAX)
        } else {
            STREAMS_BEFORE_SETTINGS
        }
    }

    /// Whether the server's SETTINGS are there.
    pub fn has_settings(&self) -> bool {
        self.peer.has_spoken
    }

    /// Whether the numbers of streams are used up, so that only a new connection can go on.
    pub fn is_used_up(&self) -> bool {
        self.streams.is_used_up()
    }

    /// The last GOAWAY, if there was one.
    pub fn goaway(&self) -> Option<&GoAway> {
        self.goaway.as_ref()
    }

    /// Streams without a whole answer.
    #[inline]
    pub fn open_streams(&self) -> u32 {
        self.streams.open()
    }

    /// What the caller remembers of a stream.
    #[inline]
    pub fn ticket(&mut self, stream: u32) -> Option<&mut T> {
        self.streams.get(stream)?.ticket.as_mut()
    }

    /// Takes it back, when the stream is over.
    #[inline]
    pub fn finish(&mut self, stream: u32) -> Option<T> {
        self.streams.finish(stream)
    }

    /// Gives a stream up.
    pub fn cancel(&mut self, stream: u32, out: &mut Vec<u8>) -> Option<T> {
        let ticket = self.streams.finish(stream)?;
        self.forget_upload(stream);
        frame::reset(stream, code::CANCEL, out);
        Some(ticket)
    }

    /// Open streams above a number, the oldest first: what a GOAWAY says was never processed.
    pub fn take_above(&mut self, last_stream: u32) -> Vec<T> {
        let above: Vec<u32> = self
            .streams
            .iter_open()
            .map(|(stream, _)| stream)
            .filter(|stream| *stream > last_stream)
            .collect();
        self.uploads.retain(|upload| upload.stream <= last_stream);
        above
            .into_iter()
            .filter_map(|stream| self.streams.finish(stream))
            .collect()
    }

    /// Open streams with what is remembered of them, the oldest first.
    pub fn open_tickets(&self) -> impl Iterator<Item = (u32, &T)> {
        self.streams.iter_open()
    }

    /// Nanoseconds in which a body could not be sent because a window was closed.
    pub fn stalled_ns(&self, now: u64) -> u64 {
        self.stalled_ns + self.stalled_since.map_or(0, |since| now.saturating_sub(since))
    }

    /// Bytes of heads as they came, without what frames them, and of their names and values, plain.
    pub fn head_bytes(&self) -> (u64, u64) {
        (self.head_bytes, self.head_bytes_plain)
    }
}
