//! Writes to the whole product: files go in and come out the same, and a server that only reads.

use std::{fs, net::SocketAddr, process::Stdio};

use rustix::process::Signal;

use crate::{
    binary::{Directory, Serving, ask, run, sidequest},
    skip,
};

fn write(
    address: SocketAddr,
    method: &str,
    account: usize,
    precondition: &str,
    balance: usize,
) -> std::io::Result<(u16, String)> {
    let what = format!("{method} /api/v1/accounts/{account}");
    let headers = format!("content-type: application/json\r\n{precondition}");
    ask(address, &what, &headers, &format!("{{\"balance\":{balance}}}"))
}

#[test]
fn files_go_in_and_come_out_the_same() {
    if skip::program("initdb", "writes::files_go_in_and_come_out_the_same").is_none() {
        return;
    }
    let data = Directory::new();
    let server = Serving::start(&["--engine", "managed", "--data", data.text(), "--model", "ledger"]);
    let url = format!("http://{}", server.address);
    let path = |name: &str| {
        data.path()
            .join(name)
            .to_str()
            .expect("the path is text")
            .to_owned()
    };
    fs::write(
        path("accounts.csv"),
        "id,owner,balance\n1,\"Doe, Jane\",100\n2,,0\n3,Ärzte,9007199254740993\n",
    )
    .unwrap();
    let csv = path("accounts.csv");
    let import = [
        "import",
        "accounts",
        &csv,
        "--url",
        &url,
        "--author",
        "Jürgen 100%",
    ];
    let said = run(&mut sidequest(&import));
    assert!(said.starts_with("exit code: 0\n"), "{said}");
    assert!(said.contains("3 lines, 3 new revisions in `accounts`"), "{said}");
    let said = run(&mut sidequest(&import));
    assert!(said.contains("3 lines, 0 new revisions in `accounts`"), "{said}");
    let (_, body) = server.get("/api/v1/accounts/1");
    assert!(
        body.contains("\"author\":\"Jürgen 100%\"") && body.contains("\"Doe, Jane\""),
        "{body}"
    );

    for name in ["all.ndjson", "all.csv"] {
        let said = run(&mut sidequest(&[
            "export",
            "accounts",
            &path(name),
            "--url",
            &url,
            "--revisions",
        ]));
        assert!(said.starts_with("exit code: 0\n"), "{said}");
        assert!(!data.path().join(format!("{name}.part")).exists());
    }
    assert!(
        fs::read_to_string(path("all.csv"))
            .unwrap()
            .contains("3,Ärzte,9007199254740993,1,")
    );
    let file = fs::File::open(path("all.ndjson")).unwrap();
    let again = sidequest(&["import", "accounts", "-", "--url", &url, "--revisions"])
        .stdin(Stdio::from(file))
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(11), "{said}");
    assert!(said.contains("  line 1: record 1 is there already"), "{said}");

    fs::write(
        path("bad.ndjson"),
        "{\"id\":8,\"balance\":1}\n{\"id\":9,\"balance\":-1}\n",
    )
    .unwrap();
    let said = run(&mut sidequest(&[
        "import",
        "accounts",
        &path("bad.ndjson"),
        "--url",
        &url,
    ]));
    let expected = "error: failed to import collection `accounts` at ";
    assert!(
        said.starts_with("exit code: 11\n") && said.contains(expected),
        "{said}"
    );
    assert!(
        said.contains("1 bad line") && said.contains("  line 2: `balance`: -1 given"),
        "{said}"
    );
    assert_eq!(server.get("/api/v1/accounts/8").0, 404);
    let said = run(&mut sidequest(&["export", "acounts", "--url", &url]));
    assert!(
        said.starts_with("exit code: 11\n") && said.contains("hint: did you mean `accounts`?"),
        "{said}"
    );
    assert_eq!(server.stop(Signal::TERM).0, Some(0));

    for (arguments, code, names) in [
        (
            ["export", "accounts", "--url", &url],
            11,
            "is `sidequest serve` running there?",
        ),
        (
            ["export", "accounts", "--url", "https://localhost"],
            2,
            "only http://",
        ),
        (
            ["import", "accounts", "/nonexistent/file", "--revisions"],
            2,
            "/nonexistent/file",
        ),
    ] {
        let said = run(&mut sidequest(&arguments));
        assert!(said.starts_with(&format!("exit code: {code}\n")), "{said}");
        assert!(said.contains(names), "{said} names {names}");
    }
}

#[test]
fn a_server_that_only_reads() {
    if skip::program("initdb", "writes::a_server_that_only_reads").is_none() {
        return;
    }
    let data = Directory::new();
    let arguments = [
        "--engine",
        "managed",
        "--data",
        data.text(),
        "--model",
        "ledger",
        "--read-only",
    ];
    let server = Serving::start(&arguments);
    let (status, body) = write(server.address, "PUT", 1, "if-none-match: *", 0).expect("it answers");
    assert_eq!(status, 405, "{body}");
    assert!(body.contains("--read-only"), "{body}");
    let (_, document) = server.get("/openapi.json");
    assert!(
        !document.contains("\"put\"") && document.contains("/revisions"),
        "{document:.300}"
    );
}
