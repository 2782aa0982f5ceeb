//! Revisions on each engine: one body, whatever is below.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    binary::{Directory, Serving, ask, run, sidequest},
    skip,
};

#[test]
fn revisions_on_the_managed_engine() {
    if skip::program("initdb", "engines::revisions_on_the_managed_engine").is_some() {
        revisions_on("managed");
    }
}

#[cfg(feature = "in-process")]
#[test]
fn revisions_on_the_in_process_engine() {
    revisions_on("in-process");
}

/// Writes, history, the past, imports and exact caching.
fn revisions_on(engine: &str) {
    let data = Directory::new();
    let server = Serving::start(&["--engine", engine, "--data", data.text(), "--model", "ledger"]);
    let write = |what: &str, precondition: &str, body: &Value| -> (u16, Value) {
        let headers = format!("content-type: application/json\r\nsidequest-author: me\r\n{precondition}");
        let (status, said) =
            ask(server.address, what, &headers, &body.to_string()).expect("the server answers");
        (status, serde_json::from_str(&said).unwrap_or_default())
    };
    let read = |path: &str| -> Value {
        let (status, body) = server.get(&format!("/api/v1/{path}"));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("it is JSON")
    };

    // Writes and what they left.
    let (status, first) = write(
        "PUT /api/v1/accounts/1",
        "if-none-match: *",
        &json!({ "balance": 10 }),
    );
    assert_eq!(status, 201, "{first}");
    let (status, second) = write(
        "PATCH /api/v1/accounts/1",
        "if-match: \"1\"",
        &json!({ "owner": "me" }),
    );
    assert_eq!((status, &second["revision"]), (200, &json!(2)), "{second}");
    let (status, refused) = write(
        "PATCH /api/v1/accounts/1",
        "if-match: \"1\"",
        &json!({ "owner": "you" }),
    );
    assert_eq!(
        (status, &refused["current"]["revision"]),
        (412, &json!(2)),
        "{refused}"
    );
    let (status, _) = write("DELETE /api/v1/accounts/1", "if-match: \"2\"", &Value::Null);
    assert_eq!(status, 200);
    let (status, _) = write(
        "PUT /api/v1/accounts/1",
        "if-none-match: *",
        &json!({ "balance": 30 }),
    );
    assert_eq!(status, 201);
    let bulk = json!({ "changes": [
        { "op": "create", "record": { "id": 2, "balance": 5 } },
        { "op": "revert", "key": 1, "revision": 4, "to": 1 },
    ] });
    let (status, said) = write("POST /api/v1/accounts/bulk", "accept: */*", &bulk);
    assert_eq!(status, 200, "{said}");
    let history = read("accounts/1/revisions");
    let numbers: Vec<&Value> = history["items"]
        .as_array()
        .expect("it is a list")
        .iter()
        .map(|item| &item["revision"])
        .collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1]);

    // The past.
    let then = first["recorded_at"].as_str().expect("it has a time");
    let then = read(&format!("accounts/1?as_of={then}"));
    assert_eq!((&then["revision"], &then["balance"]), (&json!(1), &json!(10)));

    // Files, and what was wrong with one.
    let path = |name: &str| data.path().join(name).display().to_string();
    let url = format!("http://{}", server.address);
    let lines: String = (10..2_010)
        .map(|id| format!("{{\"id\":{id},\"balance\":{id}}}\n"))
        .collect();
    fs::write(path("good.ndjson"), &lines).expect("the directory can be written");
    let said = run(&mut sidequest(&[
        "import",
        "accounts",
        &path("good.ndjson"),
        "--url",
        &url,
    ]));
    assert!(said.contains("2000 lines, 2000 new revisions"), "{said}");
    fs::write(
        path("bad.ndjson"),
        format!("{}{{\"id\":1}}\n", lines.replace(":1", ":2")),
    )
    .expect("the directory can be written");
    let said = run(&mut sidequest(&[
        "import",
        "accounts",
        &path("bad.ndjson"),
        "--url",
        &url,
    ]));
    assert!(said.contains("  line 2001: `balance`"), "{said}");
    let all = [
        "export",
        "accounts",
        &path("all.ndjson"),
        "--url",
        &url,
        "--revisions",
    ];
    let said = run(&mut sidequest(&all));
    assert!(said.starts_with("exit code: 0\n"), "{said}");
    let exported = fs::read_to_string(path("all.ndjson")).expect("it was exported");
    assert_eq!(
        exported.lines().count(),
        2_000 + 5 + 1,
        "as much as before the bad line"
    );

    // Exactly as long as nothing has changed.
    let entry = |n: u8| format!("00000000-0000-4000-8000-0000000000{n:02}");
    let booked = |cents: i32| json!({ "account": 1, "booked": "2024-01-01T00:00:00Z", "cents": cents });
    let analysis = |tag: Option<&str>| -> (String, String) {
        let header = tag.map_or_else(|| "accept: */*".to_owned(), |tag| format!("if-none-match: {tag}"));
        whole(server.address, "/api/v1/objects/1/analysis", &header)
    };
    let (status, said) = write(
        &format!("PUT /api/v1/entries/{}", entry(1)),
        "if-none-match: *",
        &booked(7),
    );
    assert_eq!(status, 201, "{said}");
    let (head, body) = analysis(None);
    assert!(body.contains("7"), "{body}");
    let tag = header(&head, "etag").expect("all of it is known exactly");
    assert_eq!(analysis(Some(&tag)).0.split(' ').nth(1), Some("304"));
    let (status, said) = write(
        &format!("PUT /api/v1/entries/{}", entry(2)),
        "if-none-match: *",
        &booked(10),
    );
    assert_eq!(status, 201, "{said}");
    let (head, body) = analysis(Some(&tag));
    assert!(head.contains(" 200 ") && body.contains("17"), "{head}\n{body}");
    assert_eq!(server.stop(Signal::TERM).0, Some(0));

    // All of it is there the next time.
    let server = Serving::start(&["--engine", engine, "--data", data.text(), "--model", "ledger"]);
    let (_, body) = server.get("/api/v1/accounts/export?revisions=all");
    assert_eq!(body, exported);
    assert_eq!(server.stop(Signal::TERM).0, Some(0));
}

/// Head and body of an answer.
fn whole(address: std::net::SocketAddr, path: &str, header: &str) -> (String, String) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).expect("the server listens");
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nhost: localhost\r\n{header}\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("it is HTTP");
    (head.to_owned(), body.to_owned())
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .into_iter()
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
}
