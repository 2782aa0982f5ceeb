//! What is read back: pages by time both ways, history, one revision, differences, and all of it as of an instant.

use serde_json::{Value, json};

use crate::{
    client::{get, send, write},
    running::{Running, start_kept},
};

/// 60 parts of three boxes, one an hour, some of them with more revisions.
async fn filled() -> Option<Running> {
    let server = start_kept(|_| {}).await?;
    let changes: Vec<Value> = (0..60)
        .map(|id| {
            let at = format!("2013-07-{:02}T{:02}:00:00Z", 1 + id / 24, id % 24);
            let boxed = ["red", "green", "blue"][id % 3];
            json!({ "op": "create", "record": { "id": id, "box": boxed, "at": at, "size": id } })
        })
        .collect();
    let answer = write(
        server.api,
        "POST /api/v1/parts/bulk",
        &[],
        &json!({ "changes": changes }),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for revision in 1..4 {
        let tag = format!("\"{revision}\"");
        let body = json!({ "name": format!("name {revision}") });
        let answer = write(server.api, "PATCH /api/v1/parts/30", &[("if-match", &tag)], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    Some(server)
}

fn ids(page: &Value) -> Vec<i64> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

/// The URL that `Link` has for this relation.
fn link(header: &http::HeaderMap, relation: &str) -> Option<String> {
    let ends = format!(">; rel=\"{relation}\"");
    header.get_all("link").iter().find_map(|link| {
        let link = link.to_str().unwrap();
        Some(link.strip_prefix('<')?.strip_suffix(&ends)?.to_owned())
    })
}

#[tokio::test]
async fn pages_by_time_go_both_ways() {
    let Some(server) = filled().await else { return };
    let red: Vec<i64> = (0..60).filter(|id| id % 3 == 0).collect();
    let all: Vec<i64> = (0..60).collect();
    let backwards = |ids: &[i64]| ids.iter().rev().copied().collect::<Vec<_>>();
    for (query, expected) in [
        ("object=red", red.clone()),
        ("object=red&sort=at", red.clone()),
        ("object=red&sort=-at", backwards(&red)),
        ("object=red&as_of=2100-01-01T00:00:00Z", red.clone()),
        ("sort=at", all.clone()),
        ("sort=-at", backwards(&all)),
        ("object=nothing", Vec::new()),
    ] {
        let mut path = format!("/api/v1/parts?{query}&limit=7&fields=box");
        let mut pages = Vec::new();
        loop {
            let page = get(server.api, &path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text());
            pages.push(ids(&page.json()));
            assert_eq!(page.json()["previous"].is_null(), pages.len() == 1, "{path}");
            match link(&page.headers, "next") {
                Some(next) => path = next,
                None => break,
            }
        }
        assert_eq!(pages.concat(), expected, "{query}");
        // And back again, page for page.
        let mut back = vec![pages.last().unwrap().clone()];
        while let Some(previous) = link(&get(server.api, &path).await.headers, "prev") {
            path = previous;
            back.push(ids(&get(server.api, &path).await.json()));
        }
        back.reverse();
        assert_eq!(back.concat(), expected, "{query} backwards");
    }
    server.ended().await.unwrap();
}

#[tokio::test]
async fn of_several_objects() {
    let Some(server) = filled().await else { return };
    let page = get(server.api, "/api/v1/parts?objects=blue,none,red&each=3&sort=-at")
        .await
        .json();
    let objects = page["objects"].as_array().unwrap();
    let told: Vec<(&str, Vec<i64>, bool)> = objects
        .iter()
        .map(|object| {
            (
                object["id"].as_str().unwrap(),
                ids(object),
                object["next"].is_string(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("blue", vec![59, 56, 53], true),
            ("none", Vec::new(), false),
            ("red", vec![57, 54, 51], true)
        ]
    );
    let next = objects[0]["next"].as_str().unwrap();
    let page = get(
        server.api,
        &format!("/api/v1/parts?object=blue&sort=-at&limit=2&cursor={next}"),
    )
    .await;
    assert_eq!(ids(&page.json()), [50, 47]);
    for (query, names) in [
        ("object=red&name=x", "name"),
        ("object=red&sort=size", "`at` or `-at`"),
        ("objects=a,b&each=1001", "1000"),
        ("objects=a,,b", "objects"),
        ("object=red&cursor=abc", "cursor"),
        ("object=red&as_of=yesterday", "2013-07-01T12:00:00Z"),
        ("as_of=2013-07-01T12:00:00+02:00", "%2B"),
    ] {
        let answer = get(server.api, &format!("/api/v1/parts?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        assert!(answer.text().contains(names), "{query}: {}", answer.text());
    }
    // A cursor goes with its order, and of the tracked objects there is no such list.
    let other = get(server.api, &format!("/api/v1/parts?object=blue&cursor={next}")).await;
    assert_eq!(other.json()["type"], "/problems/bad-cursor");
    assert_eq!(get(server.api, "/api/v1/objects?object=blue").await.status, 400);
    assert_eq!(
        get(server.api, "/api/v1/makers?as_of=2013-07-01T12:00:00Z")
            .await
            .status,
        400
    );
    server.ended().await.unwrap();
}

#[tokio::test]
async fn revisions_and_what_differs() {
    let Some(server) = filled().await else { return };
    let at = server.api;
    let first = get(at, "/api/v1/parts/30/revisions?limit=3").await;
    let page = first.json();
    let numbers: Vec<i64> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["revision"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [4, 3, 2], "{page}");
    assert_eq!(page["items"][0]["superseded_at"], Value::Null);
    assert_eq!(page["items"][1]["superseded_at"], page["items"][0]["recorded_at"]);
    let rest = get(at, &link(&first.headers, "next").unwrap()).await.json();
    assert_eq!(
        (&rest["items"][0]["revision"], &rest["next"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(
        get(at, "/api/v1/parts/30/revisions/2").await.json()["name"],
        "name 1"
    );
    assert_eq!(
        get(at, "/api/v1/objects/30/revisions/2").await.json()["name"],
        "name 1"
    );
    for path in [
        "/api/v1/parts/30/revisions/5",
        "/api/v1/parts/30/revisions/x",
        "/api/v1/parts/30/diff?from=1&to=9",
    ] {
        assert_eq!(
            get(at, path).await.json()["type"],
            "/problems/unknown-revision",
            "{path}"
        );
    }
    assert_eq!(get(at, "/api/v1/parts/99/revisions").await.status, 404);
    assert_eq!(get(at, "/api/v1/parts/30/diff?from=1").await.status, 400);

    let differs = get(at, "/api/v1/parts/30/diff?from=1&to=4").await.json();
    assert_eq!(
        differs["changes"],
        json!([{ "field": "name", "from": null, "to": "name 3" }])
    );
    assert_eq!(
        (&differs["from"]["revision"], &differs["to"]["deleted"]),
        (&json!(1), &json!(false))
    );
    let accept = [("accept", "application/json-patch+json")];
    let patch = send(at, "GET /api/v1/parts/30/diff?from=4&to=1", &accept, "").await;
    assert_eq!(patch.header("content-type"), "application/json-patch+json");
    assert_eq!(
        patch.json(),
        json!([{ "op": "replace", "path": "/name", "value": null }])
    );
    server.ended().await.unwrap();
}

#[tokio::test]
async fn as_it_was_known() {
    let Some(server) = filled().await else { return };
    let at = server.api;
    let history = get(at, "/api/v1/parts/30/revisions").await.json();
    let recorded = |revision: usize| {
        history["items"][4 - revision]["recorded_at"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let read = async |path: &str| get(at, path).await;
    for revision in 1..=4 {
        let then = recorded(revision);
        let record = read(&format!("/api/v1/parts/30?as_of={then}")).await;
        assert_eq!(record.json()["revision"], revision, "{}", record.text());
        assert_eq!(record.header("etag"), format!("\"{revision}\""));
        for list in [
            format!("/api/v1/parts?object=red&sort=-at&limit=100&as_of={then}"),
            format!("/api/v1/parts?ids=30&as_of={then}"),
            format!("/api/v1/objects?ids=30&as_of={then}"),
        ] {
            let page = read(&list).await.json();
            let found = page["items"]
                .as_array()
                .unwrap()
                .iter()
                .find(|item| item["id"] == 30);
            assert_eq!(found.unwrap()["revision"], revision, "{list}: {page}");
        }
    }
    assert_eq!(
        read("/api/v1/parts/30?as_of=2013-07-01T00:00:00Z").await.status,
        404
    );
    let none = read("/api/v1/parts?object=red&as_of=2013-07-01T00:00:00Z")
        .await
        .json();
    assert_eq!(none["items"], json!([]));
    let sections = read("/api/v1/objects?fields=own&as_of=2013-07-01T00:00:00Z").await;
    assert_eq!(sections.status, 400, "{}", sections.text());
    server.ended().await.unwrap();
}
