//! Kept traces reach a collector over HTTP and gRPC, and a bad one costs nobody anything.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message as _;
use telemetry::{
    metric::{
        Registry,
        exposition::{Format, write},
    },
    otlp::{self, Exporter, Headers, Protocol, Resource, Sink},
    push::endpoint::{Authorities, Endpoint},
    trace::{
        name::Name,
        span::Step,
        tracer::{self, End, Tracer},
    },
};
use tokio::{sync::oneshot, task::JoinSet};

use crate::collector::{Behaviour, Collector, Taken};

pub(crate) fn config(url: &str, protocol: Protocol) -> otlp::Config {
    let endpoint = Endpoint::parse(url, &Authorities::System).unwrap();
    otlp::Config {
        endpoint,
        protocol,
        headers: Headers::new(&[("x-key".to_owned(), "marked".to_owned())]).unwrap(),
        resource: Resource {
            service: "sidequest".to_owned(),
            version: "0.1.0".to_owned(),
            attributes: vec![("deployment.environment.name".to_owned(), "test".to_owned())],
        },
        queue_traces_max: 16,
        batch_traces_max: 8,
        batch_bytes_max: 1 << 20,
        delay: Duration::from_millis(5),
        timeout: Duration::from_secs(5),
        attempts_max: 3,
        backoff: Duration::from_millis(1),
        backoff_max: Duration::from_millis(4),
    }
}

/// A tracer whose exporter runs until it is ended.
pub(crate) struct Rig {
    registry: Registry,
    pub(crate) tracer: Tracer,
    end: oneshot::Sender<()>,
    running: JoinSet<()>,
}

impl Rig {
    pub(crate) fn start(config: otlp::Config) -> Rig {
        let registry = Registry::new();
        let (sink, exporter) = otlp::exporter(config, &registry);
        let (end, ended) = oneshot::channel();
        let mut running = JoinSet::new();
        running.spawn(run(exporter, ended));
        Rig {
            tracer: tracer(&registry, sink),
            registry,
            end,
            running,
        }
    }

    /// The exporter ends, and the metrics are read.
    pub(crate) async fn ended(mut self) -> String {
        let _ = self.end.send(());
        while self.running.join_next().await.is_some() {}
        write(&self.registry, Format::Prometheus)
    }
}

async fn run(exporter: Exporter, ended: oneshot::Receiver<()>) {
    exporter
        .run(async {
            let _ = ended.await;
        })
        .await;
}

fn tracer(registry: &Registry, sink: Sink) -> Tracer {
    let config = tracer::Config {
        enabled: true,
        share: 1.0,
        slow: Duration::from_secs(3600),
        follow_parent: true,
        ring_traces_max: 8,
        kept_per_second_max: 100_000,
    };
    Tracer::new(config, registry, Some(sink))
}

/// A request that failed, with a statement in a batch.
pub(crate) fn request(tracer: &Tracer) {
    let trace = tracer.request(None, Instant::now());
    let batch = tracer.batch();
    batch.works_for(&trace);
    let source = Name::of("delays");
    let database = Name::of("flights");
    trace.join(&batch, source, Instant::now());
    let whole = batch.begin(Step::Batch {
        source,
        wants: 1,
        ids: 1,
    });
    let statement = batch.begin(Step::Statement {
        database,
        statement: source,
        sql: Name::of("select $1"),
        rows: 12,
    });
    batch.end(statement);
    batch.end(whole);
    let write = trace.begin(Step::Write);
    trace.end(write);
    let end = End {
        method: "GET",
        route: "/api/v1/objects/{id}",
        status: 200,
        body_bytes: 0,
        failed: true,
    };
    assert!(tracer.end(&trace, end).is_some());
}

fn spans(message: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(message).unwrap();
    let [resource] = request.resource_spans.as_slice() else {
        panic!("{request:?}");
    };
    let from = &resource.resource.as_ref().unwrap().attributes;
    assert_eq!(text(from, "service.name"), "sidequest");
    assert_eq!(text(from, "deployment.environment.name"), "test");
    resource.scope_spans[0].spans.clone()
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> &'a str {
    match value(attributes, key) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

fn check(spans: &[Span]) {
    let [root, queue, batch, statement, write] = spans else {
        panic!("{spans:?}");
    };
    assert_eq!(root.name, "GET /api/v1/objects/{id}");
    assert!(root.parent_span_id.is_empty());
    assert_eq!((root.kind, statement.kind, write.kind), (2, 3, 1));
    assert_eq!(root.status.as_ref().unwrap().code, 2);
    assert_eq!(
        value(&root.attributes, "http.response.body.size"),
        Some(&Value::IntValue(0)),
        "a zero is said"
    );
    assert_eq!(queue.parent_span_id, root.span_id);
    assert_eq!(batch.parent_span_id, root.span_id);
    assert_eq!(statement.parent_span_id, batch.span_id);
    assert_eq!(write.parent_span_id, root.span_id);
    assert_eq!(text(&statement.attributes, "db.namespace"), "flights");
    assert_eq!(text(&statement.attributes, "db.query.text"), "select $1");
    assert_eq!(
        value(&statement.attributes, "db.response.returned_rows"),
        Some(&Value::IntValue(12))
    );
    for span in spans {
        assert_eq!(span.trace_id, root.trace_id);
        assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
        assert!(span.start_time_unix_nano >= root.start_time_unix_nano);
        assert!(span.end_time_unix_nano <= root.end_time_unix_nano);
    }
}

/// Spans of one trace, sorted as they were recorded: the trace's own come first.
fn sorted(mut spans: Vec<Span>) -> Vec<Span> {
    let place = |span: &Span| {
        ["GET", "queue", "batch", "statement", "write"]
            .iter()
            .position(|kind| span.name.starts_with(kind))
    };
    spans.sort_by_key(place);
    spans
}

#[tokio::test]
async fn over_http() {
    let collector = Collector::start(&[Behaviour::Take]).await;
    let rig = Rig::start(config(&collector.url(), Protocol::Http));
    request(&rig.tracer);
    let Taken {
        target,
        headers,
        body,
    } = collector.taken(1).await.remove(0);
    assert_eq!(target, "/v1/traces");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["x-key"], "marked");
    check(&sorted(spans(&body)));
    let text = rig.ended().await;
    assert!(text.contains("sidequest_otlp_sent_traces_total 1\n"), "{text}");
}

#[tokio::test]
async fn over_grpc() {
    let collector = Collector::start(&[Behaviour::Take]).await;
    let rig = Rig::start(config(&collector.url(), Protocol::Grpc));
    request(&rig.tracer);
    let Taken {
        target,
        headers,
        body,
    } = collector.taken(1).await.remove(0);
    assert_eq!(
        target,
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    );
    assert_eq!(
        (&headers["te"], &headers["x-key"]),
        (&"trailers".parse().unwrap(), &"marked".parse().unwrap())
    );
    let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
    assert_eq!((body[0], length as usize), (0, body.len() - 5));
    check(&sorted(spans(&body[5..])));
    let text = rig.ended().await;
    assert!(text.contains("sidequest_otlp_sent_traces_total 1\n"), "{text}");
}

#[tokio::test]
async fn a_path_before_and_a_whole_url() {
    for (path, target) in [("/otlp", "/otlp/v1/traces"), ("/x/v1/traces", "/x/v1/traces")] {
        let collector = Collector::start(&[Behaviour::Take]).await;
        let rig = Rig::start(config(&format!("{}{path}", collector.url()), Protocol::Http));
        request(&rig.tracer);
        assert_eq!(collector.taken(1).await[0].target, target);
        rig.ended().await;
    }
}

#[tokio::test]
async fn traces_go_in_batches() {
    let collector = Collector::start(&[Behaviour::Take]).await;
    let mut config = config(&collector.url(), Protocol::Http);
    config.delay = Duration::from_millis(200);
    let rig = Rig::start(config);
    for _ in 0..12 {
        request(&rig.tracer);
    }
    let bodies = collector.taken(2).await;
    let counts: Vec<usize> = bodies.iter().map(|taken| spans(&taken.body).len()).collect();
    assert_eq!(counts, [8 * 5, 4 * 5]);
    rig.ended().await;
}

/// Three of them fit, so that twelve go in four, and nothing is lost between two.
#[tokio::test]
async fn batches_are_bounded_by_their_bytes_too() {
    const BYTES_MAX: usize = 5_000;
    let collector = Collector::start(&[Behaviour::Take]).await;
    let mut config = config(&collector.url(), Protocol::Http);
    config.delay = Duration::from_millis(200);
    config.batch_bytes_max = BYTES_MAX;
    let rig = Rig::start(config);
    for _ in 0..12 {
        request(&rig.tracer);
    }
    let bodies = collector.taken(4).await;
    for taken in &bodies {
        assert!(taken.body.len() <= BYTES_MAX, "{}", taken.body.len());
        assert_eq!(spans(&taken.body).len(), 3 * 5);
    }
    let text = rig.ended().await;
    assert!(text.contains("sidequest_otlp_sent_traces_total 12\n"), "{text}");
}

/// It is sent alone, as the collector may take it all the same.
#[tokio::test]
async fn a_trace_that_is_larger_than_a_batch_goes_alone() {
    let collector = Collector::start(&[Behaviour::Take]).await;
    let mut config = config(&collector.url(), Protocol::Http);
    config.delay = Duration::from_millis(200);
    config.batch_bytes_max = 1;
    let rig = Rig::start(config);
    for _ in 0..3 {
        request(&rig.tracer);
    }
    for taken in collector.taken(3).await {
        assert_eq!(spans(&taken.body).len(), 5);
    }
    rig.ended().await;
}

#[tokio::test]
async fn a_busy_collector_is_asked_again() {
    for (protocol, busy) in [
        (Protocol::Http, Behaviour::Status(503)),
        (Protocol::Http, Behaviour::Status(429)),
        (Protocol::Grpc, Behaviour::Grpc(14)),
        (Protocol::Grpc, Behaviour::Status(503)),
    ] {
        let collector = Collector::start(&[busy, busy, Behaviour::Take]).await;
        let rig = Rig::start(config(&collector.url(), protocol));
        request(&rig.tracer);
        collector.taken(1).await;
        let text = rig.ended().await;
        assert!(
            text.contains("sidequest_otlp_sent_traces_total 1\n"),
            "{busy:?} {text}"
        );
        assert!(
            text.contains("sidequest_otlp_failures_total 2\n"),
            "{busy:?} {text}"
        );
    }
}

#[tokio::test]
async fn one_that_refuses_is_not_asked_again() {
    for (protocol, no) in [
        (Protocol::Http, Behaviour::Status(400)),
        (Protocol::Http, Behaviour::Status(401)),
        (Protocol::Grpc, Behaviour::Grpc(16)),
        (Protocol::Grpc, Behaviour::Status(404)),
    ] {
        let collector = Collector::start(&[no]).await;
        let rig = Rig::start(config(&collector.url(), protocol));
        request(&rig.tracer);
        collector.came(1).await;
        let text = rig.ended().await;
        assert_eq!(collector.count(), 1, "{no:?}");
        assert!(
            text.contains("sidequest_otlp_dropped_traces_total{reason=\"refused\"} 1\n"),
            "{no:?} {text}"
        );
    }
}

#[tokio::test]
async fn a_dead_collector_is_given_up_and_counted() {
    // Bound and dropped: nobody listens there.
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let rig = Rig::start(config(&url, protocol));
        request(&rig.tracer);
        let text = rig.ended().await;
        assert!(
            text.contains("sidequest_otlp_dropped_traces_total{reason=\"unreachable\"} 1\n"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_slow_collector_fills_the_queue_and_no_request_waits() {
    let collector = Collector::start(&[Behaviour::Silent]).await;
    let mut config = config(&collector.url(), Protocol::Http);
    config.timeout = Duration::from_secs(3600);
    let rig = Rig::start(config);
    request(&rig.tracer);
    collector.came(1).await;
    let began = Instant::now();
    for _ in 0..1000 {
        request(&rig.tracer);
    }
    // A thousand that waited for anything would take longer; what it takes is the recording.
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let text = write(&rig.registry, Format::Prometheus);
    assert!(
        text.contains("sidequest_otlp_dropped_traces_total{reason=\"queue_full\"} 984\n"),
        "{text}"
    );
    drop(rig);
}

/// At the end of the process, what the collector was asked to take is not called lost, and what still waits is.
#[tokio::test]
async fn the_end_tells_what_became_of_every_trace() {
    let collector = Collector::start(&[Behaviour::Silent]).await;
    let mut config = config(&collector.url(), Protocol::Http);
    config.timeout = Duration::from_secs(3600);
    let rig = Rig::start(config);
    request(&rig.tracer);
    collector.came(1).await;
    for _ in 0..3 {
        request(&rig.tracer);
    }
    let text = rig.ended().await;
    for (reason, count) in [("unanswered", 1), ("unreachable", 3)] {
        let line = format!("sidequest_otlp_dropped_traces_total{{reason=\"{reason}\"}} {count}\n");
        assert!(text.contains(&line), "{line} in {text}");
    }
}

#[tokio::test]
async fn what_waits_is_sent_at_the_end() {
    let collector = Collector::start(&[Behaviour::Take]).await;
    let mut config = config(&collector.url(), Protocol::Http);
    // Only the end makes it send before.
    config.delay = Duration::from_secs(3600);
    let rig = Rig::start(config);
    for _ in 0..12 {
        request(&rig.tracer);
    }
    let text = rig.ended().await;
    assert!(text.contains("sidequest_otlp_sent_traces_total 12\n"), "{text}");
}
