//! What a server that hangs, falls behind or fails must not do to the figures of a run, nor to its length.

use std::{
    collections::BTreeMap,
    io::Write as _,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use load::{
    arrivals::Arrivals,
    config::Protocol,
    ending::Ending,
    limit::Closing,
    outcome::Lost,
    scenario::{Request, Scenario, values::Values},
    summary::Summary,
    target::Target,
    watch::Watch,
};

use crate::server::{config, hyper, reconcile, request, run, sockets};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers after a pause; the request with this number on a connection, never.
fn server(pause: Duration, never: usize) -> SocketAddr {
    sockets(move |mut stream, _| {
        let mut number = 0;
        while request(&mut stream) {
            number += 1;
            if number == never {
                // Until we give it up.
                request(&mut stream);
                return;
            }
            thread::sleep(pause);
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    })
}

fn at_rate(address: SocketAddr, rate: f64, span: Duration, request_timeout: Duration) -> Summary {
    let mut config = config(Protocol::Http1);
    config.timeouts.request = request_timeout;
    run(
        &Scenario::get(&format!("http://{address}/")).expect("the URL is right"),
        &Arrivals::rate(rate).expect("a rate"),
        &Ending::within(span, Duration::ZERO).expect("a span"),
        &config,
    )
}

#[test]
fn waiting_for_the_next_arrival_takes_no_cpu() {
    let summary = at_rate(
        hyper(false),
        2.0,
        Duration::from_millis(1_600),
        Duration::from_secs(5),
    );
    assert_eq!(summary.totals.ok, 4);
    assert!(summary.self_check.busy < 0.2, "{}", summary.self_check.line());
}

#[test]
fn waiting_for_a_slow_server_takes_no_cpu() {
    let summary = at_rate(
        server(Duration::from_millis(150), 0),
        200.0,
        Duration::from_millis(500),
        Duration::from_secs(1),
    );
    assert!(summary.self_check.busy < 0.2, "{}", summary.self_check.line());
}

#[test]
fn a_request_that_hangs_divides_no_rate() {
    let (span, timeout) = (Duration::from_millis(500), Duration::from_secs(2));
    // The hundredth is due at 495 ms, and the 95th hangs.
    let open = at_rate(server(Duration::ZERO, 95), 200.0, span, timeout);
    assert!(open.elapsed_ns >= 2_000_000_000, "{}", open.elapsed_ns);
    assert!((150.0..=200.0).contains(&open.rate()), "{}", open.rate());
    let mut config = config(Protocol::Http1);
    config.timeouts.request = timeout;
    let closed = run(
        &Scenario::get(&format!("http://{}/", server(Duration::from_millis(10), 20))).unwrap(),
        &Arrivals::Closed,
        &Ending::within(span, Duration::ZERO).unwrap(),
        &config,
    );
    assert!(closed.elapsed_ns >= 2_000_000_000, "{}", closed.elapsed_ns);
    // Nineteen in half a second.
    assert!((25.0..=40.0).contains(&closed.rate()), "{}", closed.rate());
}

#[test]
fn a_rate_that_is_never_reached_ends_after_its_time_and_one_request_s() {
    let began = Instant::now();
    let summary = at_rate(
        server(Duration::from_millis(50), 0),
        1_000.0,
        Duration::from_millis(500),
        Duration::from_millis(600),
    );
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(summary.totals.asked, 500);
    assert!(summary.totals.unsent > 400, "{:?}", summary.totals);
}

#[test]
fn the_first_failure_ends_all_threads() {
    let failed = AtomicUsize::new(0);
    let address = sockets(move |mut stream, _| {
        while request(&mut stream) {
            let first = failed.fetch_add(1, Ordering::Relaxed) == 20;
            let answer = if first {
                b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n".as_slice()
            } else {
                OK
            };
            thread::sleep(Duration::from_millis(5));
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    });
    let mut config = config(Protocol::Http1);
    (config.threads, config.clients) = (4, 4);
    let began = Instant::now();
    let summary = load::run::run(
        &Scenario::get(&format!("http://{address}/")).unwrap(),
        &Arrivals::Closed,
        &Ending::within(Duration::from_secs(60), Duration::ZERO)
            .unwrap()
            .and_at_failure(),
        &config,
        &Watch::new(),
    )
    .unwrap();
    reconcile(&summary);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(summary.totals.http_errors, 1);
}

#[test]
fn the_first_failure_waits_for_nobody() {
    // Of two connections one is never answered, and the other badly.
    let address = sockets(|mut stream, number| {
        if request(&mut stream) && number % 2 == 1 {
            // The other's request is under way by then.
            thread::sleep(Duration::from_millis(100));
            let _ = stream.write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n");
        }
        // Until the client has gone.
        request(&mut stream);
    });
    for threads in [1, 2] {
        let began = Instant::now();
        let mut config = config(Protocol::Http1);
        (config.clients, config.threads) = (2, threads);
        let summary = run(
            &Scenario::get(&format!("http://{address}/")).unwrap(),
            &Arrivals::Closed,
            &Ending::after(10).unwrap().and_at_failure(),
            &config,
        );
        assert!(
            began.elapsed() < config.timeouts.request / 2,
            "{:?}",
            began.elapsed()
        );
        assert_eq!(summary.totals.http_errors, 1, "{:?}", summary.totals);
        assert_eq!(summary.totals.lost, BTreeMap::from([(Lost::Cut, 1)]));
    }
}

#[test]
fn a_connection_that_is_closed_unused_is_no_failure() {
    // Longer than what is taken for idle.
    const PATIENCE: Duration = Duration::from_millis(600);
    for farewell in [
        b"".as_slice(),
        b"HTTP/1.1 408 Request Time-out\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    ] {
        let address = sockets(move |mut stream, _| {
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            while request(&mut stream) {
                if stream.write_all(OK).is_err() {
                    return;
                }
            }
            let _ = stream.write_all(farewell);
        });
        let mut config = config(Protocol::Http1);
        config.limits.connect_attempts_max = 1;
        // Two connections are closed between the two requests, the second without ever having had one.
        let summary = run(
            &Scenario::get(&format!("http://{address}/")).unwrap(),
            &Arrivals::rate(0.66).unwrap(),
            &Ending::after(2).unwrap(),
            &config,
        );
        assert_eq!(summary.totals.ok, 2, "{:?}", summary.totals);
        let closings = &summary.closings;
        assert!(closings.contains_key(&Closing::Idle), "{closings:?}");
        assert!(!closings.contains_key(&Closing::Malformed), "{closings:?}");
    }
}

#[test]
fn the_warm_up_is_in_no_figure() {
    let summary = run(
        &Scenario::get(&format!("http://{}/1000", hyper(false))).unwrap(),
        &Arrivals::rate(100.0).unwrap(),
        &Ending::within(Duration::from_millis(500), Duration::from_millis(500)).unwrap(),
        &config(Protocol::Http1),
    );
    assert_eq!((summary.totals.ok, summary.totals.warm_up), (50, 50));
    let traffic = summary.traffic;
    assert_eq!(traffic.bodies, 50_000);
    // One answer may have come in between.
    assert!(
        traffic.received <= traffic.bodies + traffic.heads + 2_000,
        "{traffic:?}"
    );
}

#[test]
fn a_warm_up_in_which_nobody_was_connected_takes_nothing_off_what_follows() {
    // Three connections come to nothing, and the waits between them are longer than a third of a second.
    let address = sockets(
        |mut stream, number| {
            while number >= 3 && request(&mut stream) && stream.write_all(OK).is_ok() {}
        },
    );
    let half = Duration::from_millis(500);
    let mut config = config(Protocol::Http1);
    config.limits.connect_attempts_max = 10;
    let summary = run(
        &Scenario::get(&format!("http://{address}/")).unwrap(),
        &Arrivals::Closed,
        &Ending::within(half, half).unwrap(),
        &config,
    );
    assert!(summary.totals.warm_up > 0 && summary.totals.ok > 0);
    let active = Duration::from_nanos(summary.active_ns);
    assert!((half * 4 / 5..half * 2).contains(&active), "{active:?}");
}

#[test]
fn bytes_are_seen_while_they_come() {
    let watch = Watch::new();
    let scenario = Scenario::get(&format!("http://{}/1000", hyper(false))).unwrap();
    let summary = load::run::run(
        &scenario,
        &Arrivals::Closed,
        &Ending::after(50).unwrap(),
        &config(Protocol::Http1),
        &watch,
    )
    .unwrap();
    assert_eq!(watch.glance().bytes, summary.traffic.received);
}

#[test]
fn requests_that_may_not_be_sent_twice_follow_no_other_before_its_answer() {
    let address = hyper(false);
    let (target, _) = Target::parse(&format!("http://{address}")).unwrap();
    let request = Request {
        method: "POST".to_owned(),
        body: Some(b"x".to_vec()),
        ..Request::get("/echo", &Values::none()).unwrap()
    };
    let scenario = Scenario::new(target, vec![request], Values::none()).unwrap();
    let mut config = config(Protocol::Http1);
    config.streams = 10;
    let summary = run(&scenario, &Arrivals::Closed, &Ending::after(50).unwrap(), &config);
    assert_eq!(summary.totals.ok, 50);
    // Nine of ten users wait for the one before them.
    assert!(summary.slot_wait.count() > 0);
    assert!(summary.service.max_ns() < summary.response.max_ns());
}

#[test]
fn thousands_of_urls_are_asked_for_in_their_order() {
    let (target, _) = Target::parse(&format!("http://{}", hyper(false))).unwrap();
    let request = |path: usize| Request::get(&format!("/{path}"), &Values::none()).unwrap();
    let requests: Vec<Request> = (1..=20_000).map(request).collect();
    let scenario = Scenario::new(target, requests, Values::none()).unwrap();
    assert_eq!(scenario.path_of(19_999), "/20000");
    let summary = run(
        &scenario,
        &Arrivals::Closed,
        &Ending::after(100).unwrap(),
        &config(Protocol::Http1),
    );
    assert_eq!(summary.traffic.bodies, 5_050);
    let text = load::summary::text::text(&summary);
    assert!(text.lines().count() < 150, "{text}");
}
