//! Frames of HTTP/2: the nine bytes in front of each, and the ones that a client writes.

/// Bytes in front of every frame.
pub const HEADER_BYTES: usize = 9;

/// What a client says before anything else.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The largest payload that we take.
pub const PAYLOAD_BYTES_MAX: u32 = 1 << 20;

/// What kind of frame it is.
pub mod kind {
    /// A part of a body.
    pub const DATA: u8 = 0;
    /// The beginning of a head.
    pub const HEADERS: u8 = 1;
    /// Says nothing any more.
    pub const PRIORITY: u8 = 2;
    /// The end of a stream, early.
    pub const RST_STREAM: u8 = 3;
    /// What a side is able to do.
    pub const SETTINGS: u8 = 4;
    /// An answer to nothing.
    pub const PUSH_PROMISE: u8 = 5;
    /// Are you there?
    pub const PING: u8 = 6;
    /// The end of a connection.
    pub const GOAWAY: u8 = 7;
    /// More may be sent.
    pub const WINDOW_UPDATE: u8 = 8;
    /// The rest of a head.
    pub const CONTINUATION: u8 = 9;
}

/// Bits of the flags.
pub mod flag {
    /// Of SETTINGS and PING.
    pub const ACK: u8 = 1;
    /// Of DATA and HEADERS.
    pub const END_STREAM: u8 = 1;
    /// Of HEADERS and CONTINUATION.
    pub const END_HEADERS: u8 = 4;
    /// Of DATA and HEADERS.
    pub const PADDED: u8 = 8;
    /// Of HEADERS.
    pub const PRIORITY: u8 = 0x20;
}

/// Codes of errors.
pub mod code {
    /// None.
    pub const NO_ERROR: u32 = 0;
    /// Something that the protocol does not allow.
    pub const PROTOCOL_ERROR: u32 = 1;
    /// Not processed at all.
    pub const REFUSED_STREAM: u32 = 7;
    /// Not wanted any more.
    pub const CANCEL: u32 = 8;
}

/// Names of settings.
pub mod setting {
    /// Of the receiver's table.
    pub const HEADER_TABLE_SIZE: u16 = 1;
    /// Whether pushing is allowed.
    pub const ENABLE_PUSH: u16 = 2;
    /// Streams that the other side may have open.
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    /// Of every stream.
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    /// The largest payload.
    pub const MAX_FRAME_SIZE: u16 = 5;
    /// Advice only.
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// The nine bytes, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes that follow.
    pub length: u32,
    /// One of [`kind`], or one that nobody knows.
    pub kind: u8,
    /// Of [`flag`].
    pub flags: u8,
    /// 0 for the connection.
    pub stream: u32,
}

impl Header {
    /// Reads nine bytes.
    #[inline]
    pub fn read(bytes: &[u8; HEADER_BYTES]) -> Header {
        let [a, b, c, kind, flags, s, t, u, v] = *bytes;
        Header {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: u32::from_be_bytes([s, t, u, v]) & 0x7fff_ffff,
        }
    }

    /// Writes them.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        let [_, a, b, c] = self.length.to_be_bytes();
        let [s, t, u, v] = self.stream.to_be_bytes();
        out.extend_from_slice(&[a, b, c, self.kind, self.flags, s, t, u, v]);
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A number of four bytes at the front.
#[inline]
pub(super) fn word(bytes: &[u8]) -> u32 {
    match bytes {
        [a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]),
        _ => 0,
    }
}

pub(super) fn settings(values: &[(u16, u32)], out: &mut Vec<u8>) {
    Header {
        length: values.len() as u32 * 6,
        kind: kind::SETTINGS,
        flags: 0,
        stream: 0,
    }
    .write(out);
    for (name, value) in values {
        out.extend_from_slice(&name.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

pub(super) fn settings_ack(out: &mut Vec<u8>) {
    Header {
        length: 0,
        kind: kind::SETTINGS,
        flags: flag::ACK,
        stream: 0,
    }
    .write(out);
}

pub(super) fn ping_ack(payload: &[u8], out: &mut Vec<u8>) {
    Header {
        length: 8,
        kind: kind::PING,
        flags: flag::ACK,
        stream: 0,
    }
    .write(out);
    out.extend_from_slice(payload);
}

pub(super) fn window_update(stream: u32, bytes: u32, out: &mut Vec<u8>) {
    Header {
        length: 4,
        kind: kind::WINDOW_UPDATE,
        flags: 0,
        stream,
    }
    .write(out);
    out.extend_from_slice(&bytes.to_be_bytes());
}

pub(super) fn reset(stream: u32, code: u32, out: &mut Vec<u8>) {
    Header {
        length: 4,
        kind: kind::RST_STREAM,
        flags: 0,
        stream,
    }
    .write(out);
    out.extend_from_slice(&code.to_be_bytes());
}

/// The polite end of a connection, or a word on what was wrong with it.
pub fn goaway(code: u32, out: &mut Vec<u8>) {
    Header {
        length: 8,
        kind: kind::GOAWAY,
        flags: 0,
        stream: 0,
    }
    .write(out);
    out.extend_from_slice(&0_u32.to_be_bytes());
    out.extend_from_slice(&code.to_be_bytes());
}

/// What a code means, by its name in RFC 9113.
pub fn code_name(code: u32) -> &'static str {
    match code {
        0 => "NO_ERROR",
        1 => "PROTOCOL_ERROR",
        2 => "INTERNAL_ERROR",
        3 => "FLOW_CONTROL_ERROR",
        4 => "SETTINGS_TIMEOUT",
        5 => "STREAM_CLOSED",
        6 => "FRAME_SIZE_ERROR",
        7 => "REFUSED_STREAM",
        8 => "CANCEL",
        9 => "COMPRESSION_ERROR",
        10 => "CONNECT_ERROR",
        11 => "ENHANCE_YOUR_CALM",
        12 => "INADEQUATE_SECURITY",
        13 => "HTTP_1_1_REQUIRED",
        _ => "unknown code",
    }
}
