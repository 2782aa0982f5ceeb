//! `Server-Timing`: where the time of an answer went, for the network panel of a browser.

use std::{fmt::Write, time::Duration};

use http::HeaderValue;
use telemetry::trace::{Trace, parent::Traceparent};

use crate::answer::Timing;

/// What is known when an answer's head is written.
pub(crate) struct Spent {
    timing: Timing,
    traceparent: Option<Traceparent>,
}

impl Spent {
    /// What the handler knows; of others, what their trace has seen.
    pub(crate) fn of(trace: &Trace, mut timing: Timing) -> Spent {
        if timing.statements == 0 {
            let split = trace.split();
            timing.pool = split.pool;
            timing.database = split.database;
            timing.statements = split.statements;
        }
        Spent {
            timing,
            traceparent: trace.traceparent(),
        }
    }

    /// As the header's value.
    pub(crate) fn header(&self, write: Duration, total: Duration) -> HeaderValue {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let timing = &self.timing;
        let mut text = String::with_capacity(256);
        if timing.statements > 0 {
            let _ = write!(
                text,
                "queue;dur={:.3}, pool;dur={:.3}, database;dur={:.3};desc=\"{} statements\", measure;dur={:.3}, ",
                ms(timing.queue),
                ms(timing.pool),
                ms(timing.database),
                timing.statements,
                ms(timing.measure)
            );
        }
        let _ = write!(text, "write;dur={:.3}, total;dur={:.3}", ms(write), ms(total));
        // Where browsers' agents look for the trace of a page.
        if let Some(traceparent) = self.traceparent {
            let _ = write!(text, ", traceparent;desc=\"{traceparent}\"");
        }
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("total"))
    }
}
