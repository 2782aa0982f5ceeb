//! Kept traces to any collector: OTLP over HTTP or gRPC, in batches, with retry.
//!
//! A request gives its trace away and never waits: the queue is bounded, and what finds no room is counted.

mod batch;
mod encode;
mod exporter;

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::mpsc::{self, error::TrySendError};

pub use self::{encode::Resource, exporter::Exporter};
use crate::{
    error::Error,
    metric::{New, Registry, number::Counter},
    push::{Client, Version, endpoint::Endpoint},
    trace::kept::Kept,
};

/// How the collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `POST /v1/traces`, protobuf.
    Http,
    /// A unary call over HTTP/2.
    Grpc,
}

/// Where traces go, and how much may wait.
#[derive(Clone, Debug)]
pub struct Config {
    /// The collector.
    pub endpoint: Endpoint,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Sent with each batch: keys of collectors in the cloud.
    pub headers: Headers,
    /// What all spans come from.
    pub resource: Resource,
    /// Traces that may wait; more are dropped and counted.
    pub queue_traces_max: usize,
    /// Traces of one batch.
    pub batch_traces_max: usize,
    /// Bytes of one batch, unless a single trace has more: collectors refuse what is too large, by gRPC's default 4 MiB.
    pub batch_bytes_max: usize,
    /// How long the first trace of a batch waits for others.
    pub delay: Duration,
    /// The collector answers within it, or has failed.
    pub timeout: Duration,
    /// A batch is tried so often.
    pub attempts_max: u32,
    /// Before the second attempt; doubled before each after it.
    pub backoff: Duration,
    /// It grows no longer.
    pub backoff_max: Duration,
}

/// Headers that may hold secrets.
#[derive(Clone, Default)]
pub struct Headers(HeaderMap);

impl Headers {
    /// Names and values.
    pub fn new(pairs: &[(String, String)]) -> Result<Headers, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let wrong = || Error::Header { name: name.clone() };
            let key = HeaderName::try_from(name.as_str()).map_err(|_| wrong())?;
            let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.append(key, value);
        }
        Ok(Headers(headers))
    }

    pub(crate) fn map(&self) -> &HeaderMap {
        &self.0
    }
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Where a tracer puts kept traces. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sink {
    queue: mpsc::Sender<Arc<Kept>>,
    dropped: Counter,
}

impl Sink {
    /// Takes it if there is room, at once either way.
    pub(crate) fn offer(&self, trace: Arc<Kept>) {
        match self.queue.try_send(trace) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => self.dropped.increment(),
        }
    }
}

/// A queue and the exporter at its other end, which has to be run.
pub fn exporter(config: Config, registry: &Registry) -> (Sink, Exporter) {
    let (queue, waiting) = mpsc::channel(config.queue_traces_max.max(1));
    let dropped = registry.counters(New {
        name: "sidequest_otlp_dropped_traces_total",
        about: "Kept traces that did not reach the collector, by reason; `unanswered` may have, at the end of the process.",
        labels: &["reason"],
    });
    let version = match config.protocol {
        Protocol::Http => Version::Http1,
        Protocol::Grpc => Version::Http2,
    };
    let sink = Sink {
        queue,
        dropped: dropped.with(&["queue_full"]),
    };
    let exporter = Exporter {
        client: Client::new(config.endpoint.clone(), version, config.timeout),
        waiting,
        sent: registry.counter(
            "sidequest_otlp_sent_traces_total",
            "Kept traces that the collector took.",
        ),
        failures: registry.counter(
            "sidequest_otlp_failures_total",
            "Attempts to send a batch of traces that failed.",
        ),
        refused: dropped.with(&["refused"]),
        given_up: dropped.with(&["unreachable"]),
        unanswered: dropped.with(&["unanswered"]),
        asking: false,
        failing: false,
        config,
    };
    (sink, exporter)
}
