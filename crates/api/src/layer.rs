//! What happens around every answer, top to bottom, a reason a step.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    panic::AssertUnwindSafe,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use analysis::{cache::Form, exact::Answered};
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use telemetry::{
    log,
    trace::{self, Open, parent::Traceparent, span::Step},
};

use crate::{
    answer::{Answer, Content, Encoded, Media, Timing},
    body::{Body, Exchange},
    call::{Call, Wants},
    compress::{self, Encoding},
    connection::Wire,
    error::Rejection,
    metric::Limit,
    payload::Payload,
    pretty,
    problem::Problem,
    query::Query,
    router::{self, Matched, Name, Parameter, Takes},
    site::Site,
    spent::Spent,
    validator,
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");
const SECURITY_POLICY: HeaderName = HeaderName::from_static("content-security-policy");

/// Handlers end by themselves at the deadline and say what was late; this is for those that do not.
const DEADLINE_GRACE: Duration = Duration::from_millis(250);

/// Answers one request.
pub(crate) async fn answer(site: Arc<Site>, wire: Arc<Wire>, request: Request<Incoming>) -> Response<Body> {
    let began = Instant::now();
    // The connection knows that it is used, so that it is neither idle nor stalled.
    if wire.joined() >= u64::from(site.config.streams_max) {
        // The next ones wait at the client; a limit that binds must not do so in silence.
        site.metric.bound(Limit::Streams);
    }
    // An id of the client's is kept: it joins our log to the client's and to a proxy's.
    let id = request_id(request.headers());
    let parent = request
        .headers()
        .get(TRACEPARENT)
        .and_then(|header| Traceparent::parse(header.to_str().ok()?));
    let trace = site.observe.tracer.request(parent, began);
    // From here on the request is counted and logged, even if its client leaves.
    let mut exchange = Exchange {
        site: Arc::clone(&site),
        wire,
        id,
        method: request.method().clone(),
        route: None,
        status: None,
        began,
        trace: trace.clone(),
        entered: None,
        body_bytes: 0,
        whole: false,
    };
    let mut wanted = Wanted::of(&site, request.headers());
    // What is logged on the way stands under the request's id, as the page of a 500 promises.
    let id = Arc::clone(&exchange.id);
    let outcome = outcome(&site, &mut exchange, &mut wanted, request);
    let handled = trace::scope(trace, log::request::scope(id, outcome)).await;
    let mut response = respond(exchange, &wanted, handled);
    if site.is_draining() {
        close(&mut response, wanted.http2);
    }
    response
}

/// What the client wants of the form of its answer.
struct Wanted {
    encoding: Encoding,
    pretty: bool,
    http2: bool,
}

impl Wanted {
    fn of(site: &Site, headers: &HeaderMap) -> Wanted {
        Wanted {
            encoding: site.encoding(headers),
            pretty: false,
            http2: false,
        }
    }
}

enum Outcome {
    Answer(Answer),
    /// The methods of the path.
    Options(String),
    Problem(Problem),
}

/// What came of a request.
struct Handled {
    outcome: Outcome,
    /// When it was there.
    at: Instant,
    /// The handler's, which is written down with those after it.
    step: Open,
}

impl Handled {
    /// No handler has seen it.
    fn early(outcome: Outcome) -> Handled {
        Handled {
            outcome,
            at: Instant::now(),
            step: Open::NONE,
        }
    }
}

/// Where a request goes.
enum Destination {
    Route(Box<Call>),
    Options(String),
}

async fn outcome(
    site: &Arc<Site>,
    exchange: &mut Exchange,
    wanted: &mut Wanted,
    request: Request<Incoming>,
) -> Handled {
    wanted.http2 = request.version() == http::Version::HTTP_2;
    // Before any work: a refusal must cost less than an answer.
    match site.gate.enter() {
        Ok(entered) => exchange.entered = Some(entered),
        Err(rejection) => {
            site.metric.bound(Limit::InFlight);
            return Handled::early(Outcome::Problem(rejection.into()));
        }
    }
    match route(site, exchange, wanted, request) {
        Err(rejection) => Handled::early(Outcome::Problem(rejection.into())),
        Ok(Destination::Options(allow)) => Handled::early(Outcome::Options(allow)),
        Ok(Destination::Route(call)) => {
            // Where one step ends the next begins: the clock is read once for both.
            let routed = Instant::now();
            let step = exchange.trace.steps(|steps| {
                steps.add(Step::Route, exchange.began, routed);
                steps.begin_at(Step::Handle, routed)
            });
            let outcome = run(site, exchange, *call).await;
            Handled {
                outcome,
                at: Instant::now(),
                step: step.unwrap_or(Open::NONE),
            }
        }
    }
}

/// Checks the request's size and finds its route.
fn route(
    site: &Site,
    exchange: &mut Exchange,
    wanted: &mut Wanted,
    request: Request<Incoming>,
) -> Result<Destination, Rejection> {
    let (request, body) = request.into_parts();
    let uri = &request.uri;
    let (path, raw_query) = (uri.path(), uri.query().unwrap_or_default());
    // Sizes first: what is too long is not parsed.
    let given = path.len() + raw_query.len();
    if given > site.config.url_bytes_max {
        return Err(Rejection::UrlTooLong {
            given,
            max: site.config.url_bytes_max,
        });
    }
    let given = request
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum::<usize>();
    if given > site.config.header_bytes_max {
        return Err(Rejection::HeaderTooLarge {
            given,
            max: site.config.header_bytes_max,
        });
    }
    let (name, parameters) = match site.router.find(&request.method, path)? {
        Matched::Options(allow) => return Ok(Destination::Options(allow)),
        Matched::Route { name, path } => (name, path),
    };
    exchange.route = Some(name);
    exchange.trace.route(name.traced());
    let mut query = Query::parse(raw_query)?;
    if name.route().parameters.contains(&Parameter::Pretty) {
        wanted.pretty = query.flag("pretty")?;
    }
    let config = &site.config;
    let (body_bytes_max, timeout) = match name.route().body {
        Takes::Nothing if name == Name::Export => (config.body_bytes_max, config.transfer_timeout),
        Takes::Nothing | Takes::Record | Takes::Patch | Takes::Revert => {
            (config.body_bytes_max, config.request_timeout)
        }
        Takes::Bulk => (config.bulk_bytes_max, config.request_timeout),
        Takes::Lines => (config.import_bytes_max, config.transfer_timeout),
    };
    let deadline = (exchange.began + timeout).into();
    let payload = Payload::new(body, Arc::clone(&exchange.wire), body_bytes_max, deadline);
    // What is announced can be refused before it is sent; the rest is counted as it comes.
    payload.announced(&request.headers)?;
    Ok(Destination::Route(Box::new(Call {
        name,
        path: parameters.into_iter(),
        query,
        target: (path.to_owned(), raw_query.to_owned()),
        deadline,
        wants: Wants::of(&request.headers),
        headers: request.headers,
        payload,
    })))
}

/// Runs the handler, and outlives its panics and its lateness.
async fn run(site: &Arc<Site>, exchange: &Exchange, call: Call) -> Outcome {
    let deadline = call.deadline + DEADLINE_GRACE;
    let after = call.deadline.saturating_duration_since(exchange.began.into());
    // A panic is this request's alone: the connection carries 500 others.
    let handler = AssertUnwindSafe(router::dispatch(site, call.name, call)).catch_unwind();
    match tokio::time::timeout_at(deadline, handler).await {
        Ok(Ok(Ok(answer))) => Outcome::Answer(answer),
        Ok(Ok(Err(problem))) => Outcome::Problem(problem),
        Ok(Err(_)) => {
            site.metric.panics.increment();
            tracing::error!(request = %exchange.id, "a handler panicked");
            Outcome::Problem(Rejection::Panic.into())
        }
        Err(_) => Outcome::Problem(Rejection::Deadline { after }.into()),
    }
}

fn respond(exchange: Exchange, wanted: &Wanted, handled: Handled) -> Response<Body> {
    let Handled { outcome, at, step } = handled;
    let mut headers = HeaderMap::with_capacity(12);
    let mut status = StatusCode::OK;
    let answer = match outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Options(allow) => {
            headers.extend(
                HeaderValue::try_from(allow)
                    .ok()
                    .map(|allow| (header::ALLOW, allow)),
            );
            let spent = Spent {
                timing: Timing::default(),
                status: StatusCode::NO_CONTENT,
                handled: at,
                encoded: at,
            };
            return send(headers, &spent, exchange, step, None);
        }
        Outcome::Problem(problem) => {
            if let Some(limit) = Limit::of(problem.kind) {
                exchange.site.metric.bound(limit);
            }
            status = problem.kind.status();
            refuse(&problem, &mut headers);
            Answer::whole(Media::Problem, problem.document(Some(&exchange.id)))
        }
    };
    let media = answer.media;
    if answer.status != StatusCode::OK {
        status = answer.status;
    }
    if !matches!(answer.content, Content::Nothing) {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(media.content_type()),
        );
    }
    // An answer may be kept by whoever asks each time whether it is still the one.
    let cache = if media == Media::Problem {
        "no-store"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    // The same URL has another body for another client; a cache between must know.
    headers.insert(header::VARY, HeaderValue::from_static(media.vary()));
    for (url, relation) in [(answer.next, "next"), (answer.previous, "prev")] {
        let link = url.and_then(|url| HeaderValue::try_from(format!("<{url}>; rel=\"{relation}\"")).ok());
        headers.extend(link.map(|link| (header::LINK, link)));
    }
    headers.extend(answer.headers);
    // Text of users is served: no browser may take it for a page or a script.
    headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if media == Media::Html {
        headers.insert(
            SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
        );
    }
    let encoding = if answer.is_plain {
        Encoding::Identity
    } else {
        wanted.encoding
    };
    let answered = answer.answered.as_deref();
    let kept = |encoding| form(&exchange.site, answered?, encoding);
    let (content, encoding) = encode(answer.content, media, wanted.pretty, encoding, kept);
    let encoded = Instant::now();
    if let Some(encoding) = encoding.name() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let tag = answered.and_then(|answered| answered.tag);
    let tag = tag.map(|tag| validator::tag(tag, encoding));
    headers.extend(tag.and_then(|tag| Some((header::ETAG, HeaderValue::try_from(tag).ok()?))));
    let spent = Spent {
        timing: answer.timing,
        status,
        handled: at,
        encoded,
    };
    send(headers, &spent, exchange, step, Some(content))
}

fn refuse(problem: &Problem, headers: &mut HeaderMap) {
    if let Some(after) = problem.retry_after {
        let seconds = after.as_secs().max(1);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(allow) = &problem.allow {
        headers.extend(
            HeaderValue::try_from(allow)
                .ok()
                .map(|allow| (header::ALLOW, allow)),
        );
    }
}

/// Indents, then compresses. What comes in one piece is done here: 145 µs for the largest.
fn encode(
    content: Content,
    media: Media,
    pretty: bool,
    wanted: Encoding,
    kept: impl FnOnce(Encoding) -> Option<Bytes>,
) -> (Content, Encoding) {
    let pretty = pretty && media.is_indentable();
    match content {
        Content::Nothing => (Content::Nothing, Encoding::Identity),
        Content::Whole(body) => {
            let body = if pretty {
                pretty::indent(&body).into()
            } else {
                body
            };
            let encoding = wanted.for_length(body.len());
            // An indented one is seldom asked for twice.
            let compressed = if pretty { None } else { kept(encoding) };
            match compressed.or_else(|| compress::whole(&body, encoding)) {
                Some(compressed) => (Content::Whole(compressed), encoding),
                None => (Content::Whole(body), Encoding::Identity),
            }
        }
        Content::Stream(chunks) => {
            let compression = compress::Stream::new(wanted);
            let encoding = compression.encoding();
            if pretty || encoding != Encoding::Identity {
                (
                    Content::Stream(Box::pin(Encoded::new(chunks, pretty, compression))),
                    encoding,
                )
            } else {
                (Content::Stream(chunks), encoding)
            }
        }
    }
}

/// The compressed form of an analysis, kept beside it.
fn form(site: &Site, answered: &Answered, encoding: Encoding) -> Option<Bytes> {
    let form = match encoding {
        Encoding::Gzip => Form::Gzip,
        Encoding::Zstd => Form::Zstd,
        Encoding::Identity => return None,
    };
    let compress = |body: &Bytes| compress::whole(body, encoding);
    site.engine.form(answered, form, compress)
}

fn send(
    mut headers: HeaderMap,
    spent: &Spent,
    mut exchange: Exchange,
    handling: Open,
    content: Option<Content>,
) -> Response<Body> {
    let status = spent.status;
    exchange.status = Some(status.as_u16());
    let split = exchange.trace.steps(|steps| {
        steps.end_at(handling, spent.handled);
        if content.is_some() {
            steps.add(Step::Encode, spent.handled, spent.encoded);
        }
        // It ends with the exchange, when the last byte is handed over.
        let _until_the_end = steps.begin_at(Step::Write, spent.encoded);
        steps.split()
    });
    let timing = spent.header(&exchange, split.unwrap_or_default());
    // No two answers have the same of these: kept in HPACK's table they would only push out what repeats.
    for (name, value) in [
        (SERVER_TIMING, Some(timing)),
        (REQUEST_ID, HeaderValue::from_str(&exchange.id).ok()),
    ] {
        headers.extend(value.map(|mut value| {
            value.set_sensitive(true);
            (name, value)
        }));
    }
    let head = exchange.method == Method::HEAD;
    let body = match content {
        None | Some(Content::Nothing) => Body::empty(exchange),
        Some(Content::Whole(body)) if head => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            Body::head(exchange, body.len() as u64)
        }
        Some(Content::Stream(_)) if head => Body::empty(exchange),
        Some(Content::Whole(body)) => Body::whole(exchange, body),
        Some(Content::Stream(chunks)) => Body::stream(exchange, chunks),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Asks an HTTP/1 client not to come back on this connection; HTTP/2 has GOAWAY for it.
fn close(response: &mut Response<Body>, http2: bool) {
    if !http2 {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// The client's, if it can stand in a log and in a URL as it is; else one of ours.
fn request_id(headers: &HeaderMap) -> Arc<str> {
    const ID_BYTES_MAX: usize = 64;
    let fit = |id: &&str| {
        !id.is_empty()
            && id.len() <= ID_BYTES_MAX
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    };
    if let Some(id) = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(fit)
    {
        return id.into();
    }
    // Unique, not secret: a random beginning for the process, and a count.
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (process, count) = (*PROCESS >> 16, COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{process:012x}-{count:x}").into()
}
