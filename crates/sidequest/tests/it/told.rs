//! What somebody else writes with psql is shown by the next answer, and what was kept is freed.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    binary::{Directory, Serving, ask, get},
    crash::postmaster_file,
    skip,
};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn what_others_write_is_told_to_the_server() {
    let name = "told::what_others_write_is_told_to_the_server";
    let (Some(_), Some(psql)) = (skip::program("initdb", name), skip::program("psql", name)) else {
        return;
    };
    let data = Directory::new();
    let server = Serving::start(&["--engine", "managed", "--data", data.text(), "--model", "ledger"]);
    for (what, body) in [
        ("PUT /api/v1/accounts/1", r#"{"balance":1}"#),
        (
            "PUT /api/v1/entries/00000000-0000-4000-8000-000000000001",
            r#"{"account":1,"booked":"2024-01-01T00:00:00Z","cents":1000}"#,
        ),
    ] {
        let headers = "content-type: application/json\r\nif-none-match: *";
        let (status, said) = ask(server.address, what, headers, body).expect("the server answers");
        assert_eq!(status, 201, "{said}");
    }
    let file = postmaster_file(data.path()).expect("PostgreSQL runs in the data directory");
    let file = fs::read_to_string(file).expect("it can be read");
    // Line 4 is the port, line 5 the directory of the socket.
    let lines: Vec<&str> = file.lines().collect();
    let books = |sql: &str| {
        let done = Command::new(&psql)
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "sidequest",
                "-d",
                "books",
            ])
            .args(["-h", lines[4], "-p", lines[3], "-c", sql])
            .output()
            .expect("psql runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let until = Instant::now() + PATIENCE;
    let mut cents = 1000;
    loop {
        let (status, body) = server.get("/api/v1/objects/1/analysis");
        assert_eq!(status, 200, "{body}");
        assert!(body.contains(&cents.to_string()), "{cents} is there: {body}");
        let (_, metrics) = get(server.admin, "/metrics").expect("the admin listener answers");
        // Who listens does so soon after the start.
        if !metrics.contains("\nsidequest_cache_notified_total 0\n") {
            assert!(metrics.contains("\nsidequest_cache_notified_total "), "{metrics}");
            break;
        }
        assert!(Instant::now() < until, "nobody was told");
        cents += 1;
        books(&format!("update entries_current set cents = {cents}"));
    }
    assert_eq!(server.stop(Signal::TERM).0, Some(0));
}
