//! `GET /profile?seconds=10&format=pprof`: where the CPU time goes, from now on for so long.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use telemetry::{error::Error, profile::SECONDS_MAX};

use super::{respond, text};
use crate::{
    problem::{Kind, Problem},
    query::Query,
    site::Site,
};

const SECONDS: u32 = 10;

pub(super) async fn take(site: &Site, query: &str) -> Result<Response<Full<Bytes>>, Problem> {
    let mut query = Query::parse(query)?;
    let seconds = query.limit("seconds", SECONDS, SECONDS_MAX)?;
    let folded = match query.take("format").as_deref() {
        None | Some("pprof") => false,
        Some("folded") => true,
        Some(_) => return Err(wrong("`format` is neither `pprof` nor `folded`")),
    };
    query.finish(["seconds", "format"])?;
    let profile = site
        .observe
        .profiler
        .take(Duration::from_secs(seconds.into()))
        .await;
    let profile = profile.map_err(|error| failed(&error))?;
    if folded {
        return Ok(text("text/plain; charset=utf-8", profile.folded()));
    }
    let pprof = profile.pprof().map_err(|error| failed(&error))?;
    let mut response = respond(StatusCode::OK, "application/octet-stream", pprof.into());
    response.headers_mut().insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"sidequest.pb.gz\""),
    );
    Ok(response)
}

fn wrong(detail: &str) -> Problem {
    Problem::new(Kind::BadParameter, detail)
}

fn failed(error: &Error) -> Problem {
    match error {
        Error::ProfileBusy => Problem::new(
            Kind::Overloaded,
            "another profile is being taken: there is one at a time",
        ),
        error => Problem::new(Kind::Internal, format!("failed to {error}")),
    }
}
