//! What several threads learned, put together; and what is printed of it.

use std::time::Duration;

use super::*;
use crate::{
    config::{Bodies, Limits, Timeouts, Tls, WINDOW_MAX, Windows},
    outcome::Outcome,
    sample::Sample,
    worker::Listed,
};

const MS: u64 = 1_000_000;

/// A run of one kind of request, as its threads have seen it.
pub(super) struct Made {
    pub(super) config: Config,
    pub(super) arrivals: Arrivals,
    pub(super) ending: Ending,
    threads: Vec<(Recorder, Findings)>,
}

impl Made {
    pub(super) fn new() -> Made {
        Made {
            config: config(),
            arrivals: Arrivals::Closed,
            ending: Ending::after(100).unwrap(),
            threads: Vec::new(),
        }
    }

    /// Another thread.
    pub(super) fn thread(&mut self) -> &mut (Recorder, Findings) {
        let recorder = Recorder::new(
            1,
            self.config.limits.slowest_listed_max,
            self.ending.warm_up_ns(),
            None,
        );
        let mut findings = Findings::new(self.config.limits.connections_listed_max);
        findings.elapsed = 1_000 * MS;
        findings.active = 1_000 * MS;
        findings.counted_until = 1_000 * MS;
        self.threads.push((recorder, findings));
        self.threads.last_mut().unwrap()
    }

    pub(super) fn summary(self) -> Summary {
        let scenario = Scenario::get("http://127.0.0.1:8080/thing").unwrap();
        Summary::new(Parts {
            scenario: &scenario,
            arrivals: &self.arrivals,
            ending: &self.ending,
            config: &self.config,
            protocol: Protocol::Http2,
            bodies: Handling::Read,
            was_stopped: false,
            threads: self.threads,
        })
    }
}

fn config() -> Config {
    Config {
        threads: 2,
        clients: 4,
        streams: 10,
        protocol: Protocol::Http2,
        bodies: Bodies::Read,
        windows: Windows {
            stream: WINDOW_MAX,
            connection: WINDOW_MAX,
        },
        header_table_bytes: 4_096,
        encoder_table_bytes: 4_096,
        timeouts: Timeouts {
            connect: Duration::from_secs(1),
            request: Duration::from_secs(1),
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
            connections_listed_max: 2,
        },
        samples: None,
    }
}

/// A request that was sent as soon as it was wanted.
pub(super) fn sample(index: u64, scheduled_ms: u64, took_ms: u64, outcome: Outcome) -> Sample {
    let status = match outcome {
        Outcome::Ok | Outcome::FailedCheck => 200,
        Outcome::HttpError => 503,
        Outcome::Lost(_) => 0,
    };
    Sample {
        index,
        connection: 0,
        scheduled_ns: scheduled_ms * MS,
        sent_ns: scheduled_ms * MS,
        first_byte_ns: scheduled_ms * MS + took_ms * MS / 2,
        done_ns: (scheduled_ms + took_ms) * MS,
        body_bytes: 100,
        status,
        resent: 0,
        outcome,
    }
}

/// Two threads in which something of everything happened.
fn mixed() -> Made {
    let mut made = Made::new();
    let (recorder, findings) = made.thread();
    for index in 0..6 {
        recorder.record(&sample(index, 0, 10 + index, Outcome::Ok), 0);
    }
    recorder.record(&sample(6, 0, 40, Outcome::HttpError), 0);
    recorder.record(&sample(7, 0, 900, Outcome::Lost(Lost::Timeout)), 0);
    recorder.resent[Resent::AboveGoAway as usize] = 3;
    findings.unsent = 1;
    findings.allowed = Some(128);
    findings.protocol = Some(Protocol::Http2);
    let (recorder, findings) = made.thread();
    for index in 8..12 {
        recorder.record(&sample(index, 0, 20, Outcome::Ok), 0);
    }
    recorder.record(&sample(12, 0, 30, Outcome::FailedCheck), 0);
    recorder.record(&sample(13, 0, 5, Outcome::Lost(Lost::Closed)), 0);
    findings.unsent = 2;
    findings.allowed = Some(5);
    findings.held_to = Some(7);
    made
}

#[test]
fn what_was_asked_for_is_the_sum_of_what_became_of_it() {
    let totals = mixed().summary().totals;
    assert_eq!(totals.asked, 17);
    assert_eq!((totals.ok, totals.http_errors, totals.failed_checks), (10, 1, 1));
    assert_eq!(totals.unsent, 3);
    assert_eq!(
        totals.lost,
        BTreeMap::from([(Lost::Timeout, 1), (Lost::Closed, 1)]),
        "only the reasons that there were"
    );
    assert_eq!(totals.resent, BTreeMap::from([(Resent::AboveGoAway, 3)]));
    assert_eq!((totals.lost_all(), totals.started(), totals.failed()), (2, 14, 7));
}

#[test]
fn times_are_of_answers_alone() {
    let summary = mixed().summary();
    assert_eq!(summary.response.count(), 12);
    assert_eq!(summary.response.max_ns(), 40 * MS, "the lost one took 900 ms");
    assert_eq!(summary.statuses, BTreeMap::from([(200, 11), (503, 1)]));
}

#[test]
fn the_slowest_of_all_threads_come_first_and_are_not_too_many() {
    let took: Vec<u64> = mixed()
        .summary()
        .slowest
        .iter()
        .map(|slow| slow.response_ns / MS)
        .collect();
    assert_eq!(took, [900, 40, 30]);
}

#[test]
fn the_smallest_limit_that_a_thread_was_told_counts() {
    let summary = mixed().summary();
    assert_eq!(summary.streams_allowed, Some(5));
    assert_eq!(summary.held_to, Some(7));
}

#[test]
fn a_closed_loops_rate_is_over_the_time_in_which_requests_were_outstanding() {
    let mut made = Made::new();
    made.ending = Ending::within(Duration::from_secs(2), Duration::from_millis(500)).unwrap();
    let (recorder, findings) = made.thread();
    recorder.record(&sample(0, 100, 10, Outcome::Ok), 0);
    for index in 0..100 {
        recorder.record(&sample(index, 600 + index, 10, Outcome::Ok), 0);
    }
    // For half a second nobody could be connected to, most of it in the warm-up.
    (findings.elapsed, findings.active) = (2_500 * MS, 1_500 * MS);
    findings.warm_up_active = 100 * MS;
    // Another thread had one request, which took long, and nothing after the warm-up.
    let (_, findings) = made.thread();
    (findings.active, findings.warm_up_active) = (1_600 * MS, 1_600 * MS);
    let summary = made.summary();
    assert_eq!(summary.totals.warm_up, 1);
    assert_eq!(summary.active_ns, 1_400 * MS);
    assert!((summary.rate() - 100.0 / 1.4).abs() < 1e-9, "{}", summary.rate());
}

#[test]
fn a_schedules_rate_is_from_the_first_time_to_the_last_answer() {
    let mut made = Made::new();
    made.arrivals = Arrivals::rate(100.0).unwrap();
    let (recorder, _) = made.thread();
    for index in 0..50 {
        recorder.record(&sample(index, 500 + index * 10, 10, Outcome::Ok), 0);
    }
    let summary = made.summary();
    assert_eq!(summary.active_ns, 500 * MS);
    assert!((summary.rate() - 100.0).abs() < 1e-9, "{}", summary.rate());
}

#[test]
fn connections_stand_in_the_order_in_which_they_were_dialled() {
    let mut made = Made::new();
    for dialled in [3, 1, 2] {
        let (_, findings) = made.thread();
        findings.connections = 1;
        findings.listed.push(Listed {
            number: dialled as u32,
            client: 0,
            dialled,
            connect: 0,
            tls: 0,
            sent: 0,
            answered: 0,
            closed: 9,
            bytes_in: 0,
            stalled: 0,
            closing: Closing::Ours,
            last_stream: None,
            debug: None,
        });
    }
    let summary = made.summary();
    assert_eq!(summary.connections, 3);
    let numbers: Vec<u32> = summary.connection_list.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [1, 2], "there is room for two");
}

#[test]
fn scripts_made_for_h2load_find_its_lines() {
    let text = text::text(&mixed().summary());
    for line in [
        "finished in 1.00s, 10.00 req/s, 0B/s",
        "requests: 17 total, 14 started, 14 done, 10 succeeded, 7 failed, 5 errored, 1 timeout",
        "status codes: 11 2xx, 0 3xx, 0 4xx, 1 5xx",
        "Application protocol: h2c",
        "asked 17 = 10 ok + 1 HTTP errors + 1 failed checks + 2 lost + 3 unsent",
        "sent again: 3 (errors are none of these)",
        "limit: asked 10, allowed 5 streams at once on a connection (MAX_CONCURRENT_STREAMS)",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    assert!(text.contains("\ntime for request:"), "{text}");
}

#[test]
fn where_nothing_was_answered_there_are_no_tables_of_zeros() {
    let mut made = Made::new();
    let (recorder, findings) = made.thread();
    recorder.record(&sample(0, 0, 5, Outcome::Lost(Lost::Closed)), 0);
    findings.note_failure("connect: Connection refused".to_owned());
    let text = text::text(&made.summary());
    assert!(
        text.starts_with("nothing measured: no request was answered"),
        "{text}"
    );
    assert!(text.contains("requests: 1 total, 1 started"), "{text}");
    assert!(text.contains("failed: 1 connect: Connection refused"), "{text}");
    for absent in ["time for request", "p99", "0us"] {
        assert!(!text.contains(absent), "{absent}\n{text}");
    }
}

#[test]
fn the_json_reconciles_too() {
    let value = serde_json::to_value(json::document(&mixed().summary())).unwrap();
    let number = |name: &str| value["requests"][name].as_u64().unwrap();
    let lost: u64 = value["requests"]["lost"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(
        number("asked"),
        number("ok") + number("http_errors") + number("failed_checks") + lost + number("unsent")
    );
    assert_eq!(value["response"]["max_ms"], 40.0);
    assert_eq!(value["limits"]["held_to"], 7);
}
