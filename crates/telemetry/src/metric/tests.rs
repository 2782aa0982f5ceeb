//! What a scraper reads, in both formats, and what the reference page says.

use std::time::Duration;

use super::{
    exposition::{Format, write},
    *,
};
use crate::trace::id::TraceId;

fn registry() -> Registry {
    let registry = Registry::new();
    let requests = registry.sparse_counters(New {
        name: "sidequest_http_requests_total",
        about: "Requests ended.",
        labels: &["route", "status"],
    });
    requests.with(&["/a/{id}", "200"]).add(3);
    requests.with(&["/a/{id}", "500"]);
    registry
        .gauge("sidequest_http_in_flight", "Requests in work.")
        .set(2);
    registry
        .time_total(
            "sidequest_database_seconds_total",
            "Time of \"statements\".\nAll of it.",
        )
        .add(Duration::from_millis(1500));
    let times = registry.times(
        New {
            name: "sidequest_http_request_seconds",
            about: "Time of requests.",
            labels: &["route"],
        },
        &[0.01, 1.0],
    );
    let times = times.with(&["/a/\"{id}\\"]).0;
    times.observe(Duration::from_millis(10));
    times.observe(Duration::from_millis(500));
    times.observe(Duration::from_secs(20));
    times.explain(Duration::from_millis(500), TraceId::new(0xabc).unwrap());
    let sizes = registry.sizes(
        New {
            name: "sidequest_batch_ids",
            about: "Ids of a batch.",
            labels: &[],
        },
        &[1.0, 10.0],
    );
    sizes.with(&[]).0.observe_count(7);
    registry.readers(
        vec![read_gauge(New {
            name: "sidequest_build_info",
            about: "Always 1.",
            labels: &["version"],
        })],
        |out| out.put(0, &["0.1"], 1.0),
    );
    registry
}

#[test]
fn prometheus_text() {
    let text = write(&registry(), Format::Prometheus);
    assert_eq!(
        text,
        r#"# HELP sidequest_batch_ids Ids of a batch.
# TYPE sidequest_batch_ids histogram
sidequest_batch_ids_bucket{le="1.0"} 0
sidequest_batch_ids_bucket{le="10.0"} 1
sidequest_batch_ids_bucket{le="+Inf"} 1
sidequest_batch_ids_sum 7
sidequest_batch_ids_count 1
# HELP sidequest_build_info Always 1.
# TYPE sidequest_build_info gauge
sidequest_build_info{version="0.1"} 1
# HELP sidequest_database_seconds_total Time of "statements".\nAll of it.
# TYPE sidequest_database_seconds_total counter
sidequest_database_seconds_total 1.5
# HELP sidequest_http_in_flight Requests in work.
# TYPE sidequest_http_in_flight gauge
sidequest_http_in_flight 2
# HELP sidequest_http_request_seconds Time of requests.
# TYPE sidequest_http_request_seconds histogram
sidequest_http_request_seconds_bucket{route="/a/\"{id}\\",le="0.01"} 1
sidequest_http_request_seconds_bucket{route="/a/\"{id}\\",le="1.0"} 2
sidequest_http_request_seconds_bucket{route="/a/\"{id}\\",le="+Inf"} 3
sidequest_http_request_seconds_sum{route="/a/\"{id}\\"} 20.51
sidequest_http_request_seconds_count{route="/a/\"{id}\\"} 3
# HELP sidequest_http_requests_total Requests ended.
# TYPE sidequest_http_requests_total counter
sidequest_http_requests_total{route="/a/{id}",status="200"} 3
"#
    );
}

#[test]
fn open_metrics_has_units_exemplars_and_an_end() {
    let text = write(&registry(), Format::OpenMetrics);
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("# TYPE sidequest_http_requests counter\nsidequest_http_requests_total{"));
    assert!(text.contains("# UNIT sidequest_http_request_seconds seconds\n"));
    assert!(text.contains("# HELP sidequest_database_seconds Time of \\\"statements\\\".\\nAll of it.\n"));
    let exemplar = text.lines().find(|line| line.contains("le=\"1.0\"} 2")).unwrap();
    let expect = " # {trace_id=\"00000000000000000000000000000abc\"} 0.5 ";
    assert!(exemplar.contains(expect), "{exemplar}");
    assert_eq!(text.matches("trace_id").count(), 1);
}

#[track_caller]
fn negotiated(accept: &str, expect: Format) {
    assert_eq!(Format::negotiate(Some(accept)), expect, "{accept}");
}

#[test]
fn the_format_is_the_one_asked_for() {
    assert_eq!(Format::negotiate(None), Format::Prometheus);
    negotiated("*/*", Format::Prometheus);
    negotiated("text/html", Format::Prometheus);
    // As Prometheus 2.42 asks.
    negotiated(
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
         text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        Format::OpenMetrics,
    );
    negotiated(
        "text/plain, application/openmetrics-text;q=0.9",
        Format::Prometheus,
    );
}

#[test]
fn a_series_is_made_once() {
    let registry = Registry::new();
    let family = registry.counters(New {
        name: "a_total",
        about: "A.",
        labels: &["x"],
    });
    family.with(&["1"]).add(1);
    family.with(&["1"]).add(1);
    assert_eq!(family.with(&["1"]).get(), 2);
}

#[test]
fn series_have_a_limit() {
    let registry = Registry::new();
    let family = registry.counters(New {
        name: "a_total",
        about: "A.",
        labels: &["x"],
    });
    for at in 0..family::SERIES_MAX + 10 {
        family.with(&[&at.to_string()]).increment();
    }
    assert_eq!(registry.gather()[0].series.len(), family::SERIES_MAX);
}

#[test]
fn a_bound_belongs_to_its_bucket() {
    let histogram = Histogram::new(histogram::Unit::Count, &[1.0, 5.0]);
    for value in [0, 1, 2, 5, 6] {
        histogram.observe_count(value);
    }
    assert_eq!(histogram.snapshot().counts, [2, 2, 1]);
}

#[test]
fn the_reference_names_every_metric_under_its_subject() {
    let page = reference::page(&registry().descriptions());
    assert!(page.contains("## `sidequest_http`\n"));
    assert!(
        page.contains("| `sidequest_http_requests_total` | counter | `route`, `status` | Requests ended. |")
    );
    assert_eq!(page.matches("## `sidequest_http`").count(), 1);
}

proptest::proptest! {
    /// Whatever stands in a label, a line stays a line and quotes are closed.
    #[test]
    fn any_label_is_written_safely(label in ".*") {
        let registry = Registry::new();
        let family = registry.counters(New { name: "a_total", about: "A.", labels: &["x"] });
        family.with(&[&label]).increment();
        let text = write(&registry, Format::Prometheus);
        let line = text.strip_prefix("# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"").unwrap();
        let written = line.strip_suffix("\"} 1\n").unwrap();
        let mut read = String::new();
        let mut letters = written.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => match letters.next().unwrap() {
                    'n' => read.push('\n'),
                    other => read.push(other),
                },
                '"' | '\n' => panic!("not escaped: {written}"),
                other => read.push(other),
            }
        }
        proptest::prop_assert_eq!(read, label);
    }
}
