//! Opening streams: a request's header block, made once for a connection and then sent byte by byte.

use super::{
    Session,
    frame::{Header, flag, kind},
    hpack::write::{Encoder, literal},
    upload::Upload,
};

/// A kind of request, as all connections send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Pseudo fields that are always the same.
    pub pseudo: Vec<(Vec<u8>, Vec<u8>)>,
    /// Other fields that are always the same.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether it is HEAD, whose answer has no body.
    pub is_head: bool,
}

/// What differs from one request to the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filling<'a> {
    /// `:path`, if it is not in the outline.
    pub path: Option<&'a [u8]>,
    /// More fields.
    pub fields: &'a [(&'a [u8], &'a [u8])],
    /// The body, if there is one.
    pub body: Option<&'a std::sync::Arc<[u8]>>,
}

/// Blocks as they were last written, by the kind of request.
#[derive(Debug)]
pub(super) struct Blocks {
    kept: Vec<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// What the encoder was like; other entries make other indexes.
    version: Option<(usize, usize)>,
    pseudo: Vec<u8>,
    fields: Vec<u8>,
}

impl Blocks {
    pub(super) fn new() -> Blocks {
        Blocks { kept: Vec::new() }
    }

    fn of(&mut self, which: usize) -> &mut Kept {
        if self.kept.len() <= which {
            self.kept.resize_with(which + 1, Kept::default);
        }
        &mut self.kept[which]
    }
}

impl Kept {
    /// Writes the block into itself. Only what comes out of a table that does not change any more may be sent again.
    fn write(&mut self, outline: &Outline, encoder: &mut Encoder) {
        let before = encoder.version();
        self.pseudo.clear();
        self.fields.clear();
        encoder.begin(&mut self.pseudo);
        for (name, value) in &outline.pseudo {
            encoder.field(name, value, &mut self.pseudo);
        }
        for (name, value) in &outline.fields {
            encoder.field(name, value, &mut self.fields);
        }
        let after = encoder.version();
        self.version = (before == after).then_some(after);
    }
}

impl<T> Session<T> {
    /// Opens a stream for a request of this kind. The caller has asked [`Session::room`].
    #[inline]
    pub fn open(
        &mut self,
        which: usize,
        outline: &Outline,
        filling: Filling<'_>,
        ticket: T,
        out: &mut Vec<u8>,
    ) -> u32 {
        let stream = self.streams.add(ticket, outline.is_head);
        let version = self.encoder.version();
        let kept = self.blocks.of(which);
        if kept.version != Some(version) {
            kept.write(outline, &mut self.encoder);
        }
        let begin = out.len();
        let mut flags = flag::END_HEADERS;
        if filling.body.is_none_or(|body| body.is_empty()) {
            flags |= flag::END_STREAM;
        }
        let mut header = Header {
            length: (kept.pseudo.len() + kept.fields.len()) as u32,
            kind: kind::HEADERS,
            flags,
            stream,
        };
        header.write(out);
        out.extend_from_slice(&kept.pseudo);
        if let Some(path) = filling.path {
            literal(b":path", path, out);
        }
        out.extend_from_slice(&kept.fields);
        for (name, value) in filling.fields {
            literal(name, value, out);
        }
        let length = out.len() - begin - super::frame::HEADER_BYTES;
        if length as u32 != header.length {
            header.length = length as u32;
            self.split(begin, header, out);
        } else if length > self.peer.frame_max as usize {
            self.split(begin, header, out);
        }
        if let Some(body) = filling.body.filter(|body| !body.is_empty()) {
            self.uploads.push(Upload::new(stream, body));
        }
        stream
    }

    /// Writes the header anew, and cuts a block that is larger than a frame may be.
    fn split(&mut self, begin: usize, header: Header, out: &mut Vec<u8>) {
        let block = out.split_off(begin + super::frame::HEADER_BYTES);
        out.truncate(begin);
        let max = self.peer.frame_max as usize;
        let mut parts = block.chunks(max).peekable();
        let mut is_first = true;
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            let ends = if is_last { flag::END_HEADERS } else { 0 };
            Header {
                length: part.len() as u32,
                kind: if is_first {
                    kind::HEADERS
                } else {
                    kind::CONTINUATION
                },
                flags: if is_first {
                    header.flags & flag::END_STREAM
                } else {
                    0
                } | ends,
                stream: header.stream,
            }
            .write(out);
            out.extend_from_slice(part);
            is_first = false;
        }
    }
}
