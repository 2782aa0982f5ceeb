//! Lists, records and analyses as a client reads them.

use http::Request;
use serde_json::{Value, json};

use crate::{
    client::{ask, get},
    running::{QUICK, THINGS, start},
};

#[tokio::test]
async fn pages_cover_all_and_nothing_twice() {
    let Some(server) = start(|_| {}).await else { return };
    for query in [
        "",
        "sort=key&",
        "sort=-key&",
        "sort=weight&",
        "sort=-weight&",
        "sort=-made&",
        "maker=3&sort=name&",
        "fields=name&",
    ] {
        let mut path = format!("/api/v1/objects?{query}limit=170");
        let mut seen = Vec::new();
        loop {
            let page = get(server.api, &path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text());
            let json = page.json();
            seen.extend(json["items"].as_array().unwrap().iter().cloned());
            match json["next"].as_str() {
                None => {
                    assert_eq!(page.header("link"), "");
                    break;
                }
                Some(next) => {
                    let link = page
                        .header("link")
                        .strip_prefix('<')
                        .unwrap()
                        .strip_suffix(">; rel=\"next\"")
                        .unwrap();
                    assert!(link.ends_with(&format!("cursor={next}")), "{link}");
                    path = link.to_owned();
                }
            }
        }
        let expected = if query.starts_with("maker") {
            THINGS / 7
        } else {
            THINGS
        };
        assert!(seen.len().abs_diff(expected) <= 1, "{query}: {}", seen.len());
        let mut ids: Vec<&str> = seen.iter().map(|item| item["id"].as_str().unwrap()).collect();
        match query {
            "" | "sort=key&" | "fields=name&" => assert!(ids.is_sorted()),
            "sort=-key&" => assert!(ids.iter().rev().is_sorted()),
            "sort=-weight&" => {
                let weights: Vec<f64> = seen
                    .iter()
                    .map(|item| item["weight"].as_f64().unwrap_or(-1.0))
                    .collect();
                assert!(weights.iter().rev().is_sorted(), "nulls last");
            }
            _ => {}
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), seen.len(), "{query}");
    }
    server.ended().await.unwrap();
}

#[tokio::test]
async fn records_and_selections() {
    let Some(server) = start(|_| {}).await else { return };
    let thing = json!({ "id": "t0007", "key": "t0007", "name": "thing \"7\"", "weight": 7, "maker": 1, "made": "2013-01-08" });
    assert_eq!(get(server.api, "/api/v1/objects/t0007").await.json(), thing);
    assert_eq!(get(server.api, "/api/v1/things/t0007").await.json(), thing);
    assert_eq!(
        get(server.api, "/api/v1/makers/3").await.json(),
        json!({ "id": 3, "name": "maker 3" })
    );
    let check = |path: &'static str, expected: Value| async move {
        let answer = get(server.api, path).await;
        assert_eq!(answer.json(), expected, "{path}");
    };
    check(
        "/api/v1/objects?ids=t0002,t0001,nope&fields=maker",
        json!({ "items": [
        { "id": "t0001", "maker": 2 }, { "id": "t0002", "maker": 3 },
    ], "next": null }),
    )
    .await;
    check(
        "/api/v1/objects?ids=t0001&fields=name,by.kind.events",
        json!({ "items": [
        { "id": "t0001", "name": "thing \"1\"", "by": { "kind": [
            { "kind": "k0", "events": 6 }, { "kind": "k1", "events": 7 }, { "kind": "k2", "events": 7 },
        ] } },
    ], "next": null }),
    )
    .await;
    check(
        "/api/v1/objects?name=thing+%225%22&weight=5&made=2013-01-06&fields=id",
        json!({ "items": [{ "id": "t0005" }], "next": null }),
    )
    .await;
    check(
        "/api/v1/makers?ids=2&fields=name",
        json!({ "items": [{ "id": 2, "name": "maker 2" }], "next": null }),
    )
    .await;
    server.ended().await.unwrap();
}

#[tokio::test]
async fn analyses_alone_together_and_in_lines_are_the_same() {
    let Some(server) = start(|_| {}).await else { return };
    let alone = get(server.api, &format!("/api/v1/objects/t0001/analysis?{QUICK}")).await;
    assert_eq!(alone.status, 200, "{}", alone.text());
    assert_eq!(alone.json()["events"].as_array().unwrap().len(), 20);
    let timing = alone.header("server-timing");
    assert!(
        timing.contains("database;dur=") && timing.contains("statements"),
        "{timing}"
    );
    let all = get(server.api, &format!("/api/v1/objects/analysis?{QUICK}")).await;
    assert_eq!(all.header("content-type"), "application/json");
    let all = all.json();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), THINGS);
    assert!(all.iter().map(|one| one["id"].as_str().unwrap()).is_sorted());
    assert_eq!(all[1], alone.json());
    let request =
        Request::get(format!("/api/v1/objects/analysis?{QUICK}")).header("accept", "application/x-ndjson");
    let lines = ask(server.api, request).await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let lines: Vec<Value> = lines
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(&lines, all);
    // Columns come before sections, and an id that nobody has is told in its place.
    let some = get(
        server.api,
        "/api/v1/objects/analysis?ids=t0003,nope,t0001&fields=maker,by.kind.mean",
    )
    .await
    .json();
    assert_eq!(some[0]["id"], "t0001");
    assert_eq!(some[0]["maker"], 2);
    assert_eq!(some[1]["id"], "t0003");
    assert_eq!(some[2]["id"], "nope");
    assert_eq!(some[2]["problem"]["type"], "/problems/not-found");
    assert_eq!(
        get(
            server.api,
            "/api/v1/objects/t0001/analysis?fields=maker,by.kind.mean"
        )
        .await
        .json(),
        some[0]
    );
    assert_eq!(
        get(server.api, "/api/v1/objects/analysis?ids=nope&fields=maker")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    server.ended().await.unwrap();
}

#[tokio::test]
async fn indented_and_compressed() {
    let Some(server) = start(|_| {}).await else { return };
    for path in [
        format!("/api/v1/objects/t0001/analysis?{QUICK}"),
        "/api/v1/objects?limit=100".to_owned(),
        "/api/v1/objects/analysis?ids=t0001,t0002&fields=events".to_owned(),
        "/openapi.json?".to_owned(),
    ] {
        let plain = get(server.api, &path).await;
        let pretty = get(server.api, &format!("{path}&pretty=true")).await;
        assert_eq!(
            pretty.text(),
            serde_json::to_string_pretty(&plain.json()).unwrap(),
            "{path}"
        );
        for encoding in ["zstd", "gzip"] {
            let packed = ask(
                server.api,
                Request::get(&path).header("accept-encoding", encoding),
            )
            .await;
            assert_eq!(packed.header("content-encoding"), encoding, "{path}");
            assert!(packed.header("vary").contains("accept-encoding"));
            let mut unpacked = Vec::new();
            match encoding {
                "zstd" => unpacked = zstd::decode_all(&packed.body[..]).unwrap(),
                _ => {
                    std::io::copy(&mut flate2::read::GzDecoder::new(&packed.body[..]), &mut unpacked)
                        .unwrap();
                }
            }
            assert!(unpacked == plain.body, "{path} in {encoding}");
            assert!(packed.body.len() < plain.body.len());
        }
    }
    let small = ask(
        server.api,
        Request::get("/api/v1/makers/3").header("accept-encoding", "zstd"),
    )
    .await;
    assert_eq!(small.header("content-encoding"), "");
    server.ended().await.unwrap();
}

#[tokio::test]
async fn pages_and_the_other_methods() {
    let Some(server) = start(|_| {}).await else { return };
    for path in ["/", "/docs", "/api/v1/docs", "/problems/bad-cursor"] {
        let page = get(server.api, path).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
    }
    assert_eq!(
        get(server.api, "/api/v1/openapi.json").await.json()["openapi"],
        "3.1.0"
    );
    assert_eq!(server.model.name, "test");
    let plain = get(server.api, "/api/v1/objects/t0001").await;
    let head = ask(server.api, Request::head("/api/v1/objects/t0001")).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), plain.body.len().to_string());
    let head = ask(server.api, Request::head("/api/v1/objects/analysis")).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    let options = ask(server.api, Request::options("/api/v1/objects")).await;
    assert_eq!(
        (options.status.as_u16(), options.header("allow")),
        (204, "GET, HEAD, OPTIONS")
    );
    let named = ask(server.api, Request::get("/docs").header("x-request-id", "abc.1")).await;
    assert_eq!(named.header("x-request-id"), "abc.1");
    let forged = ask(server.api, Request::get("/docs").header("x-request-id", "a b\"c")).await;
    assert_ne!(forged.header("x-request-id"), "a b\"c");
    server.ended().await.unwrap();
}
