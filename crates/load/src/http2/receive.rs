//! Reading frames: what each of them means, in the order in which they come.

use super::{
    Event, Fault, GoAway, Session,
    frame::{self, HEADER_BYTES, Header, code, flag, kind, setting},
    number::{decimal, three_digits},
};
use crate::{
    config::WINDOW_MAX,
    http2::{BYTES_AN_UPDATE, CHATTER_MAX},
};

/// Letters of a GOAWAY's explanation that are kept.
const DEBUG_MAX: usize = 256;

/// Where in the bytes we are.
#[derive(Debug)]
pub(super) struct Receiving {
    /// A frame that was cut, from its header on. Never one of DATA with its payload.
    kept: Vec<u8>,
    /// Within a DATA frame.
    data: Option<Payload>,
    /// A head that goes on in CONTINUATION.
    block: Option<Block>,
}

/// The rest of a DATA frame.
#[derive(Clone, Copy, Debug)]
struct Payload {
    stream: u32,
    left: u32,
    padding: u32,
    /// The byte that says how much padding there is has not come yet.
    awaits_padding: bool,
    ends: bool,
}

#[derive(Debug)]
struct Block {
    stream: u32,
    ends: bool,
    bytes: Vec<u8>,
}

impl Receiving {
    pub(super) fn new() -> Receiving {
        Receiving {
            kept: Vec::new(),
            data: None,
            block: None,
        }
    }
}

impl<T> Session<T> {
    /// Takes the next meaning from the front of the input; none when more bytes are needed, and then the input is used
    /// up. What has to be answered is added to the output.
    #[inline]
    pub fn receive<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Fault> {
        loop {
            if self.receiving.data.is_some() {
                match self.data(input, out)? {
                    Some(event) => return Ok(Some(event)),
                    None if self.receiving.data.is_some() => return Ok(None),
                    None => continue,
                }
            }
            if input.is_empty() {
                return Ok(None);
            }
            let event = if self.receiving.kept.is_empty() {
                let Some(bytes) = input.first_chunk::<HEADER_BYTES>() else {
                    return self.keep(input, input.len());
                };
                let header = Header::read(bytes);
                self.check(header)?;
                if header.kind == kind::DATA {
                    *input = &input[HEADER_BYTES..];
                    self.begin_data(header)?;
                    continue;
                }
                let whole = HEADER_BYTES + header.length as usize;
                if input.len() < whole {
                    return self.keep(input, input.len());
                }
                let (bytes, rest) = input.split_at(whole);
                *input = rest;
                self.frame(header, &bytes[HEADER_BYTES..], out)?
            } else {
                match self.cut_frame(input, out)? {
                    Some(event) => event,
                    None => continue,
                }
            };
            if let Some(event) = event {
                return Ok(Some(event));
            }
        }
    }

    fn keep<'a>(&mut self, input: &mut &'a [u8], bytes: usize) -> Result<Option<Event<'a>>, Fault> {
        self.receiving.kept.extend_from_slice(&input[..bytes]);
        *input = &input[bytes..];
        Ok(None)
    }

    /// Completes a frame of which a part was kept; none if that took all of the input, or it was a header of DATA.
    fn cut_frame<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Option<Event<'a>>>, Fault> {
        let missing = HEADER_BYTES.saturating_sub(self.receiving.kept.len());
        self.keep(input, missing.min(input.len()))?;
        let Some(bytes) = self.receiving.kept.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let header = Header::read(bytes);
        self.check(header)?;
        if header.kind == kind::DATA {
            self.receiving.kept.clear();
            self.begin_data(header)?;
            return Ok(None);
        }
        let missing = HEADER_BYTES + header.length as usize - self.receiving.kept.len();
        let is_whole = input.len() >= missing;
        self.keep(input, missing.min(input.len()))?;
        if !is_whole {
            return Ok(None);
        }
        let kept = std::mem::take(&mut self.receiving.kept);
        let event = self.frame(header, &kept[HEADER_BYTES..], out);
        // Its memory is used again.
        self.receiving.kept = kept;
        self.receiving.kept.clear();
        event.map(Some)
    }

    /// What can be said of a frame before its payload is there.
    #[inline]
    fn check(&self, header: Header) -> Result<(), Fault> {
        if !self.peer.has_spoken && (header.kind != kind::SETTINGS || header.has(flag::ACK)) {
            return Err(Fault::NoSettings);
        }
        if header.length > frame::PAYLOAD_BYTES_MAX {
            return Err(Fault::FrameTooLarge);
        }
        match &self.receiving.block {
            None if header.kind == kind::CONTINUATION => Err(Fault::Continuation),
            Some(block) if header.kind != kind::CONTINUATION || header.stream != block.stream => {
                Err(Fault::Continuation)
            }
            None | Some(_) => Ok(()),
        }
    }

    #[inline]
    fn begin_data(&mut self, header: Header) -> Result<(), Fault> {
        if !self.streams.was_opened(header.stream) {
            return Err(Fault::WrongStream);
        }
        // The window counts the padding too.
        self.unsaid = self.unsaid.saturating_add(header.length);
        if self.unsaid > self.options.windows.connection.max(65_535) {
            return Err(Fault::Flow);
        }
        if let Some(stream) = self.streams.get(header.stream) {
            stream.unsaid = stream.unsaid.saturating_add(header.length);
            if stream.unsaid > self.options.windows.stream.max(65_535) {
                return Err(Fault::Flow);
            }
        }
        if header.length == 0 {
            self.chat()?;
        }
        let awaits_padding = header.has(flag::PADDED);
        if awaits_padding && header.length == 0 {
            return Err(Fault::Padding);
        }
        self.receiving.data = Some(Payload {
            stream: header.stream,
            left: header.length,
            padding: 0,
            awaits_padding,
            ends: header.has(flag::END_STREAM),
        });
        Ok(())
    }

    /// The next part of a DATA frame; none if there is nothing to say of it.
    #[inline]
    fn data<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>) -> Result<Option<Event<'a>>, Fault> {
        let Some(mut data) = self.receiving.data else {
            return Ok(None);
        };
        if data.awaits_padding {
            let Some((padding, rest)) = input.split_first() else {
                return Ok(None);
            };
            *input = rest;
            data.left -= 1;
            data.padding = u32::from(*padding);
            data.awaits_padding = false;
            if data.padding > data.left {
                return Err(Fault::Padding);
            }
            self.receiving.data = Some(data);
        }
        let body_left = data.left - data.padding;
        let part = (body_left as usize).min(input.len());
        let (bytes, rest) = input.split_at(part);
        let is_body_over = part as u32 == body_left;
        let padding = if is_body_over {
            (data.padding as usize).min(rest.len())
        } else {
            0
        };
        *input = &rest[padding..];
        data.left -= (part + padding) as u32;
        data.padding -= padding as u32;
        let is_over = data.left == 0;
        self.receiving.data = (!is_over).then_some(data);
        if part == 0 && !is_over {
            return Ok(None);
        }
        if is_over {
            self.say_windows(data, out);
        }
        self.body(data.stream, bytes, is_over && data.ends, out)
    }

    /// A part of a body, if anybody still wants it.
    #[inline]
    fn body<'a>(
        &mut self,
        number: u32,
        bytes: &'a [u8],
        ends: bool,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Fault> {
        let Some(stream) = self.streams.get(number) else {
            return Ok(None);
        };
        stream.received += bytes.len() as u64;
        let is_too_long = stream.promised.is_some_and(|promised| stream.received > promised);
        let is_too_short = ends && stream.promised.is_some_and(|promised| stream.received < promised);
        if !stream.has_head || is_too_long || is_too_short || (stream.to_head && !bytes.is_empty()) {
            self.forget_upload(number);
            frame::reset(number, code::PROTOCOL_ERROR, out);
            return Ok(Some(Event::Malformed { stream: number }));
        }
        if bytes.is_empty() && !ends {
            return Ok(None);
        }
        if ends {
            self.stop_upload(number, out);
        }
        Ok(Some(Event::Body {
            stream: number,
            bytes,
            ends,
        }))
    }

    /// The answer is whole: a body that is still on its way helps nobody.
    #[inline]
    fn stop_upload(&mut self, stream: u32, out: &mut Vec<u8>) {
        if !self.uploads.is_empty() && self.forget_upload(stream) {
            frame::reset(stream, code::CANCEL, out);
        }
    }

    /// Tells the server that we took its bytes, when half of a window is used.
    #[inline]
    fn say_windows(&mut self, data: Payload, out: &mut Vec<u8>) {
        if self.unsaid >= self.options.windows.connection.max(65_535) / 2 {
            frame::window_update(0, self.unsaid, out);
            self.unsaid = 0;
        }
        let half = self.options.windows.stream / 2;
        if !data.ends
            && let Some(stream) = self.streams.get(data.stream)
            && stream.unsaid > 0
            && stream.unsaid >= half
        {
            frame::window_update(data.stream, stream.unsaid, out);
            stream.unsaid = 0;
        }
    }

    fn frame<'a>(
        &mut self,
        header: Header,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Fault> {
        match header.kind {
            kind::HEADERS => self.headers(header, payload, out),
            kind::CONTINUATION => self.continuation(header, payload, out),
            kind::SETTINGS => self.settings(header, payload, out),
            kind::WINDOW_UPDATE => self.window_update(header, payload, out),
            kind::RST_STREAM => self.reset(header, payload),
            kind::GOAWAY => self.leave(header, payload),
            kind::PING => {
                self.chat()?;
                if header.stream != 0 {
                    return Err(Fault::WrongStream);
                }
                if payload.len() != 8 {
                    return Err(Fault::FrameLength);
                }
                if !header.has(flag::ACK) {
                    frame::ping_ack(payload, out);
                }
                Ok(None)
            }
            kind::PUSH_PROMISE => Err(Fault::Push),
            kind::PRIORITY if payload.len() != 5 => Err(Fault::FrameLength),
            kind::PRIORITY if header.stream == 0 => Err(Fault::WrongStream),
            // Frames that we do not know are skipped, so that there can be new ones.
            _ => self.chat().map(|()| None),
        }
    }

    #[inline]
    fn headers<'a>(
        &mut self,
        header: Header,
        mut payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Fault> {
        if !self.streams.was_opened(header.stream) {
            return Err(Fault::WrongStream);
        }
        if header.has(flag::PADDED) {
            let (padding, rest) = payload.split_first().ok_or(Fault::Padding)?;
            let end = rest
                .len()
                .checked_sub(usize::from(*padding))
                .ok_or(Fault::Padding)?;
            payload = &rest[..end];
        }
        if header.has(flag::PRIORITY) {
            payload = payload.get(5..).ok_or(Fault::FrameLength)?;
        }
        let ends = header.has(flag::END_STREAM);
        self.head_bytes += payload.len() as u64;
        if header.has(flag::END_HEADERS) {
            return self.head(header.stream, payload, ends, out);
        }
        self.receiving.block = Some(Block {
            stream: header.stream,
            ends,
            bytes: payload.to_vec(),
        });
        Ok(None)
    }

    fn continuation<'a>(
        &mut self,
        header: Header,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Fault> {
        // Empty ones cost the server nothing and us a turn each.
        if payload.is_empty() {
            self.chat()?;
        }
        let mut block = self.receiving.block.take().ok_or(Fault::Continuation)?;
        if block.bytes.len() + payload.len() > self.options.head_bytes_max {
            return Err(super::hpack::Fault::TooLarge.into());
        }
        self.head_bytes += payload.len() as u64;
        block.bytes.extend_from_slice(payload);
        if header.has(flag::END_HEADERS) {
            return self.head(block.stream, &block.bytes, block.ends, out);
        }
        self.receiving.block = Some(block);
        Ok(None)
    }

    /// A whole header block: of 1xx, of an answer, or of its trailers.
    #[inline]
    fn head<'a>(
        &mut self,
        number: u32,
        block: &[u8],
        ends: bool,
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Fault> {
        let (mut status, mut length) = (None, None);
        let mut is_sound = true;
        // Read whoever it is for: the table is everybody's.
        let plain = self.decoder.decode(
            block,
            |name| name.starts_with(b":") || name == b"content-length",
            |name, value| {
                if name == b":status" {
                    is_sound &= status.is_none();
                    status = three_digits(value);
                    is_sound &= status.is_some();
                } else if name.starts_with(b":") {
                    // Answers have no other pseudo field.
                    is_sound = false;
                } else {
                    let said = decimal(value);
                    is_sound &= said.is_some() && (length.is_none() || length == said);
                    length = said;
                }
            },
        )?;
        self.head_bytes_plain += plain as u64;
        let informational_max = self.options.informational_max;
        let Some(stream) = self.streams.get(number) else {
            return Ok(None);
        };
        let is_trailer = stream.has_head;
        is_sound &= match status {
            None => is_trailer && ends,
            Some(status) => !is_trailer && status != 101 && (status >= 200 || !ends),
        };
        let is_informational = status.is_some_and(|status| status < 200);
        if is_informational {
            stream.informational += 1;
            is_sound &= stream.informational <= informational_max;
        } else if !is_trailer {
            stream.has_head = true;
            let is_empty = stream.to_head || matches!(status, Some(204 | 304));
            stream.promised = if is_empty { None } else { length };
        }
        is_sound &= !ends || stream.promised.is_none_or(|promised| promised == stream.received);
        if !is_sound {
            self.forget_upload(number);
            frame::reset(number, code::PROTOCOL_ERROR, out);
            return Ok(Some(Event::Malformed { stream: number }));
        }
        if is_informational {
            return Ok(None);
        }
        if ends {
            self.stop_upload(number, out);
        }
        Ok(Some(match status {
            None => Event::End { stream: number },
            Some(status) => Event::Head {
                stream: number,
                status,
                ends,
            },
        }))
    }

    fn settings<'a>(
        &mut self,
        header: Header,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Fault> {
        if header.stream != 0 {
            return Err(Fault::WrongStream);
        }
        if header.has(flag::ACK) {
            return if payload.is_empty() {
                Ok(None)
            } else {
                Err(Fault::FrameLength)
            };
        }
        if !payload.len().is_multiple_of(6) {
            return Err(Fault::FrameLength);
        }
        self.chat()?;
        let before = self.peer.has_spoken.then_some(self.peer.streams_max);
        for entry in payload.chunks_exact(6) {
            let value = frame::word(&entry[2..]);
            match u16::from_be_bytes([entry[0], entry[1]]) {
                setting::HEADER_TABLE_SIZE => self.encoder.allow(value as usize),
                setting::MAX_CONCURRENT_STREAMS => self.peer.streams_max = Some(value),
                setting::INITIAL_WINDOW_SIZE => {
                    if value > WINDOW_MAX {
                        return Err(Fault::Setting);
                    }
                    self.peer.window = i64::from(value);
                }
                setting::MAX_FRAME_SIZE => {
                    if !(16_384..1 << 24).contains(&value) {
                        return Err(Fault::Setting);
                    }
                    self.peer.frame_max = value;
                }
                // Others are advice, or not known to us.
                _ => {}
            }
        }
        self.peer.has_spoken = true;
        frame::settings_ack(out);
        Ok(Some(Event::Settings {
            streams_max: self.peer.streams_max,
            is_change: before.is_some_and(|before| before != self.peer.streams_max),
        }))
    }

    fn window_update<'a>(
        &mut self,
        header: Header,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Fault> {
        if payload.len() != 4 {
            return Err(Fault::FrameLength);
        }
        let more = i64::from(frame::word(payload) & WINDOW_MAX);
        if header.stream == 0 {
            self.window += more;
            if more == 0 || self.window > i64::from(WINDOW_MAX) {
                return Err(Fault::Window);
            }
            if self.uploads.is_empty() {
                self.chat()?;
            }
            return Ok(None);
        }
        if !self.streams.was_opened(header.stream) {
            return Err(Fault::WrongStream);
        }
        if self.uploads.is_empty() {
            self.chat()?;
        }
        let initial = self.peer.window;
        let Some(stream) = self.streams.get(header.stream) else {
            return Ok(None);
        };
        stream.window += more;
        if more == 0 || initial + stream.window > i64::from(WINDOW_MAX) {
            self.forget_upload(header.stream);
            frame::reset(header.stream, code::PROTOCOL_ERROR, out);
            return Ok(Some(Event::Malformed {
                stream: header.stream,
            }));
        }
        Ok(None)
    }

    fn reset<'a>(&mut self, header: Header, payload: &[u8]) -> Result<Option<Event<'a>>, Fault> {
        if payload.len() != 4 {
            return Err(Fault::FrameLength);
        }
        if !self.streams.was_opened(header.stream) {
            return Err(Fault::WrongStream);
        }
        if self.streams.get(header.stream).is_none() {
            self.chat()?;
            return Ok(None);
        }
        self.forget_upload(header.stream);
        Ok(Some(Event::Reset {
            stream: header.stream,
            code: frame::word(payload),
        }))
    }

    fn leave<'a>(&mut self, header: Header, payload: &[u8]) -> Result<Option<Event<'a>>, Fault> {
        self.chat()?;
        if header.stream != 0 {
            return Err(Fault::WrongStream);
        }
        if payload.len() < 8 {
            return Err(Fault::FrameLength);
        }
        let said = &payload[8..payload.len().min(8 + DEBUG_MAX)];
        let goaway = GoAway {
            last_stream: frame::word(payload) & 0x7fff_ffff,
            code: frame::word(&payload[4..]),
            debug: String::from_utf8_lossy(said)
                .chars()
                .map(|letter| if letter.is_control() { ' ' } else { letter })
                .collect(),
        };
        self.goaway = Some(goaway.clone());
        Ok(Some(Event::GoAway(goaway)))
    }

    /// A frame that brings no answer nearer.
    fn chat(&mut self) -> Result<(), Fault> {
        self.chatter += 1;
        let earned = u64::from(self.streams.next()) * 4 + self.uploaded / BYTES_AN_UPDATE;
        if self.chatter > CHATTER_MAX + earned {
            return Err(Fault::Chatter);
        }
        Ok(())
    }
}
