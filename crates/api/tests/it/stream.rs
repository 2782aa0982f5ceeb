//! All analyses as a stream: at the pace of the reader, and no longer than he stays.

use std::time::Duration;

use http_body_util::BodyExt;

use crate::{
    client::Http2,
    running::{THINGS, start},
};

const DOCUMENTS: &str = "sidequest_analysis_documents_total";

/// Two chunks ahead, what fits the windows, and no more.
#[tokio::test]
async fn a_slow_reader_holds_the_work_back() {
    let Some(server) = start(|_| {}).await else { return };
    let client = Http2::connect(server.api).await;
    let answer = client
        .begin("/api/v1/objects/analysis?fields=events")
        .await
        .unwrap();
    let mut body = answer.into_body();
    body.frame().await.unwrap().unwrap();
    let mut before = -1.0;
    let mut now = server.metric(DOCUMENTS).await;
    while now != before {
        tokio::time::sleep(Duration::from_millis(300)).await;
        before = now;
        now = server.metric(DOCUMENTS).await;
    }
    assert!(
        now < THINGS as f64 / 2.0,
        "{now} documents are made for a reader of one frame"
    );
    body.collect().await.unwrap();
    assert_eq!(server.metric(DOCUMENTS).await, THINGS as f64);
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_reader_who_leaves_ends_the_work() {
    let Some(server) = start(|_| {}).await else { return };
    let client = Http2::connect(server.api).await;
    let answer = client
        .begin("/api/v1/objects/analysis?fields=events")
        .await
        .unwrap();
    let mut body = answer.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    server
        .until("sidequest_http_in_flight", |value| value == 0.0)
        .await;
    assert!(server.metric(DOCUMENTS).await < THINGS as f64);
    // The connection serves on.
    assert_eq!(client.get("/api/v1/objects/t0001").await.status, 200);
    server.ended().await.unwrap();
}
