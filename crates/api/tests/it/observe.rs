//! What the admin listener shows of requests, and what it never shows.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use futures_util::future::join_all;
use http::Request;
use serde_json::Value;
use telemetry::log::{self, Format};

use crate::{
    client::{Answer, Http2, ask, get, send},
    running::{QUICK, Running, start, start_kept, start_watched},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn traces(server: &Running) -> Vec<Value> {
    let lines = get(server.admin, "/traces").await.json();
    let mut traces = Vec::new();
    for line in lines.as_array().unwrap() {
        let id = line["trace_id"].as_str().unwrap();
        traces.push(get(server.admin, &format!("/traces/{id}")).await.json());
    }
    traces
}

fn steps(trace: &Value) -> Vec<&str> {
    let spans = trace["spans"].as_array().unwrap();
    spans.iter().map(|span| span["step"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_analysis_tells_its_steps() {
    let Some(server) = start(|_| ()).await else { return };
    let request = Request::get("/api/v1/objects/t0001/analysis")
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let answer = ask(server.api, request).await;
    assert_eq!(answer.status, 200);
    let timing = answer.header("server-timing");
    for part in ["queue;", "pool;", "database;", "measure;", "write;", "total;"] {
        assert!(timing.contains(part), "{part} in {timing}");
    }
    assert!(
        timing.contains(&format!("traceparent;desc=\"00-{TRACE}-")),
        "{timing}"
    );

    let trace = get(server.admin, &format!("/traces/{TRACE}")).await.json();
    assert_eq!(trace["kept"], "asked");
    assert_eq!(trace["parent_id"], "00f067aa0ba902b7");
    assert_eq!(trace["route"], "/api/v1/objects/{id}/analysis");
    assert_eq!(trace["status"], 200);
    assert_eq!(trace["body_bytes"], answer.body.len());
    let steps = steps(&trace);
    for step in [
        "handle",
        "queue",
        "batch",
        "pool",
        "statement",
        "measure",
        "wake",
        "document",
        "encode",
        "write",
    ] {
        assert!(steps.contains(&step), "{step} in {steps:?}");
    }
    // Every dataset's statement stands under its batch, and says what it was.
    let spans = trace["spans"].as_array().unwrap();
    let statement = spans
        .iter()
        .find(|span| span["step"] == "statement" && span["about"] == "events")
        .unwrap_or_else(|| panic!("{trace:#}"));
    assert_eq!(statement["database"], "main");
    assert!(statement["rows"].as_u64().unwrap() > 0);
    assert!(statement["sql"].as_str().unwrap().contains("$1"));
    let parent = spans
        .iter()
        .find(|span| span["span_id"] == statement["parent_id"])
        .unwrap();
    assert_eq!(parent["step"], "batch");
    // Nothing outlasts the request.
    let took = trace["took_ns"].as_u64().unwrap();
    for span in spans {
        let (began, lasted) = (
            span["began_ns"].as_u64().unwrap(),
            span["took_ns"].as_u64().unwrap(),
        );
        assert!(began + lasted <= took, "{span}");
    }
}

#[tokio::test]
async fn steps_explain_nearly_all_of_a_request() {
    let Some(server) = start(|_| ()).await else { return };
    for id in 0..20 {
        let answer = get(server.api, &format!("/api/v1/objects/t{id:04}/analysis")).await;
        assert_eq!(answer.status, 200);
    }
    let mut shares: Vec<f64> = traces(&server)
        .await
        .into_iter()
        .map(|trace| {
            serde_json::from_value::<telemetry::trace::kept::Kept>(trace)
                .unwrap()
                .explained()
        })
        .collect();
    assert_eq!(shares.len(), 20);
    shares.sort_by(f64::total_cmp);
    // Of the median: on a busy machine a thread can be taken away between two steps.
    assert!(shares[10] > 0.9, "{shares:?}");
}

/// Cold analyses of as many objects, many at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_explain_a_thousand_requests_under_load() {
    let Some(server) = start(|_| ()).await else { return };
    let client = Http2::connect(server.api).await;
    let mut shares: Vec<(f64, f64)> = Vec::new();
    // The half of the ring holds so many.
    for part in (0..1024).collect::<Vec<_>>().chunks(64) {
        let paths = part
            .iter()
            .map(|id| format!("/api/v1/objects/t{id:04}/analysis?{QUICK}"))
            .collect::<Vec<_>>();
        let answers = join_all(paths.iter().map(|path| client.get(path))).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        server
            .until("sidequest_http_in_flight", |value| value == 0.0)
            .await;
        let kept = traces(&server).await;
        assert_eq!(kept.len(), 64);
        for trace in kept {
            let trace: telemetry::trace::kept::Kept = serde_json::from_value(trace).unwrap();
            shares.push((trace.explained(), trace.took_ns as f64));
        }
    }
    let total: f64 = shares.iter().map(|(_, took)| took).sum();
    let explained: f64 = shares.iter().map(|(share, took)| share * took).sum();
    shares.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (low, median) = (shares[shares.len() / 20].0, shares[shares.len() / 2].0);
    assert!(
        explained / total >= 0.95 && median >= 0.95,
        "of all time {:.4}, of the median request {median:.4}, of one in twenty less than {low:.4}",
        explained / total
    );
    server.ended().await.unwrap();
}

#[tokio::test]
async fn imports_exports_and_bulk_writes_tell_their_statements() {
    let Some(server) = start_kept(|_| {}).await else {
        return;
    };
    let line = |id: u32| format!("{{\"id\":{id},\"box\":\"b\",\"at\":\"2013-07-01T12:00:00Z\"}}\n");
    let lines: String = (0..2500).map(line).collect();
    let json = ("content-type", "application/json");
    let ndjson = ("content-type", "application/x-ndjson");
    let bulk = r#"{"changes":[{"op":"create","record":{"id":9001,"box":"b","at":"2013-07-01T12:00:00Z"}},
        {"op":"create","record":{"id":9002,"box":"b","at":"2013-07-01T12:00:00Z"}}]}"#;
    let imported = send(server.api, "POST /api/v1/parts/import", &[ndjson], lines).await;
    assert_eq!(imported.status, 200, "{}", imported.text());
    let written = send(server.api, "POST /api/v1/parts/bulk", &[json], bulk).await;
    assert!(written.status.is_success(), "{}", written.text());
    let exported = get(server.api, "/api/v1/parts/export").await;
    assert_eq!(exported.text().lines().count(), 2502);
    let traces = traces(&server).await;
    let told = |route: &str| {
        let trace = traces
            .iter()
            .find(|trace| trace["route"].as_str().unwrap().ends_with(route))
            .unwrap_or_else(|| panic!("{route} in {traces:#?}"));
        let spans = trace["spans"].as_array().unwrap().clone();
        let statements: Vec<Value> = spans
            .into_iter()
            .filter(|span| span["step"] == "statement")
            .collect();
        statements
    };
    let of = |statements: &[Value]| {
        let rows: u64 = statements
            .iter()
            .map(|statement| statement["rows"].as_u64().unwrap())
            .sum();
        (
            statements[0]["about"].as_str().unwrap().to_owned(),
            statements.len(),
            rows,
        )
    };
    // Three parts of at most a thousand.
    assert_eq!(of(&told("/export")), ("export of parts".to_owned(), 3, 2502));
    let (name, count, rows) = of(&told("/import"));
    assert!(
        name == "import of parts" && count >= 4 && rows >= 2500,
        "{name} {count} {rows}"
    );
    assert_eq!(of(&told("/bulk")), ("changes of parts".to_owned(), 3, 2));
    let text = get(server.admin, "/metrics").await.text();
    for name in ["export of parts", "import of parts", "changes of parts"] {
        let line =
            format!("sidequest_database_statement_seconds_count{{database=\"main\",statement=\"{name}\"}}");
        assert!(text.contains(&line), "{line}");
    }
    server.ended().await.unwrap();
}

#[tokio::test]
async fn every_answer_has_a_server_timing() {
    let Some(server) = start(|_| ()).await else { return };
    let check = |answer: &Answer, statements: bool| {
        let timing = answer.header("server-timing").to_owned();
        assert!(timing.contains("total;dur="), "{timing}");
        assert_eq!(timing.contains("statements"), statements, "{timing}");
    };
    check(&get(server.api, "/api/v1/objects?limit=3").await, true);
    check(&get(server.api, "/api/v1/objects/t0001").await, true);
    check(&get(server.api, "/api/v1/objects/nobody").await, true);
    check(&get(server.api, "/openapi.json").await, false);
    check(&get(server.api, "/nowhere").await, false);
    check(&ask(server.api, Request::options("/api/v1/objects")).await, false);
}

#[tokio::test]
async fn failures_are_kept_and_a_list_is_the_newest_first() {
    let Some(server) = start(|config| config.request_timeout = std::time::Duration::from_nanos(1)).await
    else {
        return;
    };
    let status = get(server.api, "/api/v1/objects/t0001/analysis").await.status;
    // Its time is over while it waits for a connection, or after.
    assert!([503, 504].contains(&status.as_u16()), "{status}");
    let traces = traces(&server).await;
    assert_eq!(traces[0]["kept"], "failed");
    assert_eq!(traces[0]["status"], status.as_u16());
}

#[tokio::test]
async fn metrics_say_what_happened_in_both_formats() {
    let Some(server) = start(|_| ()).await else { return };
    assert_eq!(
        get(server.api, "/api/v1/objects/t0001/analysis").await.status,
        200
    );
    let text = get(server.admin, "/metrics").await.text();
    for line in [
        "sidequest_http_requests_total{method=\"GET\",route=\"/api/v1/objects/{id}/analysis\",status=\"200\"} 1\n",
        "sidequest_http_request_seconds_count{method=\"GET\",route=\"/api/v1/objects/{id}/analysis\"} 1\n",
        "sidequest_database_connections_max{database=\"main\"} 3\n",
        "sidequest_database_statement_seconds_count{database=\"main\",statement=\"events\"} 1\n",
        "sidequest_http_limit_max{limit=\"in_flight\"} 2000\n",
        "sidequest_analysis_batch_size_ids_count ",
        "sidequest_database_lease_wait_seconds_bucket{database=\"main\",le=\"+Inf\"} ",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let request = Request::get("/metrics").header("accept", "application/openmetrics-text; version=1.0.0");
    let answer = ask(server.admin, request).await;
    assert!(
        answer
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"));
    // The trace of the request explains its bucket.
    assert!(text.contains(" # {trace_id=\""), "{text}");
}

#[tokio::test]
async fn statements_are_told_by_name() {
    let Some(server) = start(|_| ()).await else { return };
    assert_eq!(
        get(server.api, "/api/v1/objects/t0001/analysis").await.status,
        200
    );
    let told = get(server.admin, "/statements").await.json();
    let database = &told["databases"][0];
    assert_eq!(database["database"], "main");
    let state = database["pg_stat_statements"].as_str().unwrap();
    assert!(["available", "absent"].contains(&state), "{told:#}");
    let statements = database["statements"].as_array().unwrap();
    let events = statements
        .iter()
        .find(|statement| statement["name"] == "events")
        .unwrap();
    assert_eq!((&events["calls"], &events["failures"]), (&1.into(), &0.into()));
    assert!(events["rows"].as_u64().unwrap() > 0 && events["mean_ms"].as_f64().unwrap() > 0.0);
    let shares: f64 = statements
        .iter()
        .map(|statement| statement["share"].as_f64().unwrap())
        .sum();
    assert!((shares - 1.0).abs() < 1e-6, "{shares}");
}

#[tokio::test]
async fn statements_are_told_with_their_routes_their_plan_and_what_postgresql_counted() {
    let Some((server, _postgres)) = start_watched().await else {
        return;
    };
    for path in [
        "/api/v1/objects/t0001/analysis",
        "/api/v1/objects/t0002/analysis?fields=events",
        "/api/v1/makers?limit=2",
    ] {
        assert_eq!(get(server.api, path).await.status, 200);
    }
    let told = get(server.admin, "/statements").await.json();
    let database = &told["databases"][0];
    assert_eq!(database["pg_stat_statements"], "available");
    let of = |name: &str| {
        let all = database["statements"].as_array().unwrap();
        let found = all.iter().find(|statement| statement["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {told:#}")).clone()
    };
    let events = of("events");
    let routes = serde_json::json!([{ "route": "GET /api/v1/objects/{id}/analysis", "calls": 2 }]);
    assert_eq!(events["routes"], routes);
    let estimate = &events["estimate"];
    assert!(
        estimate["worst_node"]["cost_share"].as_f64().unwrap() > 0.3,
        "{estimate:#}"
    );
    assert!(
        estimate["plan"].as_str().unwrap().contains("events"),
        "{estimate:#}"
    );
    assert!(
        estimate["rows_read"].as_f64().unwrap() > 0.0
            && estimate["read_per_returned"].as_f64().unwrap() > 0.0
    );
    let counted = &events["postgresql"];
    assert!(counted["calls"].as_i64().unwrap() >= 1, "{events:#}");
    assert!(counted["rows"].as_i64().unwrap() >= 20 && counted["blocks_per_row"].as_f64().unwrap() > 0.0);
    assert_eq!(of("makers")["routes"][0]["route"], "GET /api/v1/{collection}");
    let shown = told.to_string();
    assert!(!shown.contains("traceparent"), "{shown}");
    server.ended().await.unwrap();
}

#[tokio::test]
async fn the_admin_listener_refuses_by_problem() {
    let Some(server) = start(|_| ()).await else { return };
    let status = |answer: Answer| {
        (
            answer.status.as_u16(),
            answer.json()["type"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(status(get(server.admin, "/traces/1").await).0, 404);
    assert_eq!(status(get(server.admin, "/profile?seconds=0").await).0, 400);
    assert_eq!(status(get(server.admin, "/profile?second=1").await).0, 400);
    assert_eq!(status(get(server.admin, "/profile?format=svg").await).0, 400);
    assert_eq!(status(ask(server.admin, Request::delete("/traces")).await).0, 405);
    assert_eq!(status(ask(server.admin, Request::put("/metrics")).await).0, 405);
    // This server's log is the test's.
    assert_eq!(status(get(server.admin, "/log").await).0, 404);
    assert_eq!(get(server.admin, "/config").await.json(), serde_json::json!({}));
}

#[tokio::test]
async fn a_profile_is_taken_of_the_running_server() {
    let Some(server) = start(|_| ()).await else { return };
    let answer = get(server.admin, "/profile?seconds=1").await;
    assert_eq!(answer.status, 200);
    assert_eq!(&answer.body[..2], [0x1f, 0x8b], "gzip");
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Ids, values, headers and bodies of requests are marked, and nothing that the server says has a mark.
#[tokio::test]
async fn nothing_of_a_request_is_told() {
    let lines = Lines::default();
    let writer = lines.clone();
    let config = log::Config {
        format: Format::Text,
        colours: false,
        filter: "debug".to_owned(),
    };
    // One thread runs the server and the test.
    let (_guard, _level) = log::start_scoped(&config, move || writer.clone()).unwrap();
    let Some((server, _postgres)) = start_watched().await else {
        return;
    };
    for path in [
        "/api/v1/objects/marked-id",
        "/api/v1/objects/marked-id/analysis",
        "/api/v1/objects/analysis?ids=marked-id,t0001",
        "/api/v1/objects?name=marked-value",
        "/api/v1/objects?cursor=marked-cursor",
        "/api/v1/objects?fields=marked-field",
        "/api/v1/objects?marked-parameter=marked-value",
        "/marked-path",
        "/api/v1/makers/marked-key",
        "/api/v1/objects/t0001/analysis",
    ] {
        let request = Request::get(path)
            .header("authorization", "Bearer marked-token")
            .header("cookie", "marked=marked-cookie")
            .header("traceparent", "00-marked-marked-01");
        let answer = ask(server.api, request).await;
        assert!(answer.status.as_u16() < 500, "{path}: {}", answer.text());
    }
    let mut told = get(server.admin, "/metrics").await.text();
    let request = Request::get("/metrics").header("accept", "application/openmetrics-text");
    told.push_str(&ask(server.admin, request).await.text());
    told.push_str(&get(server.admin, "/statements").await.text());
    let traces = traces(&server).await;
    assert!(traces.len() >= 9);
    for trace in traces {
        told.push_str(&trace.to_string());
    }
    let logged = || String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    // Plans come after their requests.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !logged().contains("the plan of a slow statement") {
        assert!(std::time::Instant::now() < deadline, "{}", logged());
        tokio::task::yield_now().await;
    }
    let logged = logged();
    assert!(logged.contains("answered"), "the log was caught");
    assert!(told.contains("worst_node"), "plans were told");
    told.push_str(&logged);
    let leak = told.lines().find(|line| line.contains("marked"));
    assert_eq!(leak, None);
}

/// The same of what is written: contents, authors, comments and the lines of an import.
#[tokio::test]
async fn nothing_that_is_written_is_told() {
    let lines = Lines::default();
    let writer = lines.clone();
    let config = log::Config {
        format: Format::Json,
        colours: false,
        filter: "debug".to_owned(),
    };
    let (_guard, _level) = log::start_scoped(&config, move || writer.clone()).unwrap();
    let Some(server) = start_kept(|_| ()).await else {
        return;
    };
    let record = serde_json::json!({ "word": "marked-word", "real": 1.5 });
    let headers = [
        ("content-type", "application/json"),
        ("sidequest-author", "marked-author"),
        ("sidequest-comment", "marked-comment"),
    ];
    let body = record.to_string();
    for (what, status) in [
        ("POST /api/v1/words", 201),
        ("POST /api/v1/words", 409),
        ("PUT /api/v1/words/marked-word", 428),
    ] {
        let answer = send(server.api, what, &headers, body.clone()).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
    }
    let bulk = serde_json::json!({ "changes": [{ "op": "create", "record": record }] }).to_string();
    let json = [("content-type", "application/json")];
    assert_eq!(
        send(server.api, "POST /api/v1/words/bulk", &json, bulk)
            .await
            .status,
        409
    );
    let lines_sent = "{\"word\":\"marked-line\",\"real\":\"marked-value\"}\n{\"word\":\"marked-other\"}\n";
    let ndjson = [("content-type", "application/x-ndjson")];
    let refused = send(server.api, "POST /api/v1/words/import", &ndjson, lines_sent).await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
    let mut told = get(server.admin, "/metrics").await.text();
    told.push_str(&get(server.admin, "/statements").await.text());
    for trace in traces(&server).await {
        told.push_str(&trace.to_string());
    }
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("answered"), "the log was caught");
    told.push_str(&logged);
    let leak = told.lines().find(|line| line.contains("marked"));
    assert_eq!(leak, None);
}
