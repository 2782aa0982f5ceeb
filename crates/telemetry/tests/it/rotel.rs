//! An independent receiver, rotel, reads what is sent, over HTTP and over gRPC.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
};

use telemetry::otlp::Protocol;

use crate::{
    otlp::{Rig, config, request},
    skip,
};

/// Ends with the test.
struct Rotel {
    child: Child,
    said: BufReader<ChildStdout>,
    grpc: String,
    http: String,
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One that prints every span; none where it is not installed.
fn start(test: &str) -> Option<Rotel> {
    let program = skip::program("rotel-agent", test)?;
    let free = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let (grpc, http) = (free(), free());
    let mut child = Command::new(program)
        .args(["start", "--exporter", "blackhole"])
        .args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"])
        .args(["--otlp-grpc-endpoint", &grpc, "--otlp-http-endpoint", &http])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("Starting Rotel") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "rotel ended");
    }
    // It says that it starts before it listens.
    for address in [&grpc, &http] {
        while TcpStream::connect(address).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "rotel ended");
            std::thread::yield_now();
        }
    }
    Some(Rotel {
        child,
        said,
        grpc: format!("http://{grpc}"),
        http: format!("http://{http}"),
    })
}

/// A span as rotel prints it: its fields, and its attributes.
type Printed = BTreeMap<String, String>;

impl Rotel {
    /// The next spans it prints.
    fn spans(&mut self, count: usize) -> Vec<Printed> {
        let mut spans: Vec<Printed> = Vec::new();
        let mut line = String::new();
        // The last one is whole when its last attribute is there.
        while spans.len() < count || !spans.iter().all(is_whole) {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "rotel ended");
            if line.starts_with("Span #") {
                spans.push(Printed::new());
            } else if let (Some(span), Some((key, value))) = (spans.last_mut(), line.split_once(':')) {
                let key = key.trim().trim_start_matches("->").trim();
                span.insert(key.to_owned(), value.trim().to_owned());
            }
        }
        spans
    }
}

fn is_whole(span: &Printed) -> bool {
    let last = match span.get("Kind").map(String::as_str) {
        Some("SPAN_KIND_SERVER") => "sidequest.kept",
        Some("SPAN_KIND_CLIENT") => "db.response.returned_rows",
        Some(_) => "End time",
        None => return false,
    };
    span.contains_key(last)
}

async fn received(protocol: Protocol, test: &str) {
    let Some(mut rotel) = start(test) else { return };
    let url = match protocol {
        Protocol::Http => &rotel.http,
        Protocol::Grpc => &rotel.grpc,
    };
    let mut config = config(url, protocol);
    config.attempts_max = 100;
    config.backoff = std::time::Duration::from_millis(50);
    config.backoff_max = std::time::Duration::from_millis(50);
    let rig = Rig::start(config);
    request(&rig.tracer);
    // It prints before it answers, so it lives until its answer is counted.
    let (spans, rotel) = tokio::task::spawn_blocking(move || (rotel.spans(5), rotel))
        .await
        .unwrap();
    let span = |name: &str| {
        let found = spans.iter().find(|span| span["Name"].starts_with(name));
        found.unwrap_or_else(|| panic!("{name} in {spans:#?}"))
    };
    let (root, batch, statement) = (span("GET /api/v1/objects/{id}"), span("batch"), span("statement"));
    assert_eq!(root["Kind"], "SPAN_KIND_SERVER");
    assert_eq!(batch["Parent ID"], root["ID"]);
    assert_eq!(statement["Parent ID"], batch["ID"]);
    assert_eq!(span("write")["Parent ID"], root["ID"]);
    assert_eq!(statement["db.query.text"], "Str(select $1)");
    assert_eq!(statement["db.response.returned_rows"], "Int(12)");
    let time = |span: &Printed, key: &str| span[key].parse::<u64>().unwrap();
    for span in &spans {
        assert_eq!(span["Trace ID"], root["Trace ID"]);
        assert!(time(span, "Start time") >= time(root, "Start time"));
        assert!(time(span, "End time") <= time(root, "End time"));
    }
    let text = rig.ended().await;
    drop(rotel);
    assert!(text.contains("sidequest_otlp_sent_traces_total 1\n"), "{text}");
}

#[tokio::test]
async fn rotel_receives_over_http() {
    received(Protocol::Http, "rotel_receives_over_http").await;
}

#[tokio::test]
async fn rotel_receives_over_grpc() {
    received(Protocol::Grpc, "rotel_receives_over_grpc").await;
}
