//! What others make of a running server: Prometheus and our dashboards, a collector of traces, readers of profiles.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::{
    binary::{Directory, Serving, ask, get},
    skip,
};

const PATIENCE: Duration = Duration::from_secs(90);

/// Ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

/// Some requests at once, more than the server takes.
fn load(server: &Serving) {
    let address = server.address;
    let clients: Vec<_> = (0..6)
        .map(|client| {
            thread::spawn(move || {
                for id in 1..=5 {
                    let path = format!("/api/v1/objects/{}/analysis", 1 + (id + client) % 5);
                    let _ = get(address, &path);
                    let _ = get(address, "/api/v1/objects?limit=2");
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("a client ends");
    }
}

fn encoded(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Queries of all panels of all dashboards, by their title.
fn panels() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana");
    let files = fs::read_dir(directory).expect("there are dashboards").flatten();
    let mut queries = Vec::new();
    for file in files.filter(|file| file.path().extension().is_some_and(|kind| kind == "json")) {
        let text = fs::read_to_string(file.path()).expect("a dashboard");
        let dashboard: Value = serde_json::from_str(&text).expect("it is JSON");
        for panel in dashboard["panels"].as_array().into_iter().flatten() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let query = target["expr"].as_str().expect("a query");
                let query = query
                    .replace("$__rate_interval", "10s")
                    .replace("$job", ".*")
                    .replace("$instance", ".*");
                assert!(!query.contains('$'), "{query}");
                queries.push((panel["title"].as_str().unwrap_or_default().to_owned(), query));
            }
        }
    }
    assert!(queries.len() > 40, "{queries:?}");
    queries
}

/// A cgroup without limits tells nothing of them; everything else has to be there.
fn may_be_empty(query: &str, exposed: &str) -> bool {
    let words = query.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let mut of_cgroup = words.filter(|word| word.starts_with("sidequest_cgroup_"));
    of_cgroup.any(|name| !exposed.lines().any(|line| line.starts_with(name)))
}

#[test]
fn every_panel_of_the_dashboards_shows_something_after_a_load() {
    let test = "watched::every_panel_of_the_dashboards_shows_something_after_a_load";
    let (Some(prometheus), Some(_)) = (skip::program("prometheus", test), skip::program("initdb", test))
    else {
        return;
    };
    let data = Directory::new();
    let nobody = format!("http://{}", free());
    let server = Serving::start(&[
        "--engine",
        "managed",
        "--data",
        data.text(),
        "--model",
        "shop",
        "--in-flight-max",
        "3",
        "--traces-share",
        "1",
        "--otlp",
        &nobody,
    ]);
    let directory = Directory::new();
    let config = format!(
        "global: {{ scrape_interval: 500ms }}\nscrape_configs:\n- job_name: sidequest\n  static_configs:\n  - targets: ['{}']\n",
        server.admin
    );
    let file = directory.path().join("prometheus.yml");
    fs::write(&file, config).expect("it can be written");
    let listen = free();
    let _prometheus = Program(
        Command::new(prometheus)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("tsdb").display()
            ))
            .arg(format!("--web.listen-address={listen}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus runs"),
    );
    let panels = panels();
    let until = Instant::now() + PATIENCE;
    loop {
        load(&server);
        let (_, exposed) = get(server.admin, "/metrics").expect("metrics");
        let empty: Vec<&(String, String)> = panels
            .iter()
            .filter(|(_, query)| {
                let answer = get(listen, &format!("/api/v1/query?query={}", encoded(query)));
                let shown = answer
                    .ok()
                    .and_then(|(_, body)| serde_json::from_str::<Value>(&body).ok());
                let shown = shown.and_then(|shown| Some(shown["data"]["result"].as_array()?.len()));
                shown.unwrap_or(0) == 0 && !may_be_empty(query, &exposed)
            })
            .collect();
        if empty.is_empty() {
            break;
        }
        assert!(
            Instant::now() < until,
            "these show nothing: {empty:#?}\n{exposed}"
        );
    }
}

/// A span as rotel prints it: its fields, and its attributes.
type Printed = BTreeMap<String, String>;

/// Spans of a trace that rotel was sent by a server, and the same trace as the server shows it.
fn received(protocol: &str, test: &str) -> Option<(Vec<Printed>, Value)> {
    let (Some(rotel), Some(_)) = (skip::program("rotel-agent", test), skip::program("initdb", test)) else {
        return None;
    };
    let (grpc, http) = (free(), free());
    let mut rotel = Program(
        Command::new(rotel)
            .args(["start", "--exporter", "blackhole"])
            .args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"])
            .args(["--otlp-grpc-endpoint", &grpc.to_string()])
            .args(["--otlp-http-endpoint", &http.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("rotel runs"),
    );
    let collector = format!("http://{}", if protocol == "grpc" { grpc } else { http });
    let data = Directory::new();
    let server = Serving::start(&[
        "--engine",
        "managed",
        "--data",
        data.text(),
        "--model",
        "shop",
        "--traces-share",
        "0",
        "--otlp",
        &collector,
        "--otlp-protocol",
        protocol,
    ]);
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("traceparent: 00-{id}-00f067aa0ba902b7-01\r\naccept: */*");
    let (status, body) =
        ask(server.address, "GET /api/v1/objects/2/analysis", &traceparent, "").expect("the server answers");
    assert_eq!(status, 200, "{body}");
    // It is kept once its last byte is written, which may be after that was read.
    let until = Instant::now() + PATIENCE;
    let shown = loop {
        let (status, body) = get(server.admin, &format!("/traces/{id}")).expect("the admin listener answers");
        if status == 200 {
            break serde_json::from_str::<Value>(&body).expect("a trace is JSON");
        }
        assert!(Instant::now() < until, "{body}");
    };
    let count = 1 + shown["spans"].as_array().expect("spans").len();
    let mut said = BufReader::new(rotel.0.stdout.take().expect("its output is piped"));
    let mut spans: Vec<Printed> = Vec::new();
    let mut line = String::new();
    let is_whole = |span: &Printed| {
        let last = match span.get("Kind").map(String::as_str) {
            Some("SPAN_KIND_SERVER") => "sidequest.kept",
            Some("SPAN_KIND_CLIENT") => "db.response.returned_rows",
            Some(_) => "End time",
            None => return false,
        };
        span.contains_key(last)
    };
    while spans.len() < count || !spans.iter().all(is_whole) {
        line.clear();
        assert_ne!(
            said.read_line(&mut line).expect("rotel speaks"),
            0,
            "rotel ended: {spans:#?}"
        );
        if line.starts_with("Span #") {
            spans.push(Printed::new());
        } else if let (Some(span), Some((key, value))) = (spans.last_mut(), line.split_once(':')) {
            let key = key.trim().trim_start_matches("->").trim();
            span.insert(key.to_owned(), value.trim().to_owned());
        }
    }
    Some((spans, shown))
}

fn a_request_arrives_whole(protocol: &str, test: &str) {
    let Some((spans, shown)) = received(protocol, test) else {
        return;
    };
    let time = |span: &Printed, key: &str| span[key].parse::<u64>().expect("nanoseconds");
    let took = |span: &Printed| time(span, "End time") - time(span, "Start time");
    let root = spans
        .iter()
        .find(|span| span["Kind"] == "SPAN_KIND_SERVER")
        .expect("a root");
    assert_eq!(root["Parent ID"], "00f067aa0ba902b7");
    assert_eq!(root["Trace ID"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(took(root), shown["took_ns"].as_u64().expect("a number"));
    for step in shown["spans"].as_array().expect("spans") {
        let found = spans
            .iter()
            .find(|span| span["ID"] == step["span_id"].as_str().expect("an id"));
        let found = found.unwrap_or_else(|| panic!("{step} in {spans:#?}"));
        assert_eq!(found["Parent ID"], step["parent_id"].as_str().expect("an id"));
        assert_eq!(took(found), step["took_ns"].as_u64().expect("a number"));
        let parent = spans
            .iter()
            .find(|span| span["ID"] == found["Parent ID"])
            .expect("its parent came, too");
        assert!(time(found, "Start time") >= time(root, "Start time"), "{found:?}");
        assert!(time(found, "End time") <= time(root, "End time"), "{found:?}");
        if step["step"] == "statement" {
            assert!(
                parent["Name"].starts_with("batch ") || parent["Name"].starts_with("handle"),
                "{parent:?}"
            );
            assert!(found["db.query.text"].starts_with("Str(select "), "{found:?}");
        }
    }
    assert!(
        spans.iter().any(|span| span["Name"] == "statement orders"),
        "{spans:#?}"
    );
    // What stands directly under the request is all of its time, one after the other.
    let parts: u64 = spans
        .iter()
        .filter(|span| span["Parent ID"] == root["ID"])
        .map(took)
        .sum();
    let share = parts as f64 / took(root) as f64;
    assert!(
        (0.98..=1.02).contains(&share),
        "{share} of the request: {spans:#?}"
    );
}

#[test]
fn a_collector_receives_a_request_whole_over_http() {
    a_request_arrives_whole("http", "watched::a_collector_receives_a_request_whole_over_http");
}

#[test]
fn a_collector_receives_a_request_whole_over_grpc() {
    a_request_arrives_whole("grpc", "watched::a_collector_receives_a_request_whole_over_grpc");
}

#[test]
fn a_profile_under_load_names_our_functions() {
    if skip::program("initdb", "watched::a_profile_under_load_names_our_functions").is_none() {
        return;
    }
    let data = Directory::new();
    let server = Serving::start(&[
        "--engine",
        "managed",
        "--data",
        data.text(),
        "--model",
        "shop",
        "--no-cache",
    ]);
    let profile = |format: &'static str| {
        let admin = server.admin;
        let taken = thread::spawn(move || raw(admin, &format!("/profile?seconds=2&format={format}")));
        while !taken.is_finished() {
            load(&server);
        }
        taken.join().expect("it was taken")
    };
    let folded = String::from_utf8(profile("folded")).expect("text");
    for ours in ["api::", "analysis::", "store::"] {
        assert!(folded.contains(ours), "{ours} in {folded}");
    }
    // What pprof reads holds the names, too.
    let pprof = profile("pprof");
    let mut message = Vec::new();
    GzDecoder::new(&*pprof)
        .read_to_end(&mut message)
        .expect("it is gzipped");
    let names = String::from_utf8_lossy(&message);
    assert!(names.contains("analysis::") && names.contains("api::layer"));
    go_names_our_functions(&pprof);
}

/// What `go tool pprof -top` says of it.
fn go_names_our_functions(pprof: &[u8]) {
    let Some(go) = skip::program("go", "watched::a_profile_under_load_names_our_functions (go)") else {
        return;
    };
    let directory = Directory::new();
    let file = directory.path().join("cpu.pb.gz");
    fs::write(&file, pprof).expect("it can be written");
    let told = Command::new(go)
        .args(["tool", "pprof", "-top", "-cum", "-nodecount=400"])
        .arg(&file)
        .current_dir(directory.path())
        // Where it would keep what it has built and fetched, of which there is nothing.
        .env("HOME", directory.path())
        .output()
        .expect("go runs");
    let top = String::from_utf8_lossy(&told.stdout);
    assert!(
        told.status.success(),
        "{top}{}",
        String::from_utf8_lossy(&told.stderr)
    );
    assert!(top.contains("Type: cpu"), "{top}");
    for ours in ["api::layer::", "analysis::", "store::"] {
        // The name is the last column.
        let is_named = |line: &str| {
            line.split_whitespace()
                .nth(5)
                .is_some_and(|name| name.contains(ours))
        };
        assert!(top.lines().any(is_named), "{ours} in {top}");
    }
}

/// The body as it is.
fn raw(address: SocketAddr, path: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let head = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    assert!(
        answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200"),
        "{answer:?}"
    );
    answer.split_off(head + 4)
}
