//! What is refused: a problem document that names what is wrong, and never a 500.

use http::{Method, Request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{ask, get},
    running::start,
};

#[tokio::test]
async fn each_with_its_problem() {
    let Some(server) = start(|_| {}).await else { return };
    let ids: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let many = format!("/api/v1/objects?ids={}", ids.join(","));
    let long = format!("/api/v1/objects/{}", "x".repeat(9000));
    for (path, status, slug, names) in [
        ("/api/v1/objects/nope", 404, "not-found", "nope"),
        ("/api/v1/objects/nope/analysis", 404, "not-found", "nope"),
        ("/api/v1/objects/a%00b", 404, "not-found", ""),
        ("/api/v1/makers/abc", 404, "not-found", "abc"),
        ("/api/v1/makers/99", 404, "not-found", "99"),
        (
            "/api/v1/makers/99999999999999",
            404,
            "not-found",
            "99999999999999",
        ),
        (
            "/api/v1/thingz",
            404,
            "unknown-collection",
            "did you mean `things`?",
        ),
        ("/api/v1", 404, "unknown-route", "/api/v1"),
        ("/problems/nope", 404, "unknown-route", "nope"),
        ("/api/v1/objects?cursor=abc", 400, "bad-cursor", "cursor"),
        ("/api/v1/objects?cursor=", 400, "bad-cursor", "cursor"),
        ("/api/v1/objects?limit=0", 400, "bad-parameter", "1000"),
        (
            "/api/v1/objects?limit=100000000000000000000",
            400,
            "bad-parameter",
            "limit",
        ),
        ("/api/v1/objects?fields=by.kinds", 400, "unknown-field", "by.kind"),
        (
            "/api/v1/objects/t0001/analysis?fields=nope",
            400,
            "unknown-field",
            "nope",
        ),
        (
            "/api/v1/objects/analysis?fields=by.kind.nope",
            400,
            "unknown-field",
            "nope",
        ),
        ("/api/v1/things?fields=by.kind", 400, "bad-parameter", "by.kind"),
        ("/api/v1/objects?sort=nope", 400, "bad-parameter", "nope"),
        ("/api/v1/objects?weight=heavy", 400, "bad-parameter", "weight"),
        ("/api/v1/objects?made=2013-02-30", 400, "bad-parameter", "made"),
        ("/api/v1/objects?name=%00", 400, "bad-parameter", "name"),
        (
            "/api/v1/objects?limt=3",
            400,
            "unknown-parameter",
            "did you mean `limit`?",
        ),
        ("/api/v1/objects/t0001?x=1", 400, "unknown-parameter", "x"),
        (
            "/api/v1/objects/t0001/analysis?ids=1",
            400,
            "unknown-parameter",
            "ids",
        ),
        ("/docs?x=1", 400, "unknown-parameter", "x"),
        (
            "/api/v1/objects?limit=1&limit=2",
            400,
            "repeated-parameter",
            "limit",
        ),
        ("/api/v1/objects?name=%zz", 400, "bad-parameter", "name"),
        ("/api/v1/objects?pretty=yes", 400, "bad-parameter", "pretty"),
        ("/api/v1/objects?ids=", 400, "bad-parameter", "ids"),
        ("/api/v1/makers?ids=a", 400, "bad-parameter", "ids"),
        (&many, 400, "too-many", "100"),
        (&long, 414, "url-too-long", "8192"),
    ] {
        let answer = get(server.api, path).await;
        let text = answer.text();
        assert_eq!(answer.status, status, "{path}: {text}");
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        let json = answer.json();
        assert_eq!(json["type"], format!("/problems/{slug}"), "{path}: {text}");
        assert_eq!(json["instance"], answer.header("x-request-id"), "{path}");
        assert!(text.contains(names), "{path}: {text} names {names}");
        assert_eq!(get(server.api, &format!("/problems/{slug}")).await.status, 200);
    }
    for method in [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::TRACE,
    ] {
        let answer = ask(
            server.api,
            Request::builder().method(method.clone()).uri("/api/v1/objects"),
        )
        .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, "GET, HEAD, OPTIONS"),
            "{method}"
        );
        assert_eq!(answer.json()["type"], "/problems/method-not-allowed");
    }
    let big = ask(
        server.api,
        Request::get("/api/v1/objects")
            .header("x-big", "x".repeat(31_000))
            .header("y-big", "y".repeat(2000)),
    )
    .await;
    assert_eq!(big.status, 431);
    let body = ask(
        server.api,
        Request::get("/api/v1/objects").header("content-length", "1025"),
    )
    .await;
    assert_eq!(
        (body.status.as_u16(), body.json()["type"].as_str()),
        (413, Some("/problems/body-too-large"))
    );
    server.ended().await.unwrap();
}

/// What hyper refuses before our code runs is explained too, and the client gets to read it.
#[tokio::test]
async fn what_cannot_be_parsed() {
    let Some(server) = start(|_| {}).await else { return };
    let url = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(10_000_000));
    let headers = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    for (sent, status, slug) in [
        (&*url, "431", "header-too-large"),
        (&headers, "431", "header-too-large"),
        ("GET / HTTP/1.1\r\nbad header\r\n\r\n", "400", "malformed-request"),
        ("GET / HTTP/9.9\r\n\r\n", "400", "malformed-request"),
        ("\0\0\0\0\r\n\r\n", "400", "malformed-request"),
    ] {
        let mut stream = TcpStream::connect(server.api).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut told = String::new();
        stream.shutdown().await.unwrap();
        stream.read_to_string(&mut told).await.unwrap();
        assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{told}");
        assert!(told.contains(&format!("/problems/{slug}")), "{told}");
    }
    server.ended().await.unwrap();
}
