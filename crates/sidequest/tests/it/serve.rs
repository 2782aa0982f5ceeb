//! `sidequest serve` as a whole: a database from nothing, answers, a clean end.

use std::{
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    binary::{Directory, Serving, get, run, send, sidequest},
    skip,
};

#[test]
fn the_demo_from_nothing_and_again() {
    if skip::program("initdb", "serve::the_demo_from_nothing_and_again").is_none() {
        return;
    }
    let data = Directory::new();
    let arguments = [
        "--engine",
        "managed",
        "--data",
        data.text(),
        "--traces-share",
        "1",
    ];
    let server = Serving::start(&arguments);
    let said = server.start.join("\n");
    assert!(said.contains("database: managed PostgreSQL "), "{said}");
    assert!(
        said.contains("filled: operations with 336776 flights_flown in "),
        "{said}"
    );
    the_demo_answers(&server);
    traces_are_listed_and_drawn(&server);
    // What was said at the start is all that may stand on stderr, and it went to stdout.
    assert_eq!(server.stop(Signal::TERM), (Some(0), String::new()));

    let again = Serving::start(&arguments);
    let said = again.start.join("\n");
    assert!(!said.contains("filled:"), "it is filled once: {said}");
    the_demo_answers(&again);
    assert_eq!(again.stop(Signal::INT), (Some(0), String::new()));
}

fn traces_are_listed_and_drawn(server: &Serving) {
    let admin = server.admin.to_string();
    let traces = |more: &[&str]| {
        let output = sidequest(&[&["traces", "--admin", &admin], more].concat())
            .output()
            .expect("the binary runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("traces are text")
    };
    let list = traces(&[]);
    let line = list
        .lines()
        .find(|line| line.ends_with("/api/v1/objects/{id}/analysis"))
        .unwrap_or_else(|| panic!("{list}"));
    let id = line.split(' ').next().expect("a line begins with the trace's id");
    let drawn = traces(&[id]);
    for step in [
        "request",
        "handle",
        "queue",
        "batch",
        "pool",
        "statement",
        "measure",
        "document",
        "encode",
        "write",
    ] {
        assert!(drawn.contains(step), "{step} in\n{drawn}");
    }
    // Each dataset's statement, with its database.
    for database in ["operations", "fleet"] {
        assert!(drawn.contains(database), "{database} in\n{drawn}");
    }
    assert!(!drawn.contains("N14228"), "{drawn}");
    assert!(traces(&["--json", id]).starts_with('{'));
    let unknown = run(&mut sidequest(&["traces", "--admin", &admin, &"1".repeat(32)]));
    assert!(unknown.contains("it is not kept, or no longer"), "{unknown}");
}

#[cfg(feature = "in-process")]
#[test]
fn the_demo_without_any_postgresql() {
    let data = Directory::new();
    let server = Serving::start(&["--engine", "in-process", "--data", data.text()]);
    let said = server.start.join("\n");
    assert!(said.contains("database: in-process PostgreSQL "), "{said}");
    the_demo_answers(&server);
    assert_eq!(server.stop(Signal::TERM), (Some(0), String::new()));
}

fn the_demo_answers(server: &Serving) {
    let (status, body) = server.get("/api/v1/objects?limit=3");
    assert_eq!(status, 200, "{body}");
    let (status, body) = server.get("/api/v1/objects/N14228");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"tailnum\":\"N14228\""), "{body}");
    let (status, body) = server.get("/api/v1/objects/N14228/analysis?pretty=true");
    assert_eq!(status, 200, "{body:.300}");
    assert!(body.lines().count() > 2_000, "{} lines", body.lines().count());
    let (status, body) = server.get("/api/v1/objects?ids=N14228,N24211&fields=delays.arrival_p90");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"arrival_p90\""), "{body}");
    let (status, body) = server.get("/api/v1/objects/nobody");
    assert_eq!(status, 404, "{body}");
    for probe in ["/livez", "/readyz"] {
        assert_eq!(
            get(server.admin, probe).expect("the admin listener answers").0,
            200,
            "{probe}"
        );
    }
}

#[test]
fn another_model_with_no_line_of_rust_changed() {
    if skip::program("initdb", "serve::another_model_with_no_line_of_rust_changed").is_none() {
        return;
    }
    let data = Directory::new();
    let server = Serving::start(&["--engine", "managed", "--data", data.text(), "--model", "shop"]);
    let (status, body) = server.get("/api/v1/objects/2/analysis");
    assert_eq!(status, 200, "{body}");
    insta::assert_snapshot!(body);
    let (status, body) = server.get("/api/v1/customers?sort=-joined&limit=2");
    assert_eq!(status, 200, "{body}");
    insta::assert_snapshot!(body);
}

#[test]
fn two_servers_on_one_directory() {
    if skip::program("initdb", "serve::two_servers_on_one_directory").is_none() {
        return;
    }
    let data = Directory::new();
    let arguments = ["--engine", "managed", "--data", data.text(), "--model", "shop"];
    let server = Serving::start(&arguments);
    let second = run(&mut sidequest(
        &[
            &["serve", "--listen", "127.0.0.1:0", "--admin", "off"],
            &arguments[..],
        ]
        .concat(),
    ));
    assert!(second.starts_with("exit code: 4\n"), "{second}");
    assert!(second.contains("error: failed to claim "), "{second}");
    assert!(second.contains("hint: "), "{second}");
    assert_eq!(server.get("/api/v1/objects/2").0, 200);
}

#[test]
fn an_address_in_use() {
    if skip::program("initdb", "serve::an_address_in_use").is_none() {
        return;
    }
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = Directory::new();
    let said = run(&mut sidequest(&[
        "serve",
        "--engine",
        "managed",
        "--data",
        data.text(),
        "--model",
        "shop",
        "--listen",
        &address,
    ]));
    assert!(said.starts_with("exit code: 5\n"), "{said}");
    assert!(said.contains(&address), "{said}");
}

#[test]
fn no_postgresql_outlives_us() {
    if skip::program("initdb", "serve::no_postgresql_outlives_us").is_none() {
        return;
    }
    let data = Directory::new();
    let server = Serving::start(&["--engine", "managed", "--data", data.text(), "--model", "shop"]);
    let children = children(server.pid());
    assert_eq!(
        children.len(),
        1,
        "the postmaster is our only child: {children:?}"
    );
    send(server.pid(), Signal::KILL);
    let until = Instant::now() + Duration::from_secs(20);
    let stat = format!("/proc/{}", children[0]);
    while Path::new(&stat).exists() {
        assert!(Instant::now() < until, "PostgreSQL still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn children(pid: u32) -> Vec<u32> {
    let listed = std::fs::read_dir(format!("/proc/{pid}/task")).expect("our own child is in /proc");
    let mut children = Vec::new();
    for task in listed.flatten() {
        let text = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(text.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    children
}
