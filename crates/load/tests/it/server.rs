//! Servers to be measured: hyper's, and sockets that do what a test says.

use std::{
    convert::Infallible,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use load::{
    arrivals::Arrivals,
    config::{Bodies, Config, Limits, Protocol, Timeouts, Tls, WINDOW_MAX, Windows},
    ending::Ending,
    scenario::Scenario,
    summary::Summary,
    watch::Watch,
};

/// What a test asks with, unless it says otherwise.
pub(crate) fn config(protocol: Protocol) -> Config {
    Config {
        threads: 1,
        clients: 1,
        streams: 1,
        protocol,
        bodies: Bodies::Read,
        windows: Windows {
            stream: WINDOW_MAX,
            connection: WINDOW_MAX,
        },
        header_table_bytes: 4_096,
        encoder_table_bytes: 4_096,
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(10),
            inactivity: None,
            age: None,
        },
        tls: Tls {
            insecure: false,
            server_name: None,
            authorities: None,
            client: None,
        },
        connect_to: None,
        traceparent: false,
        seed: 7,
        limits: Limits {
            head_bytes_max: 16_384,
            informational_max: 10,
            refused_max: 3,
            connect_attempts_max: 2,
            slowest_listed_max: 3,
            connections_listed_max: 100,
        },
        samples: None,
    }
}

/// Runs to the end, and checks that every request is accounted for.
#[track_caller]
pub(crate) fn run(scenario: &Scenario, arrivals: &Arrivals, ending: &Ending, config: &Config) -> Summary {
    let summary = load::run::run(scenario, arrivals, ending, config, &Watch::new()).expect("the run starts");
    reconcile(&summary);
    if let Some(asked) = ending.requests() {
        assert_eq!(summary.totals.asked, asked, "asked for");
    }
    summary
}

/// Asks for one path so many times, in a closed loop.
#[track_caller]
pub(crate) fn ask(url: &str, requests: u64, config: &Config) -> Summary {
    run(
        &Scenario::get(url).expect("the URL is right"),
        &Arrivals::Closed,
        &Ending::after(requests).expect("some requests"),
        config,
    )
}

#[track_caller]
pub(crate) fn reconcile(summary: &Summary) {
    let totals = &summary.totals;
    assert_eq!(
        totals.asked,
        totals.ok + totals.http_errors + totals.failed_checks + totals.lost_all() + totals.unsent,
        "{totals:?}"
    );
    let answered = totals.ok + totals.http_errors + totals.failed_checks;
    assert_eq!(summary.response.count(), answered);
    assert_eq!(summary.statuses.values().sum::<u64>(), answered);
    assert!(summary.active_ns <= summary.elapsed_ns);
}

/// A server of hyper, in a thread of its own, until the test's process ends.
pub(crate) fn hyper(http2: bool) -> SocketAddr {
    hyper_on("127.0.0.1:0", http2)
}

/// The same on an address that the test chooses.
pub(crate) fn hyper_on(address: &str, http2: bool) -> SocketAddr {
    let listener = TcpListener::bind(address).expect("a port");
    listener.set_nonblocking(true).expect("no waiting");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                let mut tasks = tokio::task::JoinSet::new();
                loop {
                    let (stream, _) = listener.accept().await.expect("a connection");
                    tasks.spawn(async move {
                        let io = TokioIo::new(stream);
                        // A client that leaves is no failure.
                        if http2 {
                            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                                .serve_connection(io, service_fn(answer))
                                .await;
                        } else {
                            let _ = hyper::server::conn::http1::Builder::new()
                                .pipeline_flush(true)
                                .serve_connection(io, service_fn(answer))
                                .await;
                        }
                    });
                }
            });
    });
    address
}

/// `/N` is N bytes, `/status/N` a status, `/echo` what was sent, `/agent` who asks.
pub(crate) async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    use http_body_util::BodyExt as _;
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let response = Response::builder();
    let answer = if let Some(status) = path.strip_prefix("status/") {
        response
            .status(status.parse::<u16>().expect("a status"))
            .body(Full::new(Bytes::from_static(b"no")))
    } else if path == "echo" {
        let body = request.into_body().collect().await.map(|body| body.to_bytes());
        response.body(Full::new(body.unwrap_or_default()))
    } else if let Some(header) = path.strip_prefix("header/") {
        let value = request
            .headers()
            .get(header)
            .map(|value| Bytes::copy_from_slice(value.as_bytes()))
            .unwrap_or_default();
        response.body(Full::new(value))
    } else {
        // hyper would send the body of an answer to HEAD in HTTP/2, which nobody may.
        let length = match *request.method() {
            hyper::Method::HEAD => 0,
            _ => path.parse().unwrap_or(0),
        };
        response.body(Full::new(vec![b'x'; length].into()))
    };
    Ok(answer.expect("the answer is right"))
}

/// A server of bare sockets: each connection is given to the function, with its number.
pub(crate) fn sockets(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let serve = Arc::new(serve);
    let number = AtomicUsize::new(0);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            let number = number.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || serve(stream, number));
        }
    });
    address
}

/// Reads one request of HTTP/1.1 without a body; false at the end.
pub(crate) fn request(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            _ => return false,
        }
    }
    true
}

/// Sends bytes and closes in good order, so that they arrive.
pub(crate) fn say_and_close(mut stream: TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let mut rest = [0; 4_096];
    while matches!(stream.read(&mut rest), Ok(1..)) {}
}
