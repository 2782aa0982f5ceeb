//! The other end of the queue: takes what waits, sends it, tries again, gives up.

use std::{sync::Arc, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};

use super::{Config, Protocol, batch::Batch, encode};
use crate::{
    metric::number::Counter,
    push::{Answer, Client, Failure},
    trace::kept::Kept,
};

const GRPC_METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const HTTP_PATH: &str = "/v1/traces";
/// At the end, what waits gets this long.
const LAST_MAX: Duration = Duration::from_secs(2);

/// Sends kept traces until it is told to end.
pub struct Exporter {
    pub(super) config: Config,
    pub(super) client: Client,
    pub(super) waiting: mpsc::Receiver<Arc<Kept>>,
    pub(super) sent: Counter,
    pub(super) failures: Counter,
    pub(super) refused: Counter,
    pub(super) given_up: Counter,
    pub(super) unanswered: Counter,
    /// An attempt is under way.
    pub(super) asking: bool,
    /// Said once when it begins to fail, and once when it works again.
    pub(super) failing: bool,
}

/// What became of an attempt.
enum Attempt {
    Taken {
        /// Traces it did not want, as far as spans tell.
        rejected: bool,
    },
    /// It will not help to try again.
    Refused(String),
    /// It may.
    Later { reason: String, after: Option<Duration> },
}

impl Exporter {
    /// Sends until `closing`, then what waits still, if that takes no longer than two seconds.
    /// Without a trace there is neither a timer nor a connection.
    pub async fn run(mut self, closing: impl Future<Output = ()>) {
        let mut closing = std::pin::pin!(closing);
        let mut batch = Batch::default();
        let until = loop {
            tokio::select! {
                () = &mut closing => break Instant::now() + LAST_MAX,
                more = gather(&mut self.waiting, &self.config, &mut batch) => {
                    if !more {
                        break Instant::now() + LAST_MAX;
                    }
                }
            }
            let mut until = None;
            let sent = {
                let mut sending = Box::pin(self.send(batch.traces()));
                tokio::select! {
                    () = &mut sending => true,
                    () = &mut closing => {
                        let last = *until.insert(Instant::now() + LAST_MAX);
                        timeout_at(last, sending).await.is_ok()
                    }
                }
            };
            if !sent {
                self.is_late(batch.traces());
            }
            batch.clear(&self.config);
            if let Some(until) = until {
                break until;
            }
        };
        loop {
            self.at_once(&mut batch);
            if batch.traces().is_empty() {
                return;
            }
            // A collector that did not answer in that time is not asked again.
            let sent = Instant::now() < until
                && timeout_at(until, Box::pin(self.send(batch.traces())))
                    .await
                    .is_ok();
            if !sent {
                self.is_late(batch.traces());
            }
            batch.clear(&self.config);
        }
    }

    /// The time was up. What the collector had been asked to take it may have taken, without our hearing of it.
    fn is_late(&mut self, batch: &[Arc<Kept>]) {
        let lost = if std::mem::take(&mut self.asking) {
            &self.unanswered
        } else {
            &self.given_up
        };
        lost.add(batch.len() as u64);
    }

    /// What waits, without waiting for more.
    fn at_once(&mut self, batch: &mut Batch) {
        while !batch.is_full(&self.config) {
            match self.waiting.try_recv() {
                Ok(next) => batch.add(next, &self.config),
                Err(_) => return,
            }
        }
    }

    /// Tries until it is taken or refused, or tried often enough. Meanwhile the queue fills, and then drops.
    async fn send(&mut self, batch: &[Arc<Kept>]) {
        let traces = batch.len() as u64;
        let message = Bytes::from(encode::request(&self.config.resource, batch));
        let mut backoff = self.config.backoff;
        for attempt in 1..=self.config.attempts_max.max(1) {
            self.asking = true;
            let outcome = self.attempt(message.clone()).await;
            self.asking = false;
            match outcome {
                Attempt::Taken { rejected } => {
                    self.sent.add(traces);
                    if rejected {
                        tracing::warn!("the collector of traces took only a part of them");
                    }
                    self.works();
                    return;
                }
                Attempt::Refused(reason) => {
                    self.failures.increment();
                    self.refused.add(traces);
                    self.fails(&reason);
                    return;
                }
                Attempt::Later { reason, after } => {
                    self.failures.increment();
                    self.fails(&reason);
                    if attempt < self.config.attempts_max {
                        let pause = after.unwrap_or(backoff).min(self.config.backoff_max);
                        sleep(spread(pause, traces)).await;
                        backoff = (backoff * 2).min(self.config.backoff_max);
                    }
                }
            }
        }
        self.given_up.add(traces);
    }

    async fn attempt(&mut self, message: Bytes) -> Attempt {
        let mut headers = self.config.headers.0.clone();
        match self.config.protocol {
            Protocol::Http => {
                headers.insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/x-protobuf"),
                );
                let path = self.client.endpoint().path();
                // OpenTelemetry's own rule: a base URL gets the path, a whole one is left alone.
                let target = if path.ends_with(HTTP_PATH) {
                    path.to_owned()
                } else {
                    format!("{path}{HTTP_PATH}")
                };
                outcome_of_http(self.client.post(&target, &headers, message).await)
            }
            Protocol::Grpc => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                headers.insert(header::TE, HeaderValue::from_static("trailers"));
                let target = format!("{}{GRPC_METHOD}", self.client.endpoint().path());
                outcome_of_grpc(self.client.post(&target, &headers, framed(&message)).await)
            }
        }
    }

    fn fails(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(reason, endpoint = ?self.config.endpoint, "traces do not reach their collector");
        }
    }

    fn works(&mut self) {
        if std::mem::replace(&mut self.failing, false) {
            tracing::info!(endpoint = ?self.config.endpoint, "traces reach their collector again");
        }
    }
}

/// Waits for a trace, and for what comes within the delay after it. False: there will be no more.
/// Given up halfway, it leaves what it has in the batch.
async fn gather(waiting: &mut mpsc::Receiver<Arc<Kept>>, config: &Config, batch: &mut Batch) -> bool {
    // One may be left that found no room in the last batch.
    if batch.traces().is_empty() {
        let Some(first) = waiting.recv().await else {
            return false;
        };
        batch.add(first, config);
    }
    let until = Instant::now() + config.delay;
    while !batch.is_full(config) {
        match timeout_at(until, waiting.recv()).await {
            Ok(Some(next)) => batch.add(next, config),
            Ok(None) | Err(_) => break,
        }
    }
    true
}

/// Not compressed, and its length.
fn framed(message: &Bytes) -> Bytes {
    let mut body = BytesMut::with_capacity(message.len() + 5);
    body.put_u8(0);
    body.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    body.extend_from_slice(message);
    body.freeze()
}

fn outcome_of_http(answered: Result<Answer, Failure>) -> Attempt {
    let answer = match answered {
        Ok(answer) => answer,
        Err(failure) => return later(&failure),
    };
    let reason = format!("status {}", answer.status.as_u16());
    match answer.status {
        status if status.is_success() => Attempt::Taken {
            // Full success is an empty message.
            rejected: !answer.body.is_empty() && answer.body[..] != *b"{}" && has_rejected(&answer.body),
        },
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Attempt::Later {
            reason,
            after: retry_after(&answer.headers),
        },
        _ => Attempt::Refused(reason),
    }
}

fn outcome_of_grpc(answered: Result<Answer, Failure>) -> Attempt {
    let answer = match answered {
        Ok(answer) => answer,
        Err(failure) => return later(&failure),
    };
    // A server that refuses at once says so in the head.
    let status = answer
        .trailers
        .get("grpc-status")
        .or_else(|| answer.headers.get("grpc-status"));
    let status = status.and_then(|status| status.to_str().ok()?.parse::<u32>().ok());
    match status {
        Some(0) => Attempt::Taken {
            rejected: answer.body.len() > 5 && has_rejected(&answer.body[5..]),
        },
        // Cancelled, deadline, exhausted, aborted, out of range, unavailable, data loss: as OTLP has it.
        Some(code @ (1 | 4 | 8 | 10 | 11 | 14 | 15)) => Attempt::Later {
            reason: format!("gRPC status {code}"),
            after: None,
        },
        Some(code) => Attempt::Refused(format!("gRPC status {code}")),
        None if answer.status.is_success() => Attempt::Refused("it speaks no gRPC".to_owned()),
        None => outcome_of_http(Ok(answer)),
    }
}

/// `ExportTraceServiceResponse { partial_success { rejected_spans } }`: the first field of the first field.
fn has_rejected(message: &[u8]) -> bool {
    let [0x0a, rest @ ..] = message else { return false };
    // The length of the first field: all but its last byte have the high bit.
    let ends = rest.iter().position(|byte| *byte < 0x80);
    let field = ends.map_or(&[][..], |ends| &rest[ends + 1..]);
    matches!(field, [0x08, count, ..] if *count != 0)
}

fn later(failure: &Failure) -> Attempt {
    let mut reason = failure.to_string();
    if let Some(source) = std::error::Error::source(failure) {
        reason = format!("{reason}: {source}");
    }
    Attempt::Later { reason, after: None }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Three quarters to five quarters of it, so that many servers do not come back at once.
fn spread(pause: Duration, seed: u64) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(seed) % 1000;
    pause.mul_f64(0.75 + random as f64 / 2000.0)
}
