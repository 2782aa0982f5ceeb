//! What a batch is bounded by is what is sent.

use super::*;
use crate::trace::{
    id::{SpanId, TraceId},
    keep::Reason,
    kept::Link,
};

fn trace(spans: Vec<KeptSpan>) -> Arc<Kept> {
    Arc::new(Kept {
        trace_id: TraceId::new(u128::MAX).unwrap(),
        span_id: SpanId::new(1).unwrap(),
        parent_id: SpanId::new(2),
        kept: Reason::Failed,
        method: "OPTIONS".into(),
        route: "/api/v1/{collection}/{key}/revisions".into(),
        status: 599,
        body_bytes: u64::MAX,
        began_unix_ns: u64::MAX / 2,
        took_ns: 10_000_000,
        spans_lost: u32::MAX,
        spans,
    })
}

fn span(text: Option<&str>, links: usize) -> KeptSpan {
    let number = text.map(|_| u32::MAX);
    KeptSpan {
        span_id: SpanId::new(3).unwrap(),
        parent_id: SpanId::new(1).unwrap(),
        step: "statement".into(),
        about: text.map(Into::into),
        began_ns: 5,
        took_ns: 7,
        unended: false,
        failed: true,
        database: text.map(Into::into),
        sql: text.map(Into::into),
        rows: text.map(|_| u64::MAX),
        wants: number,
        objects: number,
        links: vec![
            Link {
                trace_id: TraceId::new(u128::MAX).unwrap(),
                span_id: SpanId::new(u64::MAX).unwrap(),
            };
            links
        ],
    }
}

#[test]
fn bytes_are_foreseen() {
    let resource = Resource {
        service: String::new(),
        version: String::new(),
        attributes: Vec::new(),
    };
    let long = "x".repeat(10_000);
    let nothing = request(&resource, &[]).len();
    for spans in [
        Vec::new(),
        vec![span(None, 0); 50],
        vec![span(Some(""), 0); 50],
        vec![span(Some("delays"), 0); 50],
        vec![span(Some("delays"), 64); 50],
        vec![span(Some(&long), 64); 50],
    ] {
        let trace = trace(spans);
        let foreseen = bytes_at_most(&trace);
        let sent = request(&resource, &[trace]).len() - nothing;
        // Not far off either, or batches would be small.
        assert!(sent <= foreseen && foreseen <= sent * 2, "{sent} of {foreseen}");
    }
}
