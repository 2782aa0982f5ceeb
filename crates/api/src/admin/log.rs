//! What is logged: seen, and changed while the server runs.

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use telemetry::log::Level;

use super::text;
use crate::{
    problem::{Kind, Problem},
    site::Site,
};

/// Of a filter; longer ones are mistakes.
const FILTER_BYTES_MAX: usize = 1024;

/// `GET /log`
pub(super) fn get(site: &Site) -> Result<Response<Full<Bytes>>, Problem> {
    Ok(shown(level(site)?))
}

/// `PUT /log`, the filter in the body.
pub(super) async fn set(site: &Site, body: Incoming) -> Result<Response<Full<Bytes>>, Problem> {
    let level = level(site)?;
    let wrong = |what: &str| {
        Problem::new(Kind::BadParameter, what).hint("send a filter such as `info` or `info,access=off`")
    };
    let body = Limited::new(body, FILTER_BYTES_MAX).collect().await;
    let body = body
        .map_err(|_| wrong("the filter is too long, or broke off"))?
        .to_bytes();
    let filter = std::str::from_utf8(&body)
        .map_err(|_| wrong("the filter is no text"))?
        .trim();
    level
        .set(filter)
        .map_err(|_| wrong("what was sent is no filter"))?;
    tracing::info!(filter, "the log's filter was changed");
    Ok(shown(level))
}

fn level(site: &Site) -> Result<&Level, Problem> {
    site.observe.log.as_ref().ok_or_else(|| {
        Problem::new(
            Kind::UnknownRoute,
            "the log of this process is not the server's own",
        )
    })
}

fn shown(level: &Level) -> Response<Full<Bytes>> {
    text("text/plain; charset=utf-8", format!("{}\n", level.get()))
}
