//! Limits: what is over them is told when to come back, and nothing hangs.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http_body_util::BodyExt;

use crate::{
    client::{Http2, get},
    running::{self, start},
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
