//! Export and import: the same again, all or nothing, every bad line named.

use serde_json::json;

use crate::{
    client::{get, send, write},
    running::start_kept,
};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const CSV: (&str, &str) = ("content-type", "text/csv");

/// What an object of words can hold, written so that each form has its trouble with it.
fn words() -> String {
    let lines = [
        json!({ "word": "plain", "real": 1.5, "day": "2013-07-01", "flag": true }),
        json!({ "word": "a \"quote\", and\na line", "real": 0.1, "flag": false }),
        json!({ "word": "ünicode", "real": -1e300 }),
        json!({ "word": "true" }),
        json!({ "word": "null" }),
    ];
    lines.map(|line| format!("{line}\n")).concat()
}

#[tokio::test]
async fn what_was_exported_is_the_same_after_an_import() {
    let (Some(from), Some(to)) = (start_kept(|_| {}).await, start_kept(|_| {}).await) else {
        return;
    };
    let parts: String = (0..3000)
        .map(|id| {
            let line = json!({ "id": id, "box": "a\"b,c", "at": "2013-07-01T12:00:00.123456Z", "size": id,
                "name": if id % 2 == 0 { json!("") } else { json!(null) }, "extra": { "n": [id, null, "x,\"y\""] } });
            format!("{line}\n")
        })
        .collect();
    let done = send(
        from.api,
        "POST /api/v1/parts/import",
        &[NDJSON, ("sidequest-author", "loader")],
        parts.clone(),
    )
    .await;
    assert_eq!(
        done.json(),
        json!({ "lines": 3000, "revisions": 3000 }),
        "{}",
        done.text()
    );
    for (revision, size) in [(1, 70_000), (2, 80_000)] {
        let tag = format!("\"{revision}\"");
        let body = json!({ "size": size });
        write(from.api, "PATCH /api/v1/parts/5", &[("if-match", &tag)], &body).await;
        write(from.api, "PATCH /api/v1/parts/6", &[("if-match", &tag)], &body).await;
    }
    send(from.api, "DELETE /api/v1/parts/6", &[("if-match", "\"3\"")], "").await;
    send(from.api, "POST /api/v1/words/import", &[NDJSON], words()).await;

    for (collection, count, revisions) in [("parts", 2999, 3005), ("words", 5, 5)] {
        for accept in ["application/x-ndjson", "text/csv"] {
            let header = [("accept", accept)];
            let all = format!("GET /api/v1/{collection}/export?revisions=all");
            let exported = send(from.api, &all, &header, "").await;
            assert!(exported.header("content-type").starts_with(accept));
            let lines = if accept == "text/csv" {
                None
            } else {
                Some(exported.text().lines().count())
            };
            assert!(lines.is_none_or(|lines| lines == revisions), "{lines:?}");
            // Into a copy of the collection that is empty: another server's.
            let import = format!("POST /api/v1/{collection}/import?revisions=all");
            let imported = send(
                to.api,
                &import,
                &[("content-type", accept)],
                exported.body.clone(),
            )
            .await;
            if accept == "text/csv" {
                // It is there already: from lines of JSON.
                assert_eq!(
                    (imported.status.as_u16(), &imported.json()["type"]),
                    (422, &json!("/problems/import-refused"))
                );
                let again = send(to.api, &all, &header, "").await;
                assert_eq!(again.body, exported.body, "{collection} as CSV");
            } else {
                assert_eq!(
                    imported.json(),
                    json!({ "lines": revisions, "revisions": revisions }),
                    "{}",
                    imported.text()
                );
                let again = send(to.api, &all, &header, "").await;
                assert_eq!(again.body, exported.body, "{collection} as NDJSON");
            }
            // The newest alone; the same lines add nothing.
            let newest = send(from.api, &format!("GET /api/v1/{collection}/export"), &header, "").await;
            let import = format!("POST /api/v1/{collection}/import");
            let imported = send(from.api, &import, &[("content-type", accept)], newest.body).await;
            assert_eq!(
                imported.json(),
                json!({ "lines": count, "revisions": 0 }),
                "{collection} {accept}: {}",
                imported.text()
            );
        }
    }
    // One that differs gets a revision, by whoever imports.
    let changed = parts.lines().next().unwrap().replace("\"size\":0", "\"size\":9");
    let done = send(
        from.api,
        "POST /api/v1/parts/import",
        &[NDJSON, ("sidequest-author", "fixer")],
        changed,
    )
    .await;
    assert_eq!(
        done.json(),
        json!({ "lines": 1, "revisions": 1 }),
        "{}",
        done.text()
    );
    let read = get(from.api, "/api/v1/parts/0").await.json();
    assert_eq!((&read["revision"], &read["author"]), (&json!(2), &json!("fixer")));
    from.ended().await.unwrap();
    to.ended().await.unwrap();
}

#[tokio::test]
async fn csv_into_an_empty_collection() {
    let (Some(from), Some(to)) = (start_kept(|_| {}).await, start_kept(|_| {}).await) else {
        return;
    };
    send(from.api, "POST /api/v1/words/import", &[NDJSON], words()).await;
    let accept = [("accept", "text/csv")];
    let exported = send(from.api, "GET /api/v1/words/export?revisions=all", &accept, "").await;
    let imported = send(
        to.api,
        "POST /api/v1/words/import?revisions=all",
        &[CSV],
        exported.body.clone(),
    )
    .await;
    assert_eq!(
        imported.json(),
        json!({ "lines": 5, "revisions": 5 }),
        "{}",
        imported.text()
    );
    let again = send(to.api, "GET /api/v1/words/export?revisions=all", &accept, "").await;
    assert_eq!(again.body, exported.body);
    // Columns in any order, line ends of Windows, a mark, an empty line, and no line end at the end.
    let text = "\u{feff}size,box,id,at\r\n1,red,1,2013-07-01T12:00:00Z\r\n\r\n2,red,2,2013-07-01T12:00:00Z";
    let imported = send(to.api, "POST /api/v1/parts/import", &[CSV], text).await;
    assert_eq!(
        imported.json(),
        json!({ "lines": 2, "revisions": 2 }),
        "{}",
        imported.text()
    );
    from.ended().await.unwrap();
    to.ended().await.unwrap();
}

#[tokio::test]
async fn one_bad_line_leaves_nothing_behind() {
    let Some(server) = start_kept(|_| {}).await else {
        return;
    };
    let at = server.api;
    let line = |id: i64, size: i64| {
        format!("{{\"id\":{id},\"box\":\"red\",\"at\":\"2013-07-01T12:00:00Z\",\"size\":{size}}}\n")
    };
    let empty = async || {
        let exported = get(at, "/api/v1/parts/export?revisions=all").await;
        assert_eq!((exported.status.as_u16(), exported.text().as_str()), (200, ""));
        assert_eq!(exported.header("content-type"), "application/x-ndjson");
    };
    let check =
        async |header: (&str, &str), path: &str, body: String, expected: &[(u64, &str)], total: u64| {
            let answer = send(at, path, &[header], body).await;
            assert_eq!(answer.status, 422, "{}", answer.text());
            let json = answer.json();
            assert_eq!(json["errors_total"], total, "{json}");
            for ((number, names), error) in expected.iter().zip(json["errors"].as_array().unwrap()) {
                assert_eq!(error["line"].as_u64().unwrap_or(0), *number, "{json}");
                assert!(
                    error["problem"].as_str().unwrap().contains(names),
                    "{error} names {names}"
                );
            }
            empty().await;
        };
    let import = "POST /api/v1/parts/import";
    let mut lines: Vec<String> = (1..=2000).map(|id| line(id, 1)).collect();
    lines[999] = line(1000, -1);
    check(
        NDJSON,
        import,
        lines.concat(),
        &[(1000, "`size`: -1 given, expected a whole number from 0")],
        1,
    )
    .await;
    lines[999] = "{\"id\":\n".to_owned();
    lines[1] = format!("{{\"id\":2,\"extra\":\"{}\"}}\n", "x".repeat(2000));
    lines[2] = "{\"id\":3,\"box\":null,\"nope\":1}\n".to_owned();
    lines[1999] = line(1, 1);
    let expected = [
        (2, "longer than 1024 bytes"),
        (3, "`nope`"),
        (1000, "not JSON"),
        (2000, "line 1 already"),
    ];
    check(NDJSON, import, lines.concat(), &expected[..3], 4).await;
    // A hundred are named, and all are counted.
    let all: String = (1..=500).map(|id| line(id, -1)).collect();
    let answer = send(at, import, &[NDJSON], all).await.json();
    assert_eq!(
        (
            answer["errors"].as_array().unwrap().len(),
            &answer["errors_total"]
        ),
        (100, &json!(500))
    );
    let head = "id,box,at,size\n";
    let rows =
        "1,red,2013-07-01T12:00:00Z,1\n2,red,yesterday,\"1\n3\"\n4,red\n5,red,2013-07-01T12:00:00Z,1\n";
    check(
        CSV,
        import,
        format!("{head}{rows}"),
        &[(4, "`at`"), (5, "2 fields")],
        2,
    )
    .await;
    check(
        CSV,
        import,
        "id,boxx\n1,red\n".to_owned(),
        &[(1, "did you mean `box`?")],
        1,
    )
    .await;
    check(CSV, import, format!("{head}1,\"red\n"), &[(0, "quote")], 1).await;
    check(
        CSV,
        import,
        format!("{head}1,\"{}", "x".repeat(20_000)),
        &[(0, "1024")],
        1,
    )
    .await;
    let history = "POST /api/v1/parts/import?revisions=all";
    check(NDJSON, history, line(1, 1), &[(1, "`revision`")], 1).await;

    // A client that leaves in the middle.
    let half = "POST /api/v1/parts/import HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: 100000\r\n\r\n";
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    let sent = format!("{half}{}", (1..=500).map(|id| line(id, 1)).collect::<String>());
    tokio::io::AsyncWriteExt::write_all(&mut stream, sent.as_bytes())
        .await
        .unwrap();
    drop(stream);
    server
        .until("sidequest_http_in_flight", |count| count <= 0.0)
        .await;
    empty().await;
    server.ended().await.unwrap();
}

#[tokio::test]
async fn what_is_refused_before_a_line_is_read() {
    let Some(server) = start_kept(|config| config.import_bytes_max = 2000).await else {
        return;
    };
    for (what, header, status, slug) in [
        (
            "POST /api/v1/parts/import",
            ("content-type", "application/json"),
            415,
            "unsupported-media",
        ),
        (
            "POST /api/v1/parts/import?revisions=some",
            NDJSON,
            400,
            "bad-parameter",
        ),
        (
            "GET /api/v1/parts/export?revisions=some",
            NDJSON,
            400,
            "bad-parameter",
        ),
        (
            "GET /api/v1/makers/1/diff?from=1&to=2",
            NDJSON,
            404,
            "no-revisions",
        ),
    ] {
        let answer = send(server.api, what, &[header], "{}").await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["type"]),
            (status, &json!(format!("/problems/{slug}"))),
            "{what}"
        );
    }
    let large = send(
        server.api,
        "POST /api/v1/parts/import",
        &[NDJSON],
        "x".repeat(3000),
    )
    .await;
    assert_eq!(large.status, 413);
    let empty = send(server.api, "POST /api/v1/parts/import", &[NDJSON], "").await;
    assert_eq!(empty.json(), json!({ "lines": 0, "revisions": 0 }));
    let head = get(server.api, "/api/v1/parts/export").await;
    assert_eq!(head.body.len(), 0);
    server.ended().await.unwrap();
}
