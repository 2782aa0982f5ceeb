//! A running server, as `import` and `export` talk to it: one request on one connection of HTTP/1.1.

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use futures_util::Stream;
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use crate::{
    args::{LineFormat, Transfer},
    config,
    exit::{Exit, Failure},
};

/// Bytes of a refusal that are read.
const PROBLEM_BYTES_MAX: usize = 4 << 20;

/// What is asked of the server.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'static str,
    pub(crate) collection: &'a str,
    /// `import` or `export`.
    pub(crate) what: &'static str,
    pub(crate) transfer: &'a Transfer,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// An answer whose body is still on its way, and the connection that it comes by.
pub(crate) struct Answering {
    pub(crate) response: Response<Incoming>,
    _connection: JoinSet<hyper::Result<()>>,
}

/// Asks, with a body of these pieces; an answer that is none is a failure with all that the server says.
pub(crate) async fn ask<S>(ask: Ask<'_>, pieces: S) -> Result<Answering, Failure>
where
    S: Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send + 'static,
{
    let url = ask.transfer.url.as_deref().unwrap_or(config::URL);
    let what = format!("{} collection `{}` at {url}", ask.what, ask.collection);
    let failed = |error: anyhow::Error| Exit::Refused.because(error.context(what.clone()));
    let uri = target(&ask, url).map_err(|error| {
        Exit::Usage
            .because(error.context(format!("read the URL {url}")))
            .hint("give the server's, like http://127.0.0.1:8080")
    })?;
    let authority = uri.authority().map_or_else(String::new, ToString::to_string);
    let address = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| failed(error.into()).hint("is `sidequest serve` running there?"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(error.into()))?;
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let mut request = Request::builder()
        .method(ask.method)
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(header::HOST, authority);
    for (name, value) in &ask.headers {
        request = request.header(*name, value);
    }
    let body = StreamBody::new(pieces);
    let request = request.body(body).map_err(|error| failed(error.into()))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| failed(error.into()))?;
    if response.status() == StatusCode::OK {
        return Ok(Answering {
            response,
            _connection: connections,
        });
    }
    Err(refused(response, &what).await)
}

/// No body at all.
pub(crate) fn nothing() -> impl Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send + 'static {
    futures_util::stream::empty()
}

/// A text in a header: percent-encoded where it is not plain ASCII.
pub(crate) fn header_text(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// The form that is asked for, or that the file's name says.
pub(crate) fn format(transfer: &Transfer, file: Option<&std::path::Path>) -> LineFormat {
    let is_csv = file.is_some_and(|file| {
        file.extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
    });
    transfer.format.unwrap_or(if is_csv {
        LineFormat::Csv
    } else {
        LineFormat::Ndjson
    })
}

pub(crate) fn media(format: LineFormat) -> &'static str {
    match format {
        LineFormat::Ndjson => "application/x-ndjson",
        LineFormat::Csv => "text/csv",
    }
}

fn target(ask: &Ask<'_>, url: &str) -> anyhow::Result<Uri> {
    let base: Uri = url.parse()?;
    if base.scheme_str() != Some("http") || base.host().is_none() {
        bail!("only http:// is spoken here");
    }
    let collection: String = ask
        .collection
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let query = if ask.transfer.revisions {
        "?revisions=all"
    } else {
        ""
    };
    let url = format!(
        "{}/api/v1/{collection}/{}{query}",
        url.trim_end_matches('/'),
        ask.what
    );
    url.parse().context("put the collection's name into it")
}

/// The problem document in words: its detail, what is wrong line by line, the next step.
async fn refused(response: Response<Incoming>, what: &str) -> Failure {
    let status = response.status();
    let body = http_body_util::Limited::new(response.into_body(), PROBLEM_BYTES_MAX);
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| problem[name].as_str().map(str::to_owned);
    let detail = text("detail").unwrap_or_else(|| format!("the server answered {status}"));
    let mut lines = vec![detail];
    let errors = problem["errors"].as_array().map_or(&[][..], Vec::as_slice);
    for error in errors {
        let place = error["line"]
            .as_u64()
            .map_or_else(String::new, |line| format!("line {line}: "));
        lines.push(format!(
            "  {place}{}",
            error["problem"].as_str().unwrap_or_default()
        ));
    }
    let total = problem["errors_total"].as_u64().unwrap_or_default();
    let more = total.saturating_sub(errors.len() as u64);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    let error = anyhow!(lines.join("\n")).context(what.to_owned());
    Exit::Refused.because(error).hint(text("hint"))
}
