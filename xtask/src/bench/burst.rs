//! All requests at once on one connection: HTTP/2 without TLS, by the `h2` crate itself, which is not what we measure.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use h2::client::{Builder, ResponseFuture};
use tokio::{net::TcpStream, task::JoinSet};

/// The client never makes the server wait: a window for a whole body a stream, and for all bodies together.
const STREAM_WINDOW: u32 = 16 << 20;
const CONNECTION_WINDOW: u32 = 1 << 30;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answers {
    /// By the name that the request was given.
    pub(crate) bodies: BTreeMap<String, Vec<u8>>,
    pub(crate) wall: Duration,
    pub(crate) first_body: Duration,
    /// By the name that the request was given: what `If-None-Match` may say next time.
    pub(crate) tags: BTreeMap<String, String>,
    /// Sorted.
    ends: Vec<Duration>,
}

struct Answer {
    name: String,
    body: Vec<u8>,
    tag: Option<String>,
    first: Duration,
    end: Duration,
}

impl Answers {
    /// Of the ends of all answers, by nearest rank.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.ends.len() * percent).div_ceil(100).max(1);
        self.ends[rank - 1]
    }
}

/// Sends them all, then reads them all. Pairs of a name and a path.
pub(crate) async fn run(address: SocketAddr, requests: &[(String, String)]) -> anyhow::Result<Answers> {
    let requests: Vec<Request> = requests
        .iter()
        .map(|(name, path)| Request {
            name: name.clone(),
            path: path.clone(),
            tag: None,
        })
        .collect();
    ask(address, &requests).await
}

/// One of many requests.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) path: String,
    /// `If-None-Match`; then the answer must be 304.
    pub(crate) tag: Option<String>,
}

/// Sends them all, then reads them all.
pub(crate) async fn ask(address: SocketAddr, requests: &[Request]) -> anyhow::Result<Answers> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_max_send_streams(requests.len())
        .handshake::<_, Bytes>(stream)
        .await
        .context("begin HTTP/2")?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);

    let mut readers = JoinSet::new();
    let started = Instant::now();
    for Request { name, path, tag } in requests {
        sender = sender.ready().await.context("send a request")?;
        let request = http::Request::get(format!("http://{address}{path}"))
            .body(())
            .with_context(|| format!("ask for {path}"))?;
        let mut request = with_ndjson(request);
        if let Some(tag) = tag {
            let value = http::HeaderValue::from_str(tag).context("send a tag back")?;
            request.headers_mut().insert("if-none-match", value);
        }
        let (response, _) = sender
            .send_request(request, true)
            .with_context(|| format!("ask for {path}"))?;
        let expected = if tag.is_some() { 304 } else { 200 };
        readers.spawn(read(name.clone(), response, started, expected));
    }
    let mut answers = Answers {
        bodies: BTreeMap::new(),
        tags: BTreeMap::new(),
        wall: Duration::ZERO,
        first_body: Duration::MAX,
        ends: Vec::with_capacity(requests.len()),
    };
    while let Some(answer) = readers.join_next().await {
        let answer = answer.context("read an answer")??;
        answers.first_body = answers.first_body.min(answer.first);
        answers.ends.push(answer.end);
        answers
            .tags
            .extend(answer.tag.map(|tag| (answer.name.clone(), tag)));
        answers.bodies.insert(answer.name, answer.body);
    }
    // Closed here and now: a client that stands still answers no ping, and a server that drains waits for it.
    driver.shutdown().await;
    answers.ends.sort_unstable();
    answers.wall = answers.ends.last().copied().unwrap_or_default();
    Ok(answers)
}

/// A stream of many documents is asked for as lines; a single one has no such form.
fn with_ndjson(mut request: http::Request<()>) -> http::Request<()> {
    if request.uri().path().ends_with("/objects/analysis") {
        request
            .headers_mut()
            .insert("accept", http::HeaderValue::from_static("application/x-ndjson"));
    }
    request
}

async fn read(
    name: String,
    response: ResponseFuture,
    started: Instant,
    expected: u16,
) -> anyhow::Result<Answer> {
    let response = response
        .await
        .with_context(|| format!("get an answer for {name}"))?;
    let status = response.status();
    let tag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
    let tag = tag.map(str::to_owned);
    let mut stream = response.into_body();
    let mut body = Vec::new();
    let mut first = None;
    while let Some(part) = stream.data().await {
        let part = part.with_context(|| format!("read the answer for {name}"))?;
        first.get_or_insert_with(|| started.elapsed());
        stream.flow_control().release_capacity(part.len())?;
        body.extend_from_slice(&part);
    }
    let end = started.elapsed();
    if status != expected {
        bail!(
            "get an answer for {name}: {status}: {:.300}",
            String::from_utf8_lossy(&body)
        );
    }
    Ok(Answer {
        name,
        body,
        tag,
        first: first.unwrap_or(end),
        end,
    })
}
