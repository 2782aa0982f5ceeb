//! Connections: no limit of requests, recycled by age, bounded in number.

use std::time::Duration;

use futures_util::{StreamExt, future::join_all, stream};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{
    client::{Http2, get},
    running::{QUICK, THINGS, start},
};

#[tokio::test]
async fn thousands_on_one_connection() {
    let Some(server) = start(|_| {}).await else { return };
    let client = Http2::connect(server.api).await;
    let done = stream::iter(0..10_000)
        .map(|n| {
            let client = &client;
            async move { client.get(&format!("/api/v1/makers/{}", n % 7 + 1)).await.status }
        })
        .buffer_unordered(100)
        .filter(|status| std::future::ready(*status == 200))
        .count()
        .await;
    assert_eq!(done, 10_000);
    server.ended().await.unwrap();
}

#[tokio::test]
async fn five_hundred_analyses_at_once() {
    let Some(server) = start(|_| {}).await else { return };
    let client = Http2::connect(server.api).await;
    let before = server.metric("sidequest_analysis_batches_total").await;
    let paths: Vec<String> = (0..500)
        .map(|n| format!("/api/v1/objects/t{:04}/analysis?{QUICK}", n % THINGS))
        .collect();
    let answers = join_all(paths.iter().map(|path| client.get(path))).await;
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["id"], format!("t{n:04}"));
    }
    let batches = server.metric("sidequest_analysis_batches_total").await - before;
    assert!(batches <= 40.0, "{batches} batches for 500 requests");
    server.ended().await.unwrap();
}

/// An old connection is asked to leave and loses nothing; the client comes back on a new one.
#[tokio::test]
async fn recycled_by_age() {
    let Some(server) = start(|config| config.connection_age_max = Duration::from_millis(200)).await else {
        return;
    };
    let client = Http2::connect(server.api).await;
    let slow = client.get("/api/v1/objects/t0001/analysis?fields=slow");
    assert_eq!(slow.await.status, 200);
    server
        .until("sidequest_http_connections_open", |value| value == 0.0)
        .await;
    assert!(client.begin("/docs").await.is_err());
    assert_eq!(get(server.api, "/docs").await.status, 200);
    server.ended().await.unwrap();
}

#[tokio::test]
async fn bounded_and_the_silent_are_sent_away() {
    let few = |config: &mut api::config::Config| {
        config.connections_max = 2;
        config.header_timeout = Duration::from_millis(300);
    };
    let Some(server) = start(few).await else { return };
    let mut silent = [
        TcpStream::connect(server.api).await.unwrap(),
        TcpStream::connect(server.api).await.unwrap(),
    ];
    server
        .until("sidequest_http_connections_open", |value| value == 2.0)
        .await;
    // The third waits until the silent ones are sent away.
    assert_eq!(get(server.api, "/docs").await.status, 200);
    for stream in &mut silent {
        let mut told = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut told))
            .await
            .unwrap();
        assert!(told.is_empty());
    }
    server.ended().await.unwrap();
}
