//! Whole runs against a server that behaves: both protocols, checks, bodies, schedules, threads, TLS, samples.

use std::{sync::mpsc::sync_channel, time::Duration};

use load::{
    arrivals::{Arrivals, Stage},
    check::Check,
    config::{Bodies, Protocol},
    ending::Ending,
    outcome::Outcome,
    scenario::{
        Request, Scenario,
        template::Template,
        values::{Order, Values},
    },
    target::Target,
    watch::Watch,
};

use crate::server::{ask, config, hyper, reconcile, run};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

#[test]
fn every_request_is_answered_whole() {
    for protocol in BOTH {
        let address = hyper(protocol == Protocol::Http2);
        for (clients, streams, threads) in [(1, 1, 1), (4, 1, 2), (2, 8, 1), (3, 100, 3)] {
            let mut config = config(protocol);
            (config.clients, config.streams, config.threads) = (clients, streams, threads);
            let summary = ask(&format!("http://{address}/1000"), 700, &config);
            assert_eq!(summary.totals.ok, 700, "{protocol:?} {clients} {streams}");
            assert_eq!(summary.traffic.bodies, 700_000);
            assert_eq!(summary.connections, u64::from(clients));
            assert_eq!(summary.statuses.get(&200), Some(&700));
        }
    }
}

#[test]
fn large_bodies_come_whole_read_or_dropped() {
    for bodies in [Bodies::Read, Bodies::Discard] {
        for protocol in BOTH {
            let address = hyper(protocol == Protocol::Http2);
            let mut config = config(protocol);
            (config.clients, config.bodies) = (2, bodies);
            let summary = ask(&format!("http://{address}/1000000"), 20, &config);
            assert_eq!(summary.totals.ok, 20);
            assert_eq!(summary.traffic.bodies, 20_000_000);
        }
    }
}

#[test]
fn small_windows_only_make_it_slower() {
    let address = hyper(true);
    let mut config = config(Protocol::Http2);
    config.windows.stream = 1_000;
    config.windows.connection = 70_000;
    config.streams = 10;
    let summary = ask(&format!("http://{address}/300000"), 30, &config);
    assert_eq!(summary.totals.ok, 30);
    assert_eq!(summary.traffic.bodies, 9_000_000);
}

#[test]
fn the_protocol_is_found_out() {
    let mut config = config(Protocol::Auto);
    config.streams = 2;
    for (http2, expect) in [(false, Protocol::Http1), (true, Protocol::Http2)] {
        let address = hyper(http2);
        let summary = ask(&format!("http://{address}/10"), 10, &config);
        assert_eq!(summary.protocol, Some(expect));
        assert_eq!(summary.totals.ok, 10);
    }
}

#[test]
fn statuses_and_bodies_are_checked() {
    for protocol in BOTH {
        let address = hyper(protocol == Protocol::Http2);
        let outcome = |path: &str, check: Check| {
            let (target, _) = Target::parse(&format!("http://{address}")).unwrap();
            let request = Request {
                check,
                ..Request::get(path, &Values::none()).unwrap()
            };
            let scenario = Scenario::new(target, vec![request], Values::none()).unwrap();
            let totals = run(
                &scenario,
                &Arrivals::Closed,
                &Ending::after(3).unwrap(),
                &config(protocol),
            )
            .totals;
            (totals.ok, totals.http_errors, totals.failed_checks)
        };
        let none = Check::none;
        assert_eq!(outcome("/status/404", none()), (0, 3, 0));
        let expected = Check {
            status: Some(404..=404),
            ..none()
        };
        assert_eq!(outcome("/status/404", expected), (3, 0, 0));
        let length = |length| Check {
            length: Some(length),
            ..none()
        };
        assert_eq!(outcome("/5000", length(5_000)), (3, 0, 0));
        assert_eq!(outcome("/5000", length(5_001)), (0, 0, 3));
        let contains = |text: &str| Check {
            contains: Some(text.as_bytes().to_vec()),
            ..none()
        };
        assert_eq!(outcome("/200000", contains(&"x".repeat(150_000))), (3, 0, 0));
        assert_eq!(outcome("/200000", contains("xy")), (0, 0, 3));
        let hash = |text: &str| Check {
            sha256: Some(load::scenario::file::sha256(text).unwrap()),
            ..none()
        };
        // Of three letters x.
        let right = "cd2eb0837c9b4c962c22d2ff8b5441b7b45805887f051d39bf133b583baf6860";
        assert_eq!(outcome("/3", hash(right)), (3, 0, 0));
        assert_eq!(outcome("/4", hash(right)), (0, 0, 3));
    }
}

#[test]
fn methods_headers_and_bodies_are_sent() {
    for protocol in BOTH {
        let address = hyper(protocol == Protocol::Http2);
        let (target, _) = Target::parse(&format!("http://{address}")).unwrap();
        let values = Values::new(Order::InOrder).range("id", 100, 149).unwrap();
        let body = vec![b'y'; 200_000];
        let requests = vec![
            Request {
                method: "POST".to_owned(),
                body: Some(body),
                check: Check {
                    length: Some(200_000),
                    contains: Some(b"yyyy".to_vec()),
                    ..Check::none()
                },
                ..Request::get("/echo", &values).unwrap()
            },
            Request {
                headers: vec![("X-Id".to_owned(), Template::parse("id-{id}", &values).unwrap())],
                check: Check {
                    length: Some(6),
                    contains: Some(b"id-1".to_vec()),
                    ..Check::none()
                },
                weight: 3,
                ..Request::get("/header/x-id", &values).unwrap()
            },
            Request {
                method: "HEAD".to_owned(),
                ..Request::get("/{id}", &values).unwrap()
            },
        ];
        let scenario = Scenario::new(target, requests, values).unwrap();
        let mut config = config(protocol);
        (config.clients, config.streams) = (2, 3);
        let summary = run(
            &scenario,
            &Arrivals::Closed,
            &Ending::after(100).unwrap(),
            &config,
        );
        assert_eq!(summary.totals.ok, 100, "{protocol:?} {:?}", summary.totals);
        assert_eq!(
            summary.by_request.iter().map(|one| one.ok).collect::<Vec<_>>(),
            [20, 60, 20]
        );
    }
}

#[test]
fn a_trace_is_sent_and_can_be_found_again() {
    for protocol in BOTH {
        let address = hyper(protocol == Protocol::Http2);
        let (target, _) = Target::parse(&format!("http://{address}")).unwrap();
        let trace = format!("00-{:032x}-", load::sample::trace_id(7, 0));
        let request = Request {
            check: Check {
                contains: Some(trace.into_bytes()),
                length: Some(55),
                ..Check::none()
            },
            ..Request::get("/header/traceparent", &Values::none()).unwrap()
        };
        let scenario = Scenario::new(target, vec![request], Values::none()).unwrap();
        let mut config = config(protocol);
        config.traceparent = true;
        let summary = run(&scenario, &Arrivals::Closed, &Ending::after(1).unwrap(), &config);
        assert_eq!(summary.totals.ok, 1);
        assert_eq!(summary.slowest[0].trace_id, Some(load::sample::trace_id(7, 0)));
    }
}

#[test]
fn a_schedule_is_kept_to_the_last_request() {
    for protocol in BOTH {
        let address = hyper(protocol == Protocol::Http2);
        let scenario = Scenario::get(&format!("http://{address}/10")).unwrap();
        let mut config = config(protocol);
        (config.clients, config.threads, config.streams) = (4, 2, 4);
        let summary = run(
            &scenario,
            &Arrivals::rate(1_000.0).unwrap(),
            &Ending::within(Duration::from_millis(500), Duration::from_millis(100)).unwrap(),
            &config,
        );
        assert_eq!(summary.totals.ok, 500);
        assert_eq!(summary.totals.warm_up, 100);
        let stages = [
            Stage {
                per_second: 200.0,
                over: Duration::ZERO,
            },
            Stage {
                per_second: 600.0,
                over: Duration::from_millis(500),
            },
        ];
        let arrivals = Arrivals::stages(0.0, &stages).unwrap();
        let ending = Ending::after(1_000_000).unwrap();
        let summary = load::run::run(&scenario, &arrivals, &ending, &config, &Watch::new()).unwrap();
        reconcile(&summary);
        assert_eq!(summary.totals.ok, 200, "the stages ask for no more");
    }
}

#[test]
fn a_closed_loop_ends_in_time() {
    let address = hyper(true);
    let mut config = config(Protocol::Http2);
    config.streams = 10;
    let span = Duration::from_millis(300);
    let summary = run(
        &Scenario::get(&format!("http://{address}/10")).unwrap(),
        &Arrivals::Closed,
        &Ending::within(span, Duration::ZERO).unwrap(),
        &config,
    );
    assert!(summary.totals.ok > 0);
    assert_eq!(summary.totals.ok, summary.totals.asked);
    assert!(summary.elapsed_ns >= span.as_nanos() as u64);
}

#[test]
fn samples_tell_of_every_request_in_order_of_its_times() {
    let address = hyper(false);
    let (sender, receiver) = sync_channel(100);
    let mut config = config(Protocol::Http1);
    config.clients = 3;
    config.samples = Some(sender);
    let scenario = Scenario::get(&format!("http://{address}/10")).unwrap();
    let ending = Ending::after(5_000).unwrap();
    let summary = run(&scenario, &Arrivals::Closed, &ending, &config);
    drop(config);
    let samples: Vec<_> = receiver.iter().flatten().collect();
    assert_eq!(samples.len(), 5_000);
    let mut numbers: Vec<u64> = samples.iter().map(|sample| sample.index).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..5_000).collect::<Vec<_>>());
    for sample in &samples {
        assert_eq!(sample.outcome, Outcome::Ok);
        assert!(sample.scheduled_ns <= sample.sent_ns, "{sample:?}");
        assert!(sample.sent_ns <= sample.first_byte_ns, "{sample:?}");
        assert!(sample.first_byte_ns <= sample.done_ns, "{sample:?}");
    }
    let slowest = samples
        .iter()
        .map(|sample| sample.done_ns - sample.scheduled_ns)
        .max();
    assert_eq!(slowest, Some(summary.slowest[0].response_ns));
}

#[test]
fn a_page_is_asked_for_at_once_over_six_connections() {
    let address = hyper(false);
    let mut config = config(Protocol::Http1);
    config.clients = 6;
    let (sender, receiver) = sync_channel(100);
    config.samples = Some(sender);
    let scenario = Scenario::get(&format!("http://{address}/10")).unwrap();
    let summary = run(
        &scenario,
        &Arrivals::at_once(),
        &Ending::after(30).unwrap(),
        &config,
    );
    drop(config);
    assert_eq!((summary.totals.ok, summary.connections), (30, 6));
    let samples: Vec<_> = receiver.iter().flatten().collect();
    assert!(samples.iter().all(|sample| sample.scheduled_ns == 0));
    // No connection carries two at once.
    for one in &samples {
        let overlapping = samples
            .iter()
            .filter(|other| other.connection == one.connection && other.index != one.index)
            .filter(|other| other.sent_ns < one.done_ns && one.sent_ns < other.done_ns);
        assert_eq!(overlapping.count(), 0);
    }
}

#[test]
fn a_run_can_be_stopped() {
    let address = hyper(false);
    let watch = Watch::new();
    let scenario = Scenario::get(&format!("http://{address}/10")).unwrap();
    let ending = Ending::after(u64::MAX).unwrap();
    let summary = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            load::run::run(
                &scenario,
                &Arrivals::Closed,
                &ending,
                &config(Protocol::Http1),
                &watch,
            )
        });
        while watch.glance().ok < 10 {
            std::thread::yield_now();
        }
        watch.stop();
        running.join().unwrap().unwrap()
    });
    assert!(summary.was_stopped);
    assert!(summary.totals.ok >= 10);
    assert!(summary.totals.unsent > 0);
    reconcile(&summary);
}

#[test]
fn the_first_failure_can_end_it() {
    let address = hyper(false);
    let ending = Ending::after(1_000).unwrap().and_at_failure();
    let scenario = Scenario::get(&format!("http://{address}/status/500")).unwrap();
    let totals = run(&scenario, &Arrivals::Closed, &ending, &config(Protocol::Http1)).totals;
    assert_eq!((totals.http_errors, totals.unsent), (1, 999));
}

#[test]
fn what_cannot_be_run_is_refused() {
    let scenario = Scenario::get("http://127.0.0.1:9/").unwrap();
    let refused = |change: &dyn Fn(&mut load::config::Config), expect: &str| {
        let mut config = config(Protocol::Http1);
        change(&mut config);
        let ending = Ending::after(1).unwrap();
        let error =
            load::run::run(&scenario, &Arrivals::Closed, &ending, &config, &Watch::new()).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    };
    refused(&|config| config.clients = 0, "0 clients: give 1 to");
    refused(&|config| config.threads = 2, "each thread needs a client");
    refused(
        &|config| config.timeouts.request = Duration::ZERO,
        "a timeout of 0",
    );
}
