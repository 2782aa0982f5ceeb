//! Limits: what is over them is told when to come back, and nothing hangs.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Request;
use http_body_util::BodyExt;

use crate::{
    client::{Http2, ask, get, send},
    running::{self, Running, start, start_kept, start_with_connections},
};

#[tokio::test]
async fn in_flight() {
    let Some(server) = start(|config| config.in_flight_max = 5).await else {
        return;
    };
    let client = Http2::connect(server.api).await;
    let answers = join_all((0..20).map(|_| client.get("/api/v1/objects/t0001/analysis?fields=slow"))).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((done.len(), refused.len()), (5, 15));
    for answer in refused {
        assert_eq!(
            (answer.status.as_u16(), answer.json()["type"].as_str()),
            (503, Some("/problems/overloaded"))
        );
        assert!((1..=60).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
    }
    assert_eq!(client.get("/api/v1/objects/t0001").await.status, 200);
    server
        .until("sidequest_http_in_flight", |value| value == 0.0)
        .await;
    server.ended().await.unwrap();
}

/// A place is taken until the last byte is written: an answer that nobody reads is still in flight.
#[tokio::test]
async fn in_flight_to_the_end_of_the_body() {
    let Some(server) = start(|_| {}).await else { return };
    let client = Http2::connect(server.api).await;
    let answer = client
        .begin("/api/v1/objects/analysis?fields=events")
        .await
        .unwrap();
    server
        .until("sidequest_http_in_flight", |value| value == 1.0)
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.metric("sidequest_http_in_flight").await, 1.0);
    answer.into_body().collect().await.unwrap();
    server
        .until("sidequest_http_in_flight", |value| value == 0.0)
        .await;
    server.ended().await.unwrap();
}

/// How often a limit bound, and what it permits.
async fn bound(server: &Running, limit: &str) -> (f64, f64) {
    let text = get(server.admin, "/metrics").await.text();
    let value = |name: &str| {
        let start = format!("{name}{{limit=\"{limit}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("{start} in {text}"))
            .parse()
            .unwrap()
    };
    (
        value("sidequest_http_limit_hits_total"),
        value("sidequest_http_limit_max"),
    )
}

#[tokio::test]
async fn each_limit_that_binds_is_counted_by_its_name() {
    let small = |config: &mut api::config::Config| {
        config.in_flight_max = 3;
        config.connections_max = 4;
        config.streams_max = 5;
        config.request_timeout = Duration::from_millis(200);
    };
    let Some(server) = start(small).await else { return };
    let many: Vec<String> = (0..101).map(|id| format!("t{id:04}")).collect();
    let ids = format!("/api/v1/objects?ids={}", many.join(","));
    let url = format!("/api/v1/objects?ids={}", "x".repeat(9000));
    let slow = "/api/v1/objects/t0001/analysis?fields=slow";
    assert_eq!(get(server.api, &ids).await.status, 400);
    assert_eq!(get(server.api, &url).await.status, 414);
    assert_eq!(get(server.api, slow).await.status, 504);
    let header = "x".repeat(33 * 1024);
    let asked = ask(
        server.api,
        Request::get("/api/v1/objects").header("x-big", &*header),
    )
    .await;
    assert_eq!(asked.status, 431);
    // HTTP/2 counts otherwise, and both are told.
    let client = Http2::connect(server.api).await;
    let request = Request::get("http://localhost/api/v1/objects").header("x-big", &*header);
    let answer = client.ask(request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["status"].as_u64()),
        (431, Some(431))
    );
    let body = Request::get("/api/v1/objects").header("content-length", "1025");
    assert_eq!(ask(server.api, body).await.status, 413);
    for (limit, hits, max) in [
        ("members", 1.0, 100.0),
        ("url_bytes", 1.0, 8192.0),
        ("request_time", 1.0, 0.2),
        ("header_bytes", 2.0, 32768.0),
        ("body_bytes", 1.0, 1024.0),
        ("in_flight", 0.0, 3.0),
        ("streams", 0.0, 5.0),
        ("connections", 0.0, 4.0),
        ("transfers", 0.0, 1.0),
    ] {
        assert_eq!(bound(&server, limit).await, (hits, max), "{limit}");
    }
    join_all((0..5).map(|_| client.get(slow))).await;
    assert!(bound(&server, "in_flight").await.0 >= 2.0);
    assert!(bound(&server, "streams").await.0 >= 1.0);
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(Http2::connect(server.api).await);
    }
    server
        .until("sidequest_http_connections_open", |open| open == 4.0)
        .await;
    assert_eq!(bound(&server, "connections").await.0, 1.0);
}

/// One export at a time: while nobody reads the first, the second waits for its turn in vain.
#[tokio::test]
async fn transfers_that_find_no_turn_are_counted() {
    let quick = |config: &mut api::config::Config| {
        config.request_timeout = Duration::from_millis(200);
        config.body_bytes_max = 8 * 1024;
    };
    let Some(server) = start_kept(quick).await else {
        return;
    };
    // More than connections and windows hold.
    let lines: String = (0..3000)
        .map(|id| {
            format!(
                "{{\"id\":{id},\"box\":\"b\",\"at\":\"2013-07-01T12:00:00Z\",\"extra\":\"{}\"}}\n",
                "x".repeat(3000)
            )
        })
        .collect();
    let import = "POST /api/v1/parts/import";
    let imported = send(
        server.api,
        import,
        &[("content-type", "application/x-ndjson")],
        lines,
    )
    .await;
    assert_eq!(imported.status, 200, "{}", imported.text());
    let export = "/api/v1/parts/export";
    let client = Http2::connect(server.api).await;
    let unread = client.begin(export).await.unwrap();
    assert_eq!(bound(&server, "transfers").await, (0.0, 1.0));
    let refused = get(server.api, export).await;
    assert_eq!(
        (refused.status.as_u16(), refused.json()["type"].as_str()),
        (503, Some("/problems/overloaded"))
    );
    assert_eq!(bound(&server, "transfers").await, (1.0, 1.0));
    // Whoever leaves gives the turn to the next.
    drop((unread, client));
    server
        .until("sidequest_http_in_flight", |value| value == 0.0)
        .await;
    assert_eq!(get(server.api, export).await.status, 200);
    assert_eq!(bound(&server, "transfers").await, (1.0, 1.0));
}

/// Of two connections everybody waits for one, and the metric says so; alone, nobody does.
#[tokio::test]
async fn a_pool_that_is_too_small_shows_in_the_time_to_obtain_a_connection() {
    let Some(server) = start_with_connections(2).await else {
        return;
    };
    let text = get(server.admin, "/metrics").await.text();
    let max = "sidequest_database_connections_max{database=\"main\"} 2\n";
    assert!(text.contains(max), "{text}");
    let waited = async || {
        let text = get(server.admin, "/metrics").await.text();
        let value = |name: &str| {
            let start = format!("sidequest_database_lease_wait_seconds_{name}{{database=\"main\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&start));
            line.unwrap_or_else(|| panic!("{start} in {text}"))
                .parse::<f64>()
                .unwrap()
        };
        (value("sum"), value("count"))
    };
    for _ in 0..10 {
        assert_eq!(get(server.api, "/api/v1/objects/t0001").await.status, 200);
    }
    let alone = waited().await;
    let client = Http2::connect(server.api).await;
    let answers = join_all((0..200).map(|_| client.get("/api/v1/objects/t0001"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let busy = waited().await;
    let alone_mean = alone.0 / alone.1;
    let busy_mean = (busy.0 - alone.0) / (busy.1 - alone.1);
    assert!(
        busy_mean > 5.0 * alone_mean,
        "{busy_mean} s against {alone_mean} s"
    );
}

#[tokio::test]
async fn deadline() {
    let Some(server) = start(|config| config.request_timeout = Duration::from_millis(150)).await else {
        return;
    };
    let began = Instant::now();
    let answer = get(server.api, "/api/v1/objects/t0001/analysis?fields=slow").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["type"].as_str()),
        (504, Some("/problems/deadline-exceeded"))
    );
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(get(server.api, "/api/v1/objects/t0001").await.status, 200);
    server.ended().await.unwrap();
}

/// Who asks and then reads nothing is cut off, and his place given to another.
#[tokio::test]
async fn a_stalled_client_is_cut() {
    let quick = |config: &mut api::config::Config| {
        config.request_timeout = Duration::from_millis(500);
        config.stall_max = Duration::from_millis(500);
    };
    let Some(server) = start(quick).await else { return };
    let client = Http2::connect(server.api).await;
    let answer = client
        .begin("/api/v1/objects/analysis?fields=events")
        .await
        .unwrap();
    server
        .until("sidequest_http_in_flight", |value| value == 1.0)
        .await;
    server
        .until("sidequest_http_connections_stalled_total", |value| value == 1.0)
        .await;
    server
        .until("sidequest_http_in_flight", |value| value == 0.0)
        .await;
    assert!(
        answer.into_body().collect().await.is_err(),
        "half an answer must not look whole"
    );
    server.ended().await.unwrap();
}

#[tokio::test]
async fn beyond_loopback_only_by_permission() {
    let mut config = running::config();
    config.listen = "0.0.0.0:0".parse().unwrap();
    let Some((refused, _)) = running::bind(config.clone()).await else {
        return;
    };
    assert!(matches!(refused, Err(api::error::Error::Remote { .. })));
    config.allow_remote = true;
    let Some((permitted, _)) = running::bind(config).await else {
        return;
    };
    assert!(permitted.is_ok());
}
