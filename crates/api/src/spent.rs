//! `Server-Timing`: where the time of an answer went, for the network panel of a browser.

use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode};
use telemetry::trace::Split;

use crate::{
    answer::Timing,
    body::{Exchange, is_failure},
};

/// What is known when an answer's head is written.
pub(crate) struct Spent {
    pub(crate) timing: Timing,
    pub(crate) status: StatusCode,
    /// When the handler was done.
    pub(crate) handled: Instant,
    /// When the content was as it is sent.
    pub(crate) encoded: Instant,
}

impl Spent {
    /// As the header's value, with what the trace has seen.
    pub(crate) fn header(&self, exchange: &Exchange, seen: Split) -> HeaderValue {
        let timing = self.timing(seen);
        let mut text = Vec::with_capacity(256);
        if timing.statements > 0 {
            // Only analyses wait for others and compute. What is nothing is left out: HPACK codes each byte of it.
            if !timing.queue.is_zero() {
                put(&mut text, "queue;dur=", timing.queue);
                text.extend_from_slice(b", ");
            }
            put(&mut text, "pool;dur=", timing.pool);
            put(&mut text, ", database;dur=", timing.database);
            text.extend_from_slice(b";desc=\"");
            text.extend_from_slice(itoa::Buffer::new().format(timing.statements).as_bytes());
            text.extend_from_slice(b" statements\"");
            if !timing.measure.is_zero() {
                put(&mut text, ", measure;dur=", timing.measure);
            }
            text.extend_from_slice(b", ");
        }
        let write = self.encoded.saturating_duration_since(self.handled);
        let total = self.encoded.saturating_duration_since(exchange.began);
        put(&mut text, "write;dur=", write);
        put(&mut text, ", total;dur=", total);
        // Where browsers' agents look for the trace of a page. Of one that will be thrown away nobody finds anything.
        let failed = is_failure(self.status.as_u16());
        let tracer = &exchange.site.observe.tracer;
        if let Some(traceparent) = tracer.findable(&exchange.trace, failed, self.encoded) {
            text.extend_from_slice(format!(", traceparent;desc=\"{traceparent}\"").as_bytes());
        }
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("total"))
    }

    /// What the handler knows; of others, what their trace has seen.
    fn timing(&self, seen: Split) -> Timing {
        if self.timing.statements > 0 {
            return self.timing;
        }
        Timing {
            pool: seen.pool,
            database: seen.database,
            statements: seen.statements,
            ..self.timing
        }
    }
}

/// In milliseconds, to the microsecond. By hand: five of them by `core::fmt` cost a small answer a fiftieth.
fn put(text: &mut Vec<u8>, name: &str, time: Duration) {
    text.extend_from_slice(name.as_bytes());
    let micros = u64::try_from((time.as_nanos() + 500) / 1000).unwrap_or(u64::MAX);
    text.extend_from_slice(itoa::Buffer::new().format(micros / 1000).as_bytes());
    let rest = micros % 1000;
    let digit = |place: u64| b'0' + (rest / place % 10) as u8;
    text.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
}
