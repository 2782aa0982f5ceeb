//! The body of a request: read within its limit and its time, whole or piece by piece, and its type.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{connection::Wire, error::Rejection, query::cut};

/// A client that sends nothing of its body for so long has gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A body that is on its way.
pub(crate) struct Payload {
    incoming: Incoming,
    wire: Arc<Wire>,
    bytes_max: u64,
    bytes_read: u64,
    deadline: Instant,
}

impl Payload {
    pub(crate) fn new(incoming: Incoming, wire: Arc<Wire>, bytes_max: u64, deadline: Instant) -> Payload {
        Payload {
            incoming,
            wire,
            bytes_max,
            bytes_read: 0,
            deadline,
        }
    }

    /// Refuses a body that says that it is too large.
    pub(crate) fn announced(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        let length = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|bytes| bytes > self.bytes_max) {
            return Err(self.too_large());
        }
        Ok(())
    }

    /// The next piece; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Rejection> {
        loop {
            let until = self.deadline.min(Instant::now() + SILENCE_MAX);
            let frame = match timeout_at(until, self.incoming.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(_))) => return Err(Rejection::BodyBroken),
                Err(_) => return Err(Rejection::BodyLate),
            };
            // What arrives is as good a sign of life as what is taken.
            self.wire.touch();
            // Trailers say nothing to us.
            let Ok(piece) = frame.into_data() else { continue };
            self.bytes_read += piece.len() as u64;
            if self.bytes_read > self.bytes_max {
                return Err(self.too_large());
            }
            return Ok(Some(piece));
        }
    }

    /// All of it.
    pub(crate) async fn whole(mut self) -> Result<Bytes, Rejection> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// All of it as JSON of one of these types.
    pub(crate) async fn json(
        self,
        headers: &HeaderMap,
        types: &'static [&'static str],
    ) -> Result<Value, Rejection> {
        media(headers, types)?;
        let whole = self.whole().await?;
        serde_json::from_slice(&whole).map_err(|error| Rejection::BadBody {
            problem: format!("is not JSON: {error}"),
        })
    }

    /// The connection as the database sees it: not still, although nothing is read or written.
    pub(crate) fn wire(&self) -> Arc<Wire> {
        Arc::clone(&self.wire)
    }

    fn too_large(&self) -> Rejection {
        Rejection::BodyTooLarge { max: self.bytes_max }
    }
}

/// Which of these types the body is of.
pub(crate) fn media(headers: &HeaderMap, types: &'static [&'static str]) -> Result<&'static str, Rejection> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = given.split(';').next().unwrap_or_default().trim();
    match types.iter().find(|known| known.eq_ignore_ascii_case(essence)) {
        // Compressed bodies would need a limit of their own.
        Some(_) if headers.contains_key(header::CONTENT_ENCODING) => Err(Rejection::UnsupportedMedia {
            given: "a body with a Content-Encoding".to_owned(),
            known: types,
        }),
        Some(known) => Ok(known),
        None => Err(Rejection::UnsupportedMedia {
            given: match essence {
                "" => "a body without a Content-Type".to_owned(),
                essence => format!("`{}`", cut(essence)),
            },
            known: types,
        }),
    }
}
