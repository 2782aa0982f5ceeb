//! A kept trace as OTLP's messages, under the names of OpenTelemetry's conventions.

use std::sync::Arc;

use crate::{
    protobuf::Message,
    trace::kept::{Kept, KeptSpan},
};

const KIND_INTERNAL: u64 = 1;
const KIND_SERVER: u64 = 2;
const KIND_CLIENT: u64 = 3;
const STATUS_ERROR: u64 = 2;

/// What all spans come from.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Under which name the service is found.
    pub service: String,
    /// Its version.
    pub version: String,
    /// More, such as the pod or the environment.
    pub attributes: Vec<(String, String)>,
}

/// An `ExportTraceServiceRequest`.
pub(super) fn request(resource: &Resource, traces: &[Arc<Kept>]) -> Vec<u8> {
    let mut request = Message::default();
    request.nested(1, |spans| {
        spans.nested(1, |from| {
            text(from, 1, "service.name", &resource.service);
            text(from, 1, "service.version", &resource.version);
            for (key, value) in &resource.attributes {
                text(from, 1, key, value);
            }
        });
        spans.nested(2, |scoped| {
            scoped.nested(1, |scope| {
                scope.text(1, "sidequest").text(2, env!("CARGO_PKG_VERSION"));
            });
            for trace in traces {
                scoped.nested(2, |span| root(span, trace));
                for told in &trace.spans {
                    scoped.nested(2, |span| step(span, trace, told));
                }
            }
        });
    });
    request.into_bytes()
}

/// So many bytes has the trace in a request at most, found without writing it.
pub(super) fn bytes_at_most(trace: &Kept) -> usize {
    let root = 400 + 2 * (trace.method.len() + trace.route.len());
    root + trace.spans.iter().map(step_bytes_at_most).sum::<usize>()
}

/// Of each part its texts, with the keys that stand before them and some bytes for lengths.
fn step_bytes_at_most(step: &KeptSpan) -> usize {
    let text = |text: &Option<Arc<str>>, keys: usize, times: usize| {
        text.as_ref().map_or(0, |text| keys + times * text.len())
    };
    let number = |is_there: bool| if is_there { 60 } else { 0 };
    110 + step.step.len()
        + text(&step.about, 50, 2)
        + text(&step.database, 90, 2)
        + text(&step.sql, 40, 1)
        + number(step.rows.is_some())
        + number(step.wants.is_some())
        + number(step.objects.is_some())
        + step.links.len() * 40
}

fn root(span: &mut Message, trace: &Kept) {
    span.bytes(1, &trace.trace_id.bytes());
    span.bytes(2, &trace.span_id.bytes());
    if let Some(parent) = trace.parent_id {
        span.bytes(4, &parent.bytes());
    }
    span.nested(5, |name| {
        name.raw(&trace.method).raw(" ").raw(&trace.route);
    });
    span.number(6, KIND_SERVER);
    times(span, trace, 0, trace.took_ns);
    text(span, 9, "http.request.method", &trace.method);
    text(span, 9, "http.route", &trace.route);
    number(span, "http.response.body.size", trace.body_bytes);
    if trace.status != 0 {
        number(span, "http.response.status_code", trace.status.into());
    }
    text(span, 9, "sidequest.kept", trace.kept.name());
    if trace.spans_lost > 0 {
        number(span, "sidequest.spans_lost", trace.spans_lost.into());
    }
    if trace.kept == crate::trace::keep::Reason::Failed {
        failed(span);
    }
}

fn step(span: &mut Message, trace: &Kept, step: &KeptSpan) {
    span.bytes(1, &trace.trace_id.bytes());
    span.bytes(2, &step.span_id.bytes());
    span.bytes(4, &step.parent_id.bytes());
    span.nested(5, |name| {
        name.raw(&step.step);
        if let Some(about) = step.about.as_ref().or(step.database.as_ref()) {
            name.raw(" ").raw(about);
        }
    });
    let asks = step.rows.is_some();
    span.number(6, if asks { KIND_CLIENT } else { KIND_INTERNAL });
    times(span, trace, step.began_ns, step.took_ns);
    if let Some(database) = &step.database {
        text(span, 9, "db.system.name", "postgresql");
        text(span, 9, "db.namespace", database);
    }
    if let (true, Some(about)) = (asks, &step.about) {
        text(span, 9, "db.query.summary", about);
    }
    if let Some(sql) = &step.sql {
        text(span, 9, "db.query.text", sql);
    }
    if let Some(rows) = step.rows {
        number(span, "db.response.returned_rows", rows);
    }
    if let Some(wants) = step.wants {
        number(span, "sidequest.batch.wants", wants.into());
    }
    if let Some(objects) = step.objects {
        number(span, "sidequest.batch.objects", objects.into());
    }
    for link in &step.links {
        span.nested(13, |linked| {
            linked
                .bytes(1, &link.trace_id.bytes())
                .bytes(2, &link.span_id.bytes());
        });
    }
    if step.failed {
        failed(span);
    }
}

fn times(span: &mut Message, trace: &Kept, began_ns: u64, took_ns: u64) {
    let began = trace.began_unix_ns.saturating_add(began_ns);
    span.fixed64(7, began).fixed64(8, began.saturating_add(took_ns));
}

fn failed(span: &mut Message) {
    span.nested(15, |status| {
        status.number(3, STATUS_ERROR);
    });
}

fn text(message: &mut Message, field: u32, key: &str, value: &str) {
    message.nested(field, |attribute| {
        attribute.text(1, key).nested(2, |any| {
            any.text(1, value);
        });
    });
}

fn number(span: &mut Message, key: &str, value: u64) {
    span.nested(9, |attribute| {
        attribute.text(1, key).nested(2, |any| {
            any.chosen_number(3, value);
        });
    });
}

#[cfg(test)]
mod tests;
