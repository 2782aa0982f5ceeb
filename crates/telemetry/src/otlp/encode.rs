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
    let mut from = Message::default();
    from.message(1, &text("service.name", &resource.service));
    from.message(1, &text("service.version", &resource.version));
    for (key, value) in &resource.attributes {
        from.message(1, &text(key, value));
    }
    let mut scope = Message::default();
    scope.text(1, "sidequest").text(2, env!("CARGO_PKG_VERSION"));
    let mut scoped = Message::default();
    scoped.message(1, &scope);
    for trace in traces {
        scoped.message(2, &root(trace));
        for span in &trace.spans {
            scoped.message(2, &step(trace, span));
        }
    }
    let mut spans = Message::default();
    spans.message(1, &from).message(2, &scoped);
    let mut request = Message::default();
    request.message(1, &spans);
    request.into_bytes()
}

fn root(trace: &Kept) -> Message {
    let mut span = Message::default();
    span.bytes(1, &trace.trace_id.bytes());
    span.bytes(2, &trace.span_id.bytes());
    if let Some(parent) = trace.parent_id {
        span.bytes(4, &parent.bytes());
    }
    span.text(5, &format!("{} {}", trace.method, trace.route));
    span.number(6, KIND_SERVER);
    times(&mut span, trace, 0, trace.took_ns);
    span.message(9, &text("http.request.method", &trace.method));
    span.message(9, &text("http.route", &trace.route));
    span.message(9, &number("http.response.body.size", trace.body_bytes));
    if trace.status != 0 {
        span.message(9, &number("http.response.status_code", trace.status.into()));
    }
    span.message(9, &text("sidequest.kept", trace.kept.name()));
    if trace.spans_lost > 0 {
        span.message(9, &number("sidequest.spans_lost", trace.spans_lost.into()));
    }
    if trace.kept == crate::trace::keep::Reason::Failed {
        failed(&mut span);
    }
    span
}

fn step(trace: &Kept, step: &KeptSpan) -> Message {
    let mut span = Message::default();
    span.bytes(1, &trace.trace_id.bytes());
    span.bytes(2, &step.span_id.bytes());
    span.bytes(4, &step.parent_id.bytes());
    let about = step.about.as_ref().or(step.database.as_ref());
    let name = about.map_or_else(|| step.step.clone(), |about| format!("{} {about}", step.step));
    span.text(5, &name);
    let asks = step.rows.is_some();
    span.number(6, if asks { KIND_CLIENT } else { KIND_INTERNAL });
    times(&mut span, trace, step.began_ns, step.took_ns);
    if let Some(database) = &step.database {
        span.message(9, &text("db.system.name", "postgresql"));
        span.message(9, &text("db.namespace", database));
    }
    if let (true, Some(about)) = (asks, &step.about) {
        span.message(9, &text("db.query.summary", about));
    }
    if let Some(sql) = &step.sql {
        span.message(9, &text("db.query.text", sql));
    }
    if let Some(rows) = step.rows {
        span.message(9, &number("db.response.returned_rows", rows));
    }
    if let Some(wants) = step.wants {
        span.message(9, &number("sidequest.batch.wants", wants.into()));
    }
    if let Some(objects) = step.objects {
        span.message(9, &number("sidequest.batch.objects", objects.into()));
    }
    for link in &step.links {
        let mut linked = Message::default();
        linked
            .bytes(1, &link.trace_id.bytes())
            .bytes(2, &link.span_id.bytes());
        span.message(13, &linked);
    }
    if step.failed {
        failed(&mut span);
    }
    span
}

fn times(span: &mut Message, trace: &Kept, began_ns: u64, took_ns: u64) {
    let began = trace.began_unix_ns.saturating_add(began_ns);
    span.fixed64(7, began).fixed64(8, began.saturating_add(took_ns));
}

fn failed(span: &mut Message) {
    let mut status = Message::default();
    status.number(3, STATUS_ERROR);
    span.message(15, &status);
}

fn text(key: &str, value: &str) -> Message {
    let mut any = Message::default();
    any.text(1, value);
    attribute(key, &any)
}

fn number(key: &str, value: u64) -> Message {
    let mut any = Message::default();
    any.number(3, value);
    if value == 0 {
        // Within a choice the default is written too, or there would be no value at all.
        any = Message::zero(3);
    }
    attribute(key, &any)
}

fn attribute(key: &str, any: &Message) -> Message {
    let mut attribute = Message::default();
    attribute.text(1, key).message(2, any);
    attribute
}
