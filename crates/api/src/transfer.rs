//! What imports and exports have in common: their place among few, and a connection that is not taken for
//! stalled while the database works.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, header::ACCEPT};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, interval, timeout_at},
};

use crate::{
    accept::quality,
    call::Call,
    connection::Wire,
    error::Rejection,
    metric::Limit,
    query::{bad, cut},
    site::Site,
};

/// How often a connection is told that its request is in work.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// The form of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Ndjson,
    Csv,
}

/// Types of lines that are read.
pub(crate) const LINES: &[&str] = &["application/x-ndjson", "application/ndjson", "text/csv"];

impl Form {
    /// CSV only if it is wanted by name, and more than lines of JSON.
    pub(crate) fn wanted(headers: &HeaderMap) -> Form {
        let is_named = headers.get_all(ACCEPT).iter().any(|value| {
            value
                .to_str()
                .is_ok_and(|text| text.to_ascii_lowercase().contains("csv"))
        });
        let csv = quality(headers, &ACCEPT, "text/csv").unwrap_or(0);
        let lines = quality(headers, &ACCEPT, "application/x-ndjson").unwrap_or(0);
        if is_named && csv > 0 && csv >= lines {
            Form::Csv
        } else {
            Form::Ndjson
        }
    }

    /// Of a type in [`LINES`].
    pub(crate) fn of(media: &str) -> Form {
        if media == "text/csv" {
            Form::Csv
        } else {
            Form::Ndjson
        }
    }
}

/// Whether `revisions=all` is asked for.
pub(crate) fn all_revisions(call: &mut Call) -> Result<bool, Rejection> {
    match call.query.take("revisions").as_deref() {
        None | Some("newest") => Ok(false),
        Some("all") => Ok(true),
        Some(other) => Err(bad(
            "revisions",
            format!("is `{}`, neither `newest` nor `all`", cut(other)),
        )),
    }
}

/// Waits for its turn, as long as any request may wait: each of them keeps a connection of the pool.
pub(crate) async fn turn(site: &Site) -> Result<OwnedSemaphorePermit, Rejection> {
    let until = Instant::now() + site.config.request_timeout;
    match timeout_at(until, Arc::clone(&site.transfers).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => {
            site.metric.bound(Limit::Transfers);
            Err(Rejection::Transfers {
                max: site.config.transfers_max,
            })
        }
    }
}

/// Waits for the database, which may take longer than a silent connection is kept.
pub(crate) async fn alive<T>(wire: &Wire, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut signs = interval(SIGN_OF_LIFE);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = signs.tick() => wire.touch(),
        }
    }
}
