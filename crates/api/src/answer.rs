//! What a handler gives back: content, not yet indented, compressed or addressed.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use analysis::exact::Answered;
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::{compress, pretty::Pretty};

/// The content of a successful answer.
pub(crate) struct Answer {
    pub(crate) content: Content,
    pub(crate) media: Media,
    pub(crate) status: StatusCode,
    /// The analysis that the content is: its compressed forms may be there already, and its `ETag` follows from
    /// its tag when the encoding is known.
    pub(crate) answered: Option<Box<Answered>>,
    /// Headers of this answer alone.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The URL of the next page.
    pub(crate) next: Option<String>,
    /// The URL of the page before.
    pub(crate) previous: Option<String>,
    /// Sent as it is, whatever the client accepts: a strong `ETag` names bytes, and a record has but one.
    pub(crate) is_plain: bool,
    pub(crate) timing: Timing,
}

/// Bytes that are there, or that are made as they are sent.
pub(crate) enum Content {
    /// Not even an empty body: 304.
    Nothing,
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
    Csv,
    JsonPatch,
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
        Answer::new(media, Content::Whole(body.into()))
    }

    pub(crate) fn stream(media: Media, chunks: Chunks) -> Answer {
        Answer::new(media, Content::Stream(chunks))
    }

    pub(crate) fn analysis(answered: Answered) -> Answer {
        let mut answer = Answer::json(answered.document.body().clone());
        answer.answered = Some(Box::new(answered));
        answer
    }

    fn new(media: Media, content: Content) -> Answer {
        Answer {
            content,
            media,
            status: StatusCode::OK,
            answered: None,
            headers: Vec::new(),
            next: None,
            previous: None,
            is_plain: false,
            timing: Timing::default(),
        }
    }

    pub(crate) fn status(mut self, status: StatusCode) -> Answer {
        self.status = status;
        self
    }

    /// One more header. What cannot stand in one is left out: all that we send can.
    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Answer {
        self.headers
            .extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        self
    }

    /// The same without its body: the client has it.
    pub(crate) fn not_modified(mut self) -> Answer {
        self.status = StatusCode::NOT_MODIFIED;
        self.content = Content::Nothing;
        self
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
            Media::Csv => "text/csv; charset=utf-8; header=present",
            Media::JsonPatch => "application/json-patch+json",
            Media::Html => "text/html; charset=utf-8",
            Media::Problem => "application/problem+json",
        }
    }

    /// Whether `pretty=true` means anything to it.
    pub(crate) fn is_indentable(self) -> bool {
        match self {
            Media::Json | Media::JsonOrNdjson | Media::JsonPatch | Media::OpenApi | Media::Problem => true,
            Media::Ndjson | Media::Csv | Media::Html => false,
        }
    }

    /// The request headers that the answer depends on.
    pub(crate) fn vary(self) -> &'static str {
        match self {
            Media::JsonOrNdjson | Media::Ndjson | Media::Csv | Media::JsonPatch => "accept, accept-encoding",
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
