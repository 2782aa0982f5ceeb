//! Writes of one record and of many: what they answer, what they refuse, and what they leave.

use serde_json::{Value, json};

use crate::{
    client::{get, send, write},
    running::start_kept,
};

const PARTS: &str = "/api/v1/parts";

fn part(size: i64) -> Value {
    json!({ "box": "red", "at": "2013-07-01T12:00:00Z", "name": "bolt", "size": size })
}

#[tokio::test]
async fn the_life_of_a_record() {
    let Some(server) = start_kept(|_| {}).await else {
        return;
    };
    let at = server.api;
    let mut body = part(1);
    body["id"] = 7.into();
    let by = [
        ("sidequest-author", "J%C3%BCrgen"),
        ("sidequest-comment", "first"),
    ];
    let created = write(at, "POST /api/v1/parts", &by, &body).await;
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(created.header("location"), "/api/v1/parts/7");
    assert_eq!(created.header("etag"), "\"1\"");
    assert_eq!(
        (&created.json()["id"], &created.json()["revision"]),
        (&json!(7), &json!(1))
    );

    let read = get(at, "/api/v1/parts/7").await;
    assert_eq!(read.header("etag"), "\"1\"");
    let recorded_at = read.json()["recorded_at"].clone();
    assert_eq!(
        read.json(),
        json!({ "id": 7, "box": "red", "at": "2013-07-01T12:00:00Z", "name": "bolt", "size": 1, "twice": 2,
            "extra": null, "revision": 1, "recorded_at": recorded_at, "author": "Jürgen", "comment": "first" })
    );
    let known = send(at, "GET /api/v1/parts/7", &[("if-none-match", "\"1\"")], "").await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), "\"1\"");
    // The objects are the same collection.
    assert_eq!(get(at, "/api/v1/objects/7").await.json(), read.json());

    let patched = write(
        at,
        "PATCH /api/v1/objects/7",
        &[("if-match", "\"1\"")],
        &json!({ "size": 2 }),
    )
    .await;
    assert_eq!(
        (patched.status.as_u16(), patched.header("etag")),
        (200, "\"2\""),
        "{}",
        patched.text()
    );
    let again = write(
        at,
        "PATCH /api/v1/parts/7",
        &[("if-match", "\"1\"")],
        &json!({ "size": 3 }),
    )
    .await;
    assert_eq!(again.status, 412);
    let current = &again.json()["current"];
    assert_eq!(
        (&current["revision"], &current["size"], &current["name"]),
        (&json!(2), &json!(2), &json!("bolt"))
    );

    // What was read can be sent back; a column that is left out becomes null.
    let mut read = get(at, "/api/v1/parts/7").await.json();
    read["size"] = 5.into();
    read.as_object_mut().unwrap().remove("name");
    let replaced = write(at, "PUT /api/v1/parts/7", &[("if-match", "\"2\"")], &read).await;
    assert_eq!(
        (replaced.status.as_u16(), replaced.header("etag")),
        (200, "\"3\""),
        "{}",
        replaced.text()
    );
    let read = get(at, "/api/v1/parts/7").await.json();
    assert_eq!(
        (&read["name"], &read["twice"], &read["author"]),
        (&Value::Null, &json!(10), &Value::Null)
    );

    let deleted = send(at, "DELETE /api/v1/parts/7", &[("if-match", "\"3\"")], "").await;
    assert_eq!(
        (deleted.status.as_u16(), &deleted.json()["revision"]),
        (200, &json!(4))
    );
    let gone = get(at, "/api/v1/parts/7").await;
    assert_eq!(gone.status, 404);
    assert!(gone.text().contains("revision 4 deleted it"), "{}", gone.text());
    let late = send(at, "DELETE /api/v1/parts/7", &[("if-match", "\"4\"")], "").await;
    assert_eq!(late.status, 404, "{}", late.text());
    let none = [("if-none-match", "*")];
    let again = write(at, "PUT /api/v1/parts/7", &none, &part(9)).await;
    assert_eq!(
        (again.status.as_u16(), again.header("etag")),
        (201, "\"5\""),
        "{}",
        again.text()
    );
    let twice = write(at, "PUT /api/v1/parts/7", &none, &part(9)).await;
    assert_eq!(
        (twice.status.as_u16(), &twice.json()["current"]["revision"]),
        (412, &json!(5))
    );
    let twice = write(at, "POST /api/v1/parts", &[], &body).await;
    assert_eq!(
        (twice.status.as_u16(), &twice.json()["type"]),
        (409, &json!("/problems/already-exists"))
    );

    let back = write(
        at,
        "POST /api/v1/parts/7/revert",
        &[("if-match", "\"5\"")],
        &json!({ "to": 1 }),
    )
    .await;
    assert_eq!(
        (back.status.as_u16(), back.header("etag")),
        (200, "\"6\""),
        "{}",
        back.text()
    );
    let read = get(at, "/api/v1/parts/7").await.json();
    assert_eq!((&read["size"], &read["name"]), (&json!(1), &json!("bolt")));
    server.ended().await.unwrap();
}

#[tokio::test]
async fn keys_are_made_or_escaped() {
    let Some(server) = start_kept(|_| {}).await else {
        return;
    };
    let at = server.api;
    let created = write(at, "POST /api/v1/notes", &[], &json!({ "text": "of no key" })).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let note = get(at, created.header("location")).await.json();
    assert_eq!(
        (&note["text"], &note["id"]),
        (&json!("of no key"), &created.json()["id"])
    );
    assert_eq!(
        created.json()["id"].as_str().unwrap().as_bytes()[14],
        b'7',
        "{note}"
    );
    for word in ["export", "a/b c", "ä%", "analysis", "bulk"] {
        let created = write(at, "POST /api/v1/words", &[], &json!({ "word": word })).await;
        let read = get(at, created.header("location")).await;
        assert_eq!(read.json()["word"], word, "{}", created.header("location"));
    }
    server.ended().await.unwrap();
}

#[tokio::test]
async fn each_refusal_names_what_is_wrong() {
    let Some(server) = start_kept(|_| {}).await else {
        return;
    };
    let at = server.api;
    assert_eq!(
        write(at, "PUT /api/v1/parts/1", &[("if-none-match", "*")], &part(1))
            .await
            .status,
        201
    );
    let json = ("content-type", "application/json");
    let first = ("if-match", "\"1\"");
    let long = "x".repeat(201);
    let large = format!("{{\"extra\":\"{}\"}}", "x".repeat(1100));
    let check =
        async |what: &str, headers: &[(&str, &str)], body: &str, status: u16, slug: &str, names: &str| {
            let answer = send(at, what, headers, body.to_owned()).await;
            let text = answer.text();
            assert_eq!(answer.status, status, "{what} {body}: {text}");
            assert_eq!(answer.header("content-type"), "application/problem+json");
            assert_eq!(
                answer.json()["type"],
                format!("/problems/{slug}"),
                "{what} {body}: {text}"
            );
            assert!(text.contains(names), "{what} {body}: {text} names {names}");
        };
    let one = "PATCH /api/v1/parts/1";
    check(one, &[json], "{}", 428, "precondition-required", "If-Match").await;
    check(
        "PUT /api/v1/parts/1",
        &[json],
        "{}",
        428,
        "precondition-required",
        "If-None-Match: *",
    )
    .await;
    check(
        "DELETE /api/v1/parts/1",
        &[],
        "",
        428,
        "precondition-required",
        "If-Match",
    )
    .await;
    check(
        "POST /api/v1/parts/1/revert",
        &[json],
        "{\"to\":1}",
        428,
        "precondition-required",
        "If-Match",
    )
    .await;
    check(
        one,
        &[json, ("if-match", "1")],
        "{}",
        400,
        "bad-precondition",
        "quotes",
    )
    .await;
    check(
        one,
        &[first],
        "{}",
        415,
        "unsupported-media",
        "application/merge-patch+json",
    )
    .await;
    check(
        one,
        &[first, ("content-type", "text/plain")],
        "{}",
        415,
        "unsupported-media",
        "text/plain",
    )
    .await;
    check(
        one,
        &[first, json, ("content-encoding", "gzip")],
        "{}",
        415,
        "unsupported-media",
        "Encoding",
    )
    .await;
    check(one, &[first, json], "{", 400, "bad-body", "JSON").await;
    check(one, &[first, json], "[]", 422, "invalid-record", "object").await;
    check(one, &[first, json], &large, 413, "body-too-large", "1024").await;
    check(
        one,
        &[first, json, ("sidequest-author", &long)],
        "{}",
        400,
        "bad-header",
        "200",
    )
    .await;
    check(
        one,
        &[first, json, ("sidequest-comment", "%zz")],
        "{}",
        400,
        "bad-header",
        "sidequest-comment",
    )
    .await;
    check(
        "PATCH /api/v1/parts/2",
        &[first, json],
        "{}",
        404,
        "not-found",
        "If-None-Match",
    )
    .await;
    check(
        "PATCH /api/v1/parts/x",
        &[first, json],
        "{}",
        404,
        "not-found",
        "x",
    )
    .await;
    check(
        "PATCH /api/v1/partz/1",
        &[first, json],
        "{}",
        404,
        "unknown-collection",
        "parts",
    )
    .await;
    check(
        "POST /api/v1/parts/1/revert",
        &[first, json],
        "{\"to\":8}",
        404,
        "unknown-revision",
        "8",
    )
    .await;
    check(
        "POST /api/v1/parts/1/revert",
        &[first, json],
        "{\"to\":0}",
        422,
        "invalid-record",
        "to",
    )
    .await;
    check(
        "POST /api/v1/parts/1/revert",
        &[first, json],
        "{\"to\":1,\"x\":1}",
        422,
        "invalid-record",
        "x",
    )
    .await;
    check(
        "POST /api/v1/words",
        &[json],
        "{\"word\":\"\"}",
        422,
        "invalid-record",
        "word",
    )
    .await;
    check(
        "PATCH /api/v1/parts/1?x=1",
        &[first, json],
        "{}",
        400,
        "unknown-parameter",
        "x",
    )
    .await;
    check(
        "POST /api/v1/makers",
        &[json],
        "{}",
        405,
        "method-not-allowed",
        "revisions = true",
    )
    .await;
    check(
        "POST /api/v1/makers/import",
        &[json],
        "{}",
        405,
        "method-not-allowed",
        "revisions = true",
    )
    .await;
    check(
        "GET /api/v1/makers/1/revisions",
        &[],
        "",
        404,
        "no-revisions",
        "makers",
    )
    .await;
    let overflow = json!({ "box": "red", "at": "2013-07-01T12:00:00Z", "size": 100_001, "id": "x", "nope": 1,
        "name": "a name that is far too long", "extra": { "any": 1 } });
    let all = write(at, "POST /api/v1/parts", &[], &overflow).await;
    assert_eq!(all.status, 422);
    let fields: Vec<Value> = all.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].clone())
        .collect();
    assert_eq!(fields, ["size", "id", "nope", "name"], "{}", all.text());
    assert_eq!(all.json()["errors_total"], 4);
    // Nothing of all this was written.
    assert_eq!(get(at, "/api/v1/parts/1").await.json()["revision"], 1);
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_write_is_one_statement() {
    let Some(server) = start_kept(|_| {}).await else {
        return;
    };
    let at = server.api;
    let metric = "sidequest_database_statements_total{database=\"main\"}";
    let mut before = server.metric(metric).await;
    for (what, header, body) in [
        ("PUT /api/v1/parts/1", ("if-none-match", "*"), part(1)),
        ("PUT /api/v1/parts/1", ("if-match", "\"1\""), part(2)),
        (
            "PATCH /api/v1/parts/1",
            ("if-match", "\"2\""),
            json!({ "size": 3 }),
        ),
        (
            "POST /api/v1/parts/1/revert",
            ("if-match", "\"3\""),
            json!({ "to": 1 }),
        ),
        ("DELETE /api/v1/parts/1", ("if-match", "\"4\""), json!({})),
        (
            "GET /api/v1/parts?object=red&limit=5",
            ("accept", "*/*"),
            json!({}),
        ),
        (
            "GET /api/v1/parts?objects=red,blue&each=5",
            ("accept", "*/*"),
            json!({}),
        ),
        ("GET /api/v1/parts/1/revisions", ("accept", "*/*"), json!({})),
        (
            "GET /api/v1/parts/1?as_of=2013-07-01T12:00:00Z",
            ("accept", "*/*"),
            json!({}),
        ),
    ] {
        write(at, what, &[header], &body).await;
        let after = server.metric(metric).await;
        assert_eq!(after - before, 1.0, "{what}");
        before = after;
    }
    server.ended().await.unwrap();
}

#[tokio::test]
async fn many_at_once_or_none() {
    let Some(server) = start_kept(|_| {}).await else {
        return;
    };
    let at = server.api;
    let create = |id: i64, size: i64| {
        let mut record = part(size);
        record["id"] = id.into();
        json!({ "op": "create", "record": record })
    };
    let bulk = async |changes: Value| {
        let by = [("sidequest-author", "me")];
        write(at, "POST /api/v1/parts/bulk", &by, &json!({ "changes": changes })).await
    };
    let created: Vec<Value> = (0..50).map(|id| create(id, id)).collect();
    let answer = bulk(created.into()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let items = answer.json()["items"].clone();
    assert_eq!(
        (items.as_array().unwrap().len(), &items[49]["id"]),
        (50, &json!(49))
    );
    let mixed = bulk(json!([
        { "op": "patch", "key": 3, "revision": 1, "record": { "size": 33 }, "author": "you" },
        { "op": "delete", "key": 4, "revision": 1, "comment": "no more" },
        { "op": "replace", "key": 5, "revision": 1, "record": part(55) },
        { "op": "revert", "key": 6, "revision": 1, "to": 1 },
        create(60, 60),
    ]))
    .await;
    assert_eq!(mixed.status, 200, "{}", mixed.text());
    assert_eq!(get(at, "/api/v1/parts/3").await.json()["author"], "you");
    assert_eq!(get(at, "/api/v1/parts/5").await.json()["author"], "me");
    assert_eq!(
        get(at, "/api/v1/parts/4/revisions").await.json()["items"][0]["comment"],
        "no more"
    );

    // One that comes too late, in the middle of those that do not.
    let late = bulk(json!([
        { "op": "patch", "key": 7, "revision": 1, "record": { "size": 1 } },
        { "op": "patch", "key": 3, "revision": 1, "record": { "size": 1 } },
        create(61, 1),
    ]))
    .await;
    assert_eq!(late.status, 412, "{}", late.text());
    assert_eq!(
        (&late.json()["place"], &late.json()["current"]["size"]),
        (&json!(1), &json!(33))
    );
    assert_eq!(get(at, "/api/v1/parts/7").await.json()["revision"], 1);
    assert_eq!(get(at, "/api/v1/parts/61").await.status, 404);

    let faulty = bulk(json!([
        create(70, -1),
        { "op": "patch", "key": "x", "revision": 0, "record": {} },
        { "op": "destroy" },
        create(71, 1),
        create(71, 2),
        { "op": "delete", "key": 7, "revision": 1, "record": {} },
        7,
    ]))
    .await;
    assert_eq!(faulty.status, 422, "{}", faulty.text());
    let told: Vec<String> = faulty.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| format!("{} {}", error["place"], error["field"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        ["0 size", "1 key", "1 revision", "2 op", "4 id", "5 record", "6 "],
        "{}",
        faulty.text()
    );
    assert_eq!(bulk(json!([])).await.status, 422);
    assert_eq!(
        write(at, &format!("POST {PARTS}/bulk"), &[], &json!([]))
            .await
            .status,
        422
    );
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_server_that_only_reads() {
    let Some(server) = start_kept(|config| config.read_only = true).await else {
        return;
    };
    for what in [
        "POST /api/v1/parts",
        "PUT /api/v1/objects/1",
        "PATCH /api/v1/parts/1",
        "DELETE /api/v1/parts/1",
        "POST /api/v1/parts/1/revert",
        "POST /api/v1/parts/bulk",
        "POST /api/v1/parts/import",
    ] {
        let answer = write(server.api, what, &[("if-none-match", "*")], &part(1)).await;
        assert_eq!(answer.status, 405, "{what}");
        assert!(
            ["GET, HEAD, OPTIONS", "OPTIONS"].contains(&answer.header("allow")),
            "{what}"
        );
        assert!(answer.text().contains("--read-only"), "{}", answer.text());
    }
    assert_eq!(get(server.api, "/api/v1/parts/1/revisions").await.status, 404);
    assert_eq!(get(server.api, "/api/v1/parts/export").await.status, 200);
    server.ended().await.unwrap();
}
