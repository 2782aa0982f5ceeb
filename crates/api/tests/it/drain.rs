//! The end: what is in flight is answered, and who looks is told before.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{
    client::{Http2, get},
    running::start,
};

#[tokio::test]
async fn nothing_in_flight_is_lost() {
    let Some(mut server) = start(|_| {}).await else {
        return;
    };
    assert_eq!(get(server.admin, "/readyz").await.status, 200);
    assert_eq!(get(server.admin, "/livez").await.status, 200);
    let client = Http2::connect(server.api).await;
    let (api, admin) = (server.api, server.admin);
    let http2 = join_all((0..50).map(|n| {
        let client = &client;
        async move {
            client
                .get(&format!("/api/v1/objects/t{n:04}/analysis?fields=slow"))
                .await
        }
    }));
    let http1 = join_all((0..20).map(|n| async move {
        get(
            api,
            &format!("/api/v1/objects/t{n:04}/analysis?fields=slow,events"),
        )
        .await
    }));
    let stop = async {
        server
            .until("sidequest_http_in_flight", |value| value == 70.0)
            .await;
        server.stop();
        // Not ready at once; new requests are still answered for a while.
        let mut ready = get(admin, "/readyz").await;
        while ready.status == 200 {
            ready = get(admin, "/readyz").await;
        }
        assert_eq!(ready.status, 503);
        assert!(ready.text().contains("draining"), "{}", ready.text());
        let late = get(api, "/api/v1/objects/t0001").await;
        assert_eq!((late.status.as_u16(), late.header("connection")), (200, "close"));
        server
    };
    let (http2, http1, server) = tokio::join!(http2, http1, stop);
    for answer in http2.iter().chain(&http1) {
        assert_eq!(answer.status, 200);
    }
    server.ended().await.unwrap();
}

#[tokio::test]
async fn what_takes_too_long_is_cut_and_told() {
    let hasty = |config: &mut api::config::Config| {
        config.drain_delay = Duration::ZERO;
        config.drain_max = Duration::from_millis(100);
    };
    let Some(mut server) = start(hasty).await else {
        return;
    };
    let client = Http2::connect(server.api).await;
    let ids: Vec<String> = (0..10).map(|n| format!("t{n:04}")).collect();
    let path = format!("/api/v1/objects?ids={}&fields=slow", ids.join(","));
    let asked = client.begin(&path);
    let stop = async {
        server
            .until("sidequest_http_in_flight", |value| value == 1.0)
            .await;
        server.stop();
        server
    };
    let (asked, server) = tokio::join!(asked, stop);
    assert!(asked.is_err());
    assert!(matches!(
        server.ended().await,
        Err(api::error::Error::Cut { requests: 1, .. })
    ));
}
