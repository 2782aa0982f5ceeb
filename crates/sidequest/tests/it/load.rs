//! The demo under load: the strategies agree, nothing in flight is lost, and a database that dies is
//! waited for. And what `load` writes of a run.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::process::Signal;

use crate::{
    binary::{Directory, Serving, get, send, sidequest},
    serve::children,
    skip,
};

/// Clients at once.
const CLIENTS: usize = 8;

/// Objects of a page.
const PARTS: usize = 200;

#[test]
fn every_strategy_gives_the_same_bytes_and_one_connection_never_ends() {
    const NAME: &str = "load::every_strategy_gives_the_same_bytes_and_one_connection_never_ends";
    if skip::program("initdb", NAME).is_none() {
        return;
    }
    let data = Directory::new();
    let start = |strategy: &str| {
        Serving::start(&[
            "--engine",
            "managed",
            "--data",
            data.text(),
            "--request-timeout",
            "5m",
            "--strategy",
            strategy,
        ])
    };
    let fused = start("fused");
    let (status, whole) = fused.get("/api/v1/objects/analysis");
    assert_eq!(status, 200);
    let some: Vec<String> = ids(&whole).into_iter().step_by(60).collect();
    let path = format!("/api/v1/objects/analysis?ids={}", some.join(","));
    let (_, sample) = fused.get(&path);
    h2load(&fused, NAME);
    page(&fused, &ids(&whole));
    drop(fused);

    let batched = start("batched");
    let (status, same) = batched.get("/api/v1/objects/analysis");
    assert_eq!(status, 200);
    assert!(whole == same, "fused and batched differ");
    drop(batched);

    // 50 statements an object, one after the other: a sample is enough to wait for.
    let each = start("each");
    let (status, same) = each.get(&path);
    assert_eq!(status, 200);
    assert!(sample == same, "fused and each differ");
}

/// Far beyond the thousand requests after which a proxy would have closed it.
fn h2load(server: &Serving, test: &str) {
    let Some(program) = skip::program("h2load", test) else {
        return;
    };
    let url = format!("http://{}/api/v1/objects/N14228", server.address);
    let output = Command::new(program)
        .args(["-n", "20000", "-c", "1", "-m", "100", &url])
        .output()
        .expect("h2load runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("20000 succeeded, 0 failed, 0 errored"), "{said}");
}

/// A page of objects: six are asked for at once over HTTP/1.1, as many as the server allows over HTTP/2.
fn page(server: &Serving, ids: &[String]) {
    let values = format!("id={}", ids[..PARTS].join(","));
    let url = format!("http://{}/api/v1/objects/{{id}}/analysis", server.address);
    let parts = PARTS.to_string();
    for (protocol, connections, at_once) in [
        ("--h1", "6 connections of HTTP/1.1", 6..=6),
        // Before it has said so, no more than a hundred.
        ("--h2", "1 connection of HTTP/2", 100..=PARTS),
    ] {
        let output = sidequest(&["load", "--browser", "-q", "-n", &parts, "--values", &values])
            .args(["--check-status", "200", protocol, &url])
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(
            said.contains(&format!("page: {PARTS} requests over {connections}")),
            "{said}"
        );
        let most = said
            .split_once("; at most ")
            .and_then(|(_, rest)| rest.split_once(" at once"))
            .and_then(|(most, _)| most.parse::<usize>().ok());
        assert!(most.is_some_and(|most| at_once.contains(&most)), "{said}");
    }
}

#[test]
fn nothing_in_flight_is_lost_when_told_to_stop() {
    if skip::program("initdb", "load::nothing_in_flight_is_lost_when_told_to_stop").is_none() {
        return;
    }
    let data = Directory::new();
    let server = Serving::start(&["--engine", "managed", "--data", data.text()]);
    let (address, pid) = (server.address, server.pid());
    let (answered, refused) = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(move || {
                    let mut answered = 0;
                    loop {
                        // A refused connection is the end; a connection that was taken must be answered whole.
                        match get(address, "/api/v1/objects/N14228/analysis") {
                            Ok((200, body)) if body.ends_with('}') => answered += 1,
                            Ok((status, body)) => panic!("{status} {body:.300}"),
                            Err(error) => return (answered, error.kind()),
                        }
                    }
                })
            })
            .collect();
        while get(address, "/api/v1/objects?limit=1").is_err() {}
        thread::sleep(Duration::from_millis(500));
        send(pid, Signal::TERM);
        let ends: Vec<_> = clients
            .into_iter()
            .map(|client| client.join().expect("a client"))
            .collect();
        (
            ends.iter().map(|end| end.0).sum::<usize>(),
            ends.iter().map(|end| end.1).collect::<Vec<_>>(),
        )
    });
    assert!(answered > CLIENTS, "{answered} answered");
    for kind in refused {
        // Reset: the kernel had taken the connection, nobody had accepted it when the listener closed.
        let ends = [
            std::io::ErrorKind::ConnectionRefused,
            std::io::ErrorKind::ConnectionReset,
        ];
        assert!(ends.contains(&kind), "{kind:?}");
    }
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_database_that_dies_under_load_is_waited_for() {
    if skip::program("initdb", "load::a_database_that_dies_under_load_is_waited_for").is_none() {
        return;
    }
    let data = Directory::new();
    let server = Serving::start(&[
        "--engine",
        "managed",
        "--data",
        data.text(),
        "--request-timeout",
        "5s",
    ]);
    let address = server.address;
    let stop = AtomicBool::new(false);
    let served = AtomicBool::new(false);
    let statuses = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut statuses = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        let (status, _) = get(address, "/api/v1/objects/N14228/analysis").expect("an answer");
                        assert!(
                            began.elapsed() < Duration::from_secs(20),
                            "it hangs: {:?}",
                            began.elapsed()
                        );
                        statuses.push(status);
                        served.fetch_or(status == 200, Ordering::Relaxed);
                    }
                    statuses
                })
            })
            .collect();
        let answers = |wanted: u16| {
            let until = Instant::now() + Duration::from_secs(60);
            while get(address, "/api/v1/objects?limit=1").expect("an answer").0 != wanted {
                assert!(Instant::now() < until, "no {wanted}");
            }
        };
        answers(200);
        // Under load: a list may be answered long before the first analysis is.
        while !served.load(Ordering::Relaxed) {
            answers(200);
        }
        send(children(server.pid())[0], Signal::KILL);
        answers(503);
        answers(200);
        stop.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .flat_map(|client| client.join().expect("a client"))
            .collect::<Vec<u16>>()
    });
    assert!(statuses.contains(&200));
    assert!(
        statuses.iter().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    let (status, _) = server.get("/api/v1/objects/N14228/analysis");
    assert_eq!(status, 200, "without a restart");
}

#[test]
fn a_log_counts_from_when_the_run_began() {
    let micros = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_micros() as u64
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        // Which protocol is spoken is asked first. That takes as long as the server wants.
        let (probe, _) = listener.accept().expect("the probe");
        thread::sleep(Duration::from_millis(300));
        drop(probe);
        let probed = micros();
        let (mut stream, _) = listener.accept().expect("the run");
        let mut buffer = [0; 4_096];
        assert!(stream.read(&mut buffer).expect("a request") > 0);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .expect("it is read");
        let answered = micros();
        // Until the client has gone.
        let _ = stream.read(&mut buffer);
        (probed, answered)
    });
    let directory = Directory::new();
    let log = directory.path().join("log");
    let output = sidequest(&["load", "-q", "-n", "1", "--log-file"])
        .arg(&log)
        .arg(&url)
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (probed, answered) = server.join().expect("the server ends");
    let rows = fs::read_to_string(&log).expect("a log");
    let start: u64 = rows
        .split('\t')
        .next()
        .and_then(|start| start.parse().ok())
        .expect("a number");
    // A millisecond for two clocks that were read one after the other.
    assert!(
        (probed - 1_000..=answered + 1_000).contains(&start),
        "{probed} {start} {answered}"
    );
}

#[test]
fn more_clients_than_a_shell_lets_files_be_open() {
    const CLIENTS: usize = 100;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        // Nobody is answered before all are there.
        let mut streams: Vec<TcpStream> = (0..CLIENTS)
            .map(|_| listener.accept().expect("a client").0)
            .collect();
        let mut buffer = [0; 4_096];
        for stream in &mut streams {
            assert!(stream.read(&mut buffer).expect("a request") > 0);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .expect("it is read");
        }
        streams
    });
    let count = CLIENTS.to_string();
    let output = Command::new("sh")
        .args(["-c", "ulimit -Sn 40 && exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_sidequest"))
        .args(["load", "--h1", "-n", &count, "-c", &count, &url])
        .output()
        .expect("a shell runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("100 succeeded"), "{said} {output:?}");
    drop(server.join().expect("the server ends"));
}

/// The ids of an array of analyses.
fn ids(body: &str) -> Vec<String> {
    let documents: Vec<serde_json::Value> = serde_json::from_str(body).expect("an array");
    documents
        .iter()
        .filter_map(|document| document["id"].as_str().map(str::to_owned))
        .collect()
}
