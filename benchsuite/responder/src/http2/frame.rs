//! Frames: nine bytes of head, and the payloads that this server makes or reads.

use crate::connection::Violation;

pub(crate) const HEAD_BYTES: usize = 9;
/// Where in a frame its stream stands.
pub(crate) const ID_AT: usize = 5;
/// The payload that every peer takes without being asked.
pub(crate) const DATA_MAX: usize = 16_384;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// A whole frame.
#[derive(Debug)]
pub(crate) struct Frame<'i> {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: &'i [u8],
}

impl<'i> Frame<'i> {
    /// The frame that the input begins with, if it is whole.
    pub(crate) fn first(input: &'i [u8]) -> Result<Option<Frame<'i>>, Violation> {
        let Some((head, rest)) = input.split_at_checked(HEAD_BYTES) else {
            return Ok(None);
        };
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        if length > DATA_MAX {
            return Err(Violation);
        }
        let Some(payload) = rest.get(..length) else {
            return Ok(None);
        };
        Ok(Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff,
            payload,
        }))
    }

    /// Of a HEADERS frame: the block without padding and priority.
    pub(crate) fn header_fragment(&self) -> Result<&'i [u8], Violation> {
        let mut payload = self.payload;
        if self.flags & PADDED != 0 {
            let (padding, rest) = payload.split_first().ok_or(Violation)?;
            let kept = rest.len().checked_sub(usize::from(*padding)).ok_or(Violation)?;
            payload = &rest[..kept];
        }
        if self.flags & PRIORITY != 0 {
            payload = payload.get(5..).ok_or(Violation)?;
        }
        Ok(payload)
    }

    /// The first four bytes.
    pub(crate) fn word(&self) -> Option<u32> {
        self.payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// Of a SETTINGS frame.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (u16, u32)> {
        self.payload.chunks_exact(6).map(|setting| {
            (
                u16::from_be_bytes([setting[0], setting[1]]),
                u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]),
            )
        })
    }
}

pub(crate) fn head(to: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let [_, .., a, b, c] = length.to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    to.extend_from_slice(&[a, b, c, kind, flags, d, e, f, g]);
}

pub(crate) fn settings(to: &mut Vec<u8>, settings: &[(u16, u32)]) {
    head(to, settings.len() * 6, SETTINGS, 0, 0);
    for (name, value) in settings {
        to.extend_from_slice(&name.to_be_bytes());
        to.extend_from_slice(&value.to_be_bytes());
    }
}

pub(crate) fn window_update(to: &mut Vec<u8>, stream: u32, more: u32) {
    head(to, 4, WINDOW_UPDATE, 0, stream);
    to.extend_from_slice(&more.to_be_bytes());
}

/// NO_ERROR: this was the last stream.
pub(crate) fn goaway(to: &mut Vec<u8>, last: u32) {
    head(to, 8, GOAWAY, 0, 0);
    to.extend_from_slice(&last.to_be_bytes());
    to.extend_from_slice(&0_u32.to_be_bytes());
}
