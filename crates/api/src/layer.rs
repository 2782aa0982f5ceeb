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

use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use telemetry::trace::{self, parent::Traceparent, span::Step};
use tracing::Instrument as _;

use crate::{
    answer::{Answer, Content, Encoded, Media, Timing},
    body::{Body, Exchange},
    call::{Call, Wants},
    compress::{self, Encoding},
    connection::Wire,
    error::Rejection,
    pretty,
    problem::Problem,
    query::Query,
    router::{self, Matched, Parameter, Router},
    site::Site,
    spent::Spent,
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
        site.metric.limit_streams.increment();
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
    let span = tracing::error_span!("request", id = %exchange.id);
    let outcome = outcome(&site, &mut exchange, &mut wanted, request).instrument(span);
    let outcome = trace::scope(trace, outcome).await;
    let handled = began.elapsed();
    let mut response = respond(exchange, &wanted, outcome, handled);
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
        let encoding = if site.config.compression {
            compress::negotiate(headers)
        } else {
            Encoding::Identity
        };
        Wanted {
            encoding,
            pretty: false,
            http2: false,
        }
    }
}

enum Outcome {
    Answer(Answer),
    Options,
    Problem(Problem),
}

async fn outcome(
    site: &Arc<Site>,
    exchange: &mut Exchange,
    wanted: &mut Wanted,
    request: Request<Incoming>,
) -> Outcome {
    wanted.http2 = request.version() == http::Version::HTTP_2;
    // Before any work: a refusal must cost less than an answer.
    match site.gate.enter() {
        Ok(entered) => exchange.entered = Some(entered),
        Err(rejection) => {
            site.metric.limit_in_flight.increment();
            return Outcome::Problem(rejection.into());
        }
    }
    match route(site, exchange, wanted, &request) {
        Err(rejection) => Outcome::Problem(rejection.into()),
        Ok(None) => Outcome::Options,
        Ok(Some(call)) => {
            let step = exchange.trace.begin(Step::Handle);
            let outcome = run(site, exchange, call).await;
            exchange.trace.end(step);
            outcome
        }
    }
}

/// Checks the request's size and finds its route. None: OPTIONS.
fn route(
    site: &Site,
    exchange: &mut Exchange,
    wanted: &mut Wanted,
    request: &Request<Incoming>,
) -> Result<Option<Call>, Rejection> {
    let uri = request.uri();
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
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum::<usize>();
    if given > site.config.header_bytes_max {
        return Err(Rejection::HeaderTooLarge {
            given,
            max: site.config.header_bytes_max,
        });
    }
    // No route reads a body yet, so only what is announced can be too much; the rest is never read.
    let body = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if body.is_some_and(|bytes| bytes > site.config.body_bytes_max) {
        return Err(Rejection::BodyTooLarge {
            max: site.config.body_bytes_max,
        });
    }
    let (name, parameters) = match site.router.find(request.method(), path)? {
        Matched::Options => return Ok(None),
        Matched::Route { name, path } => (name, path),
    };
    exchange.route = Some(name);
    let mut query = Query::parse(raw_query)?;
    if name.route().parameters.contains(&Parameter::Pretty) {
        wanted.pretty = query.flag("pretty")?;
    }
    Ok(Some(Call {
        name,
        path: parameters.into_iter(),
        query,
        target: (path.to_owned(), raw_query.to_owned()),
        deadline: (exchange.began + site.config.request_timeout).into(),
        wants: Wants::of(request.headers()),
    }))
}

/// Runs the handler, and outlives its panics and its lateness.
async fn run(site: &Arc<Site>, exchange: &Exchange, call: Call) -> Outcome {
    let deadline = call.deadline + DEADLINE_GRACE;
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
        Err(_) => Outcome::Problem(
            Rejection::Deadline {
                after: site.config.request_timeout,
            }
            .into(),
        ),
    }
}

fn respond(exchange: Exchange, wanted: &Wanted, outcome: Outcome, handled: Duration) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(12);
    let mut status = StatusCode::OK;
    let answer = match outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Options => {
            headers.insert(header::ALLOW, HeaderValue::from_static(Router::allow()));
            let spent = Spent::of(&exchange.trace, Timing::default());
            headers.insert(SERVER_TIMING, spent.header(Duration::ZERO, handled));
            return send(headers, StatusCode::NO_CONTENT, exchange, None);
        }
        Outcome::Problem(problem) => {
            status = problem.kind.status();
            refuse(&problem, &mut headers);
            Answer::whole(Media::Problem, problem.document(Some(&exchange.id)))
        }
    };
    let media = answer.media;
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media.content_type()),
    );
    // Exact versions come later: until then every answer is asked for anew.
    let cache = if media == Media::Problem {
        "no-store"
    } else {
        "no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    // The same URL has another body for another client; a cache between must know.
    headers.insert(header::VARY, HeaderValue::from_static(media.vary()));
    if let Some(next) = answer
        .next
        .and_then(|next| HeaderValue::try_from(format!("<{next}>; rel=\"next\"")).ok())
    {
        headers.insert(header::LINK, next);
    }
    // Text of users is served: no browser may take it for a page or a script.
    headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if media == Media::Html {
        headers.insert(
            SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
        );
    }
    let spent = Spent::of(&exchange.trace, answer.timing);
    let began = Instant::now();
    let step = exchange.trace.begin(Step::Encode);
    let (content, encoding) = encode(answer.content, media, wanted);
    exchange.trace.end(step);
    if let Some(encoding) = encoding.name() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    // Last: it says how long all of the above took.
    headers.insert(
        SERVER_TIMING,
        spent.header(began.elapsed(), handled + began.elapsed()),
    );
    send(headers, status, exchange, Some(content))
}

fn refuse(problem: &Problem, headers: &mut HeaderMap) {
    if let Some(after) = problem.retry_after {
        let seconds = after.as_secs().max(1);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(allow) = problem.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
}

/// Indents, then compresses. What comes in one piece is done here: 145 µs for the largest.
fn encode(content: Content, media: Media, wanted: &Wanted) -> (Content, Encoding) {
    let pretty = wanted.pretty && media.is_indentable();
    match content {
        Content::Whole(body) => {
            let body = if pretty {
                pretty::indent(&body).into()
            } else {
                body
            };
            let encoding = wanted.encoding.for_length(body.len());
            match compress::whole(&body, encoding) {
                Some(compressed) => (Content::Whole(compressed), encoding),
                None => (Content::Whole(body), Encoding::Identity),
            }
        }
        Content::Stream(chunks) => {
            let compression = compress::Stream::new(wanted.encoding);
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

fn send(
    mut headers: HeaderMap,
    status: StatusCode,
    mut exchange: Exchange,
    content: Option<Content>,
) -> Response<Body> {
    exchange.status = Some(status.as_u16());
    // It ends with the exchange, when the last byte is handed over.
    let _until_the_end = exchange.trace.begin(Step::Write);
    if let Ok(id) = HeaderValue::from_str(&exchange.id) {
        headers.insert(REQUEST_ID, id);
    }
    let head = exchange.method == Method::HEAD;
    let body = match content {
        None => Body::empty(exchange),
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
fn request_id(headers: &HeaderMap) -> String {
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
        return id.to_owned();
    }
    // Unique, not secret: a random beginning for the process, and a count.
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(
        "{:012x}-{:x}",
        *PROCESS >> 16,
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}
