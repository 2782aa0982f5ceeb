//! The body that hyper sends, and the exchange that ends with its last byte.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http::Method;
use http_body::{Frame, SizeHint};
use telemetry::{
    log::answered::{Answered, answered},
    trace::{self, Trace, tracer::End},
};

use crate::{
    answer::{Broken, Chunks},
    connection::Wire,
    limit::Entered,
    metric::Ended,
    router::Name,
    site::Site,
};

/// One request from its head to the last byte of its answer. Dropping it is its end: it is counted,
/// logged, and its place given to another.
pub(crate) struct Exchange {
    pub(crate) site: Arc<Site>,
    pub(crate) wire: Arc<Wire>,
    pub(crate) id: Arc<str>,
    pub(crate) method: Method,
    pub(crate) route: Option<Name>,
    pub(crate) status: Option<u16>,
    pub(crate) began: Instant,
    /// Ended with the exchange.
    pub(crate) trace: Trace,
    /// None for a request that was refused for want of place.
    pub(crate) entered: Option<Entered>,
    pub(crate) body_bytes: u64,
    /// The last byte was handed over.
    pub(crate) whole: bool,
}

/// An answer's body.
pub(crate) struct Body {
    content: Content,
    /// Invariant: present until the last frame has taken it along.
    exchange: Option<Exchange>,
}

enum Content {
    None,
    /// The length is kept for HEAD, whose answer says how long the body would be.
    Head(u64),
    Whole(Bytes),
    Stream(Chunks),
}

impl Body {
    pub(crate) fn empty(mut exchange: Exchange) -> Body {
        exchange.whole = true;
        Body {
            content: Content::None,
            exchange: Some(exchange),
        }
    }

    pub(crate) fn head(mut exchange: Exchange, body_bytes: u64) -> Body {
        exchange.whole = true;
        Body {
            content: Content::Head(body_bytes),
            exchange: Some(exchange),
        }
    }

    pub(crate) fn whole(exchange: Exchange, body: Bytes) -> Body {
        Body {
            content: Content::Whole(body),
            exchange: Some(exchange),
        }
    }

    pub(crate) fn stream(exchange: Exchange, chunks: Chunks) -> Body {
        Body {
            content: Content::Stream(chunks),
            exchange: Some(exchange),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        if let Some(exchange) = &this.exchange {
            // HTTP asks only when the client has room: it is not the one we wait for.
            exchange.wire.touch();
        }
        match &mut this.content {
            Content::None | Content::Head(_) => {
                this.exchange = None;
                Poll::Ready(None)
            }
            Content::Whole(body) => {
                let body = std::mem::take(body);
                this.content = Content::None;
                let Some(mut exchange) = this.exchange.take() else {
                    return Poll::Ready(None);
                };
                exchange.body_bytes = body.len() as u64;
                exchange.whole = true;
                // h2 keeps the bytes until it has written them: only then is the request over.
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(Held {
                    body,
                    _exchange: exchange,
                })))))
            }
            Content::Stream(chunks) => {
                let trace = this
                    .exchange
                    .as_ref()
                    .map_or_else(Trace::off, |exchange| exchange.trace.clone());
                // What a stream reads from databases belongs to its request.
                let polled = trace::scope_sync(trace, || {
                    catch_unwind(AssertUnwindSafe(|| chunks.as_mut().poll_next(cx)))
                });
                let polled = polled.unwrap_or_else(|_| {
                    if let Some(exchange) = &this.exchange {
                        exchange.site.metric.panics.increment();
                        tracing::error!(request = %exchange.id, "the answer's stream panicked");
                    }
                    Poll::Ready(Some(Err(Broken("a bug of the server"))))
                });
                match polled {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Some(Ok(chunk))) => {
                        if let Some(exchange) = &mut this.exchange {
                            exchange.body_bytes += chunk.len() as u64;
                        }
                        Poll::Ready(Some(Ok(Frame::data(chunk))))
                    }
                    Poll::Ready(Some(Err(broken))) => {
                        this.content = Content::None;
                        this.exchange = None;
                        Poll::Ready(Some(Err(broken)))
                    }
                    Poll::Ready(None) => {
                        this.content = Content::None;
                        if let Some(mut exchange) = this.exchange.take() {
                            exchange.whole = true;
                        }
                        Poll::Ready(None)
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::None | Content::Head(_) => true,
            Content::Whole(body) => body.is_empty(),
            Content::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::None => SizeHint::with_exact(0),
            Content::Head(bytes) => SizeHint::with_exact(*bytes),
            Content::Whole(body) => SizeHint::with_exact(body.len() as u64),
            Content::Stream(_) => SizeHint::default(),
        }
    }
}

/// Bytes that end their exchange when nobody needs them any more.
struct Held {
    body: Bytes,
    _exchange: Exchange,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let ended = Instant::now();
        let took = ended.saturating_duration_since(self.began);
        self.wire.left();
        let (route, status) = (self.route.map_or("none", Name::pattern), self.status.unwrap_or(0));
        let kept = self.site.observe.tracer.end_at(
            &self.trace,
            End {
                method: known(&self.method),
                route,
                status,
                body_bytes: self.body_bytes,
                failed: is_failure(status),
            },
            ended,
        );
        self.site.metric.ended(&Ended {
            route: self.route,
            status,
            took,
            body_bytes: self.body_bytes,
            trace: kept,
        });
        answered(&Answered {
            request: &self.id,
            trace: self.trace.id(),
            method: self.method.as_str(),
            route,
            status,
            bytes: self.body_bytes,
            whole: self.whole,
            took,
        });
    }
}

/// A fault of ours, or a client that left.
pub(crate) fn is_failure(status: u16) -> bool {
    status == 0 || status >= 500
}

/// A bounded set: a method can be any word.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
