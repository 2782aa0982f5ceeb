//! What is made of a page of traces.

use serde_json::json;

use super::{of_jaeger, of_ours};

#[test]
fn a_trace_of_ours_is_a_waterfall() {
    let kept = json!({
        "trace_id": "t", "span_id": "r", "method": "GET", "route": "/objects/{id}", "took_ns": 5_000_000,
        "spans": [
            {"span_id": "a", "parent_id": "r", "step": "lease", "about": "main", "began_ns": 0, "took_ns": 1_000_000},
            {"span_id": "b", "parent_id": "a", "step": "statement", "began_ns": 1_000_000, "took_ns": 3_500_000,
             "sql": "select 1\n  from a"},
        ]
    });
    let trace = of_ours(&kept).expect("it is one");
    let told: Vec<(u32, &str, f64, f64, &str)> = trace
        .spans
        .iter()
        .map(|span| {
            (
                span.depth,
                span.name.as_str(),
                span.began_ms,
                span.took_ms,
                span.note.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, "lease main", 0.0, 1.0, ""),
            (2, "statement", 1.0, 3.5, "select 1 from a")
        ]
    );
    assert_eq!((trace.name.as_str(), trace.took_ms), ("GET /objects/{id}", 5.0));
}

#[test]
fn of_jaegers_the_slowest_is_put_in_order() {
    let child = |id: &str, start: u64, duration: u64| {
        json!({"spanID": id, "operationName": id, "startTime": start, "duration": duration,
               "references": [{"refType": "CHILD_OF", "spanID": "root"}]})
    };
    let page = json!([
        {"traceID": "fast", "spans": [{"spanID": "x", "operationName": "x", "startTime": 0, "duration": 10}]},
        {"traceID": "slow", "spans": [
            child("second", 3_000, 1_000),
            child("first", 1_000, 2_000),
            {"spanID": "root", "operationName": "GET /", "startTime": 1_000, "duration": 4_000, "references": []},
        ]},
    ]);
    let trace = of_jaeger(page.as_array().expect("a list")).expect("there is one");
    assert_eq!((trace.id.as_str(), trace.took_ms), ("slow", 4.0));
    let told: Vec<(&str, f64)> = trace
        .spans
        .iter()
        .map(|span| (span.name.as_str(), span.began_ms))
        .collect();
    assert_eq!(told, [("first", 0.0), ("second", 2.0)]);
}
