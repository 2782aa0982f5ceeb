//! What a handler gives back: content, not yet indented, compressed or addressed.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;

use crate::{compress, pretty::Pretty};

/// The content of a successful answer.
pub(crate) struct Answer {
    pub(crate) content: Content,
    pub(crate) media: Media,
    /// The URL of the next page.
    pub(crate) next: Option<String>,
    pub(crate) timing: Timing,
}

/// Bytes that are there, or that are made as they are sent.
pub(crate) enum Content {
    Whole(Bytes),
    Stream(Chunks),
}

/// A body as it is made.
pub(crate) type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, Broken>> + Send>>;

/// A body that ended before its end; the connection or stream is reset so that nobody takes it for whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off: {0}")]
pub(crate) struct Broken(pub(crate) &'static str);

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    /// JSON whose form was chosen by `Accept`.
    JsonOrNdjson,
    Ndjson,
    OpenApi,
    Html,
    Problem,
}

/// Where the time of an answer went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    pub(crate) queue: Duration,
    pub(crate) pool: Duration,
    pub(crate) database: Duration,
    pub(crate) statements: u32,
    pub(crate) measure: Duration,
}

impl Answer {
    pub(crate) fn json(body: impl Into<Bytes>) -> Answer {
        Answer::whole(Media::Json, body)
    }

    pub(crate) fn whole(media: Media, body: impl Into<Bytes>) -> Answer {
        Answer {
            content: Content::Whole(body.into()),
            media,
            next: None,
            timing: Timing::default(),
        }
    }

    pub(crate) fn stream(media: Media, chunks: Chunks) -> Answer {
        Answer {
            content: Content::Stream(chunks),
            media,
            next: None,
            timing: Timing::default(),
        }
    }

    pub(crate) fn timing(mut self, timing: Timing) -> Answer {
        self.timing = timing;
        self
    }
}

impl Media {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Media::Json | Media::JsonOrNdjson | Media::OpenApi => "application/json",
            Media::Ndjson => "application/x-ndjson",
            Media::Html => "text/html; charset=utf-8",
            Media::Problem => "application/problem+json",
        }
    }

    /// Whether `pretty=true` means anything to it.
    pub(crate) fn is_indentable(self) -> bool {
        match self {
            Media::Json | Media::JsonOrNdjson | Media::OpenApi | Media::Problem => true,
            Media::Ndjson | Media::Html => false,
        }
    }

    /// The request headers that the answer depends on.
    pub(crate) fn vary(self) -> &'static str {
        match self {
            Media::JsonOrNdjson | Media::Ndjson => "accept, accept-encoding",
            Media::Json | Media::OpenApi | Media::Html | Media::Problem => "accept-encoding",
        }
    }
}

/// Indents and compresses a body chunk by chunk, so that each can be read as it comes.
pub(crate) struct Encoded {
    chunks: Chunks,
    pretty: Option<Pretty>,
    compression: compress::Stream,
    done: bool,
}

impl Encoded {
    pub(crate) fn new(chunks: Chunks, pretty: bool, compression: compress::Stream) -> Encoded {
        Encoded {
            chunks,
            pretty: pretty.then(Pretty::default),
            compression,
            done: false,
        }
    }

    fn encode(&mut self, chunk: Bytes) -> Result<Bytes, Broken> {
        let chunk = match &mut self.pretty {
            None => chunk,
            Some(pretty) => {
                let mut out = Vec::with_capacity(chunk.len() * 2);
                pretty.push(&chunk, &mut out);
                out.into()
            }
        };
        self.compression
            .chunk(chunk)
            .map_err(|_| Broken("compression failed"))
    }
}

impl Stream for Encoded {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.done {
            let encoded = match ready!(self.chunks.as_mut().poll_next(cx)) {
                Some(Ok(chunk)) => self.encode(chunk),
                Some(Err(broken)) => {
                    self.done = true;
                    Err(broken)
                }
                None => {
                    self.done = true;
                    self.compression.end().map_err(|_| Broken("compression failed"))
                }
            };
            // An empty chunk is an empty frame: there is nothing to say yet.
            if !encoded.as_ref().is_ok_and(Bytes::is_empty) {
                return Poll::Ready(Some(encoded));
            }
        }
        Poll::Ready(None)
    }
}
