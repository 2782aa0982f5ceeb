//! `sidequest load` from outside: what it prints, what it writes, and how it ends.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    process::Stdio,
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::binary::{Directory, sidequest};

/// A server that answers everything with five bytes, and `/missing` with 404, until the test's process ends.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = stream;
                let mut bytes = Vec::new();
                let mut part = [0; 4_096];
                while let Ok(read @ 1..) = stream.read(&mut part) {
                    bytes.extend_from_slice(&part[..read]);
                    // A handshake of TLS begins so.
                    if bytes.starts_with(b"\x16\x03") {
                        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
                        return;
                    }
                    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                        bytes.drain(..end + 4);
                        if head.starts_with("PRI ") {
                            // No HTTP/2 is spoken here.
                            return;
                        }
                        let status = if head.contains(" /missing ") {
                            "404 Not Found"
                        } else {
                            "200 OK"
                        };
                        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\nhello");
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

/// Runs to the end: exit code, stdout, stderr.
fn load(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = sidequest(&["load"])
        .args(arguments)
        .output()
        .expect("the binary runs");
    (
        output.status.code(),
        String::from_utf8(output.stdout).expect("it prints text"),
        String::from_utf8(output.stderr).expect("it prints text"),
    )
}

#[test]
fn scripts_for_h2load_find_their_lines() {
    let url = format!("http://{}/", server());
    let (code, said, _) = load(&["-n", "500", "-c", "4", "-t", "2", "--h1", &url]);
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    let verdict = lines[0].split(':').next().expect("there is a first line");
    assert!(
        ["server-bound", "generator-bound", "latency-bound"].contains(&verdict),
        "{verdict}"
    );
    for wanted in [
        "requests: 500 total, 500 started, 500 done, 500 succeeded, 0 failed, 0 errored, 0 timeout",
        "status codes: 500 2xx, 0 3xx, 0 4xx, 0 5xx",
        "Application protocol: http/1.1",
        "asked 500 = 500 ok + 0 HTTP errors + 0 failed checks + 0 lost + 0 unsent",
    ] {
        assert!(lines.contains(&wanted), "no {wanted:?} in\n{said}");
    }
    for wanted in [
        "finished in ",
        "traffic: ",
        "time for request: ",
        "time for connect: ",
        "time to 1st byte: ",
        "req/s           : ",
        "response time: ",
        "service time: ",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(wanted)),
            "no {wanted:?} in\n{said}"
        );
    }
}

#[test]
fn files_are_written_as_asked() {
    let directory = Directory::new();
    let path = |name: &str| format!("{}/{name}", directory.text());
    let url = format!("http://{}/{{id}}", server());
    let (code, said, _) = load(&[
        "-n",
        "10",
        "--values",
        "id=1..3",
        "--traceparent",
        "--json",
        &path("r.json"),
        "--log",
        &path("r.csv"),
        "--log-file",
        &path("r.tsv"),
        "--hdr",
        &path("r.hdr"),
        &url,
    ]);
    assert_eq!(code, Some(0), "{said}");
    let text = |name: &str| fs::read_to_string(path(name)).expect("it was written");
    let result: serde_json::Value = serde_json::from_str(&text("r.json")).expect("it is JSON");
    assert_eq!(result["requests"]["asked"], 10);
    assert_eq!(result["requests"]["ok"], 10);
    assert_eq!(result["protocol"], "http/1.1");
    assert!(result["response"]["p99_ms"].as_f64().expect("a number") > 0.0);
    let trace = result["slowest"][0]["trace_id"].as_str().expect("a trace");
    assert_eq!(trace.len(), 32);
    assert_eq!(text("r.csv").lines().count(), 11);
    assert!(text("r.csv").contains("\n3,/1,"), "{}", text("r.csv"));
    assert_eq!(text("r.tsv").lines().count(), 10);
    assert!(text("r.hdr").contains("#[Mean"));
}

#[test]
fn a_page_is_drawn() {
    let url = format!("http://{}/", server());
    let (code, said, _) = load(&["--browser", "--h1", "-n", "13", &url]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("page: 13 requests over 6 connections of HTTP/1.1 in "),
        "{said}"
    );
    assert!(said.contains("1st byte"), "{said}");
    assert!(said.contains("; at most 6 at once"), "{said}");
}

#[test]
fn exit_codes_tell_how_it_went() {
    let address = server();
    let url = |path: &str| format!("http://{address}/{path}");
    assert_eq!(load(&[&url("missing")]).0, Some(8), "nothing answered well");
    assert_eq!(load(&["--check-status", "404", &url("missing")]).0, Some(0));
    assert_eq!(load(&["--check-contains", "bye", &url("")]).0, Some(8));
    assert_eq!(load(&["--fail-fast", "-n", "9", &url("missing")]).0, Some(8));
    for wrong in [
        &["ftp://a/"] as &[&str],
        &["--rate", "9", &url("")][..2],
        &["-n", "0", &url("")],
    ] {
        let (code, _, said) = load(wrong);
        assert_eq!(code, Some(2), "{wrong:?} {said}");
    }
}

/// An address that nobody listens on.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound")
}

#[test]
fn nobody_there_is_an_error_and_no_table() {
    let address = nobody();
    let url = format!("http://{address}/");
    for more in [
        &[] as &[&str],
        &["--browser", "--h1"],
        &["--h2"],
        &["--rate", "50"],
    ] {
        let (code, out, said) = load(&[&["-n", "10"], more, &[&url]].concat());
        assert_eq!(code, Some(8), "{more:?}");
        assert_eq!(out, "", "{more:?}");
        assert!(
            said.contains(&format!(
                "error: failed to connect to http://{address}: Connection refused"
            )),
            "{said}"
        );
        assert!(said.contains("hint: nothing listens there"), "{said}");
    }
    let (code, out, said) = load(&["-q", "--connect-to", "unix:/nowhere/socket", &url]);
    assert_eq!((code, out.as_str()), (Some(8), ""));
    assert!(said.contains("hint: there is no such socket"), "{said}");
}

#[test]
fn nobody_there_is_still_told_in_json() {
    let url = format!("http://{}/", nobody());
    let directory = Directory::new();
    let file = format!("{}/result.json", directory.text());
    let (code, out, said) = load(&["-q", "-n", "10", "--json", "-", &url]);
    let (_, nothing, _) = load(&["-q", "-n", "10", "--json", &file, &url]);
    let written = fs::read_to_string(&file).expect("the file is there");
    assert_eq!((code, nothing.as_str()), (Some(8), ""));
    assert!(said.contains("error: failed to connect to"), "{said}");
    for text in [out, written] {
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["requests"]["unsent"], 10);
        assert_eq!(value["response"]["count"], 0);
        let failed = value["connections"]["failed"].as_object().expect("reasons");
        assert_eq!(failed.len(), 1, "{failed:?}");
    }
}

#[test]
fn the_wrong_protocol_has_a_next_step() {
    let address = server();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}/", silent.local_addr().expect("bound"));
    let (code, _, said) = load(&["-q", "--connect-timeout", "50ms", &url]);
    assert_eq!(code, Some(8));
    assert!(said.contains("TLS: timed out, 5 times"), "{said}");
    assert!(
        said.contains("hint: it takes connections and says nothing in TLS"),
        "{said}"
    );
    let (code, out, said) = load(&["-q", "-n", "3", &format!("https://{address}/")]);
    assert_eq!((code, out.as_str()), (Some(8), ""));
    assert!(
        said.contains("hint: what listens there speaks no TLS: try http://"),
        "{said}"
    );
    let (code, out, said) = load(&["-q", "-n", "3", "--h2", &format!("http://{address}/")]);
    assert_eq!(code, Some(8));
    assert!(out.contains("asked 3 = 0 ok") && !out.contains("p99"), "{out}");
    assert!(said.contains("hint: it does not answer in HTTP/2"), "{said}");
    let (code, _, said) = load(&["-q", &format!("{address}/thing")]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains(&format!("hint: give http://{address}/thing or ")),
        "{said}"
    );
}

#[test]
fn what_may_not_be_meant_is_said() {
    let address = server();
    let url = format!("http://{address}/{{id}}");
    let (code, out, said) = load(&["-q", "-n", "3", "-c", "4", &url]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.starts_with("too few to tell: 3 answers"), "{out}");
    assert!(said.contains("--values NAME=1..500 would fill {NAME}"), "{said}");
    assert!(said.contains("3 requests for 4 clients"), "{said}");
    let directory = Directory::new();
    let file = directory.path().join("body");
    fs::write(&file, "").expect("a file");
    let curls = format!("@{}", file.display());
    let (code, _, said) = load(&["-q", "-d", &curls, &format!("http://{address}/")]);
    assert_eq!(code, Some(0), "{said}");
    let (code, _, said) = load(&["-q", "-d", "name=1", &format!("http://{address}/")]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--data names a file"), "{said}");
}

#[test]
fn what_is_dangerous_or_ignored_is_said() {
    let output = sidequest(&["load", "--insecure", "-q"])
        .arg(format!("http://{}/", server()))
        .env("HTTPS_PROXY", "http://proxy.test")
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("any certificate is believed"), "{said}");
    assert!(said.contains("HTTPS_PROXY is ignored"), "{said}");
}

#[test]
fn an_interrupt_ends_with_the_result_so_far() {
    let mut child = sidequest(&["load", "-D", "60", "--log", "/dev/stderr"])
        .arg(format!("http://{}/", server()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    // Rows come once a chunk of them is full: then requests are being answered.
    let mut stderr = child.stderr.take().expect("it is piped");
    let mut some = [0; 256];
    while !String::from_utf8_lossy(&some).contains("/,") {
        assert!(stderr.read(&mut some).expect("it writes") > 0, "it ended");
    }
    let drain = thread::spawn(move || {
        let mut rest = Vec::new();
        let _ = stderr.read_to_end(&mut rest);
    });
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    drain.join().expect("it was read");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("finished in "), "{said}");
}
