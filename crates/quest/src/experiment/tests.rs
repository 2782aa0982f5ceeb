//! Users that share connections: what the line makes of the times. And what is more than was allowed.

use std::time::Duration;

use diagnosis::experiment::Purpose;
use load::{config::Protocol, outcome::Outcome, sample::Sample};

use super::{Drive, Experiment, queue::Queue};
use crate::config::Bounds;

fn sample(scheduled_ns: u64, done_ns: u64) -> Sample {
    Sample {
        index: 0,
        connection: 0,
        scheduled_ns,
        sent_ns: scheduled_ns,
        first_byte_ns: done_ns,
        done_ns,
        body_bytes: 0,
        status: 200,
        resent: 0,
        outcome: Outcome::Ok,
    }
}

/// One connection, answers of 10: each of three users waits for two others.
#[test]
fn three_users_of_one_connection_wait_for_two_answers() {
    let mut queue = Queue::new(2, 1);
    let wished: Vec<u64> = (0..6)
        .map(|at| queue.wished(&sample(at * 10, at * 10 + 10)))
        .collect();
    // The first three wished at the beginning; the fourth is the first user again, answered at 10.
    assert_eq!(wished, [0, 0, 0, 10, 20, 30]);
}

/// Two connections in step, four users: each waits for one turn.
#[test]
fn four_users_of_two_connections_wait_for_one_turn() {
    let mut queue = Queue::new(2, 2);
    let mut waits = Vec::new();
    for turn in 0..5 {
        for _ in 0..2 {
            let start = turn * 10;
            waits.push(start - queue.wished(&sample(start, start + 10)));
        }
    }
    assert_eq!(waits, [0, 0, 10, 10, 10, 10, 10, 10, 10, 10]);
}

#[test]
fn what_asks_for_more_than_is_allowed_is_known_before_it_runs() {
    let bounds = Bounds {
        budget: Duration::from_secs(60),
        rate_max: 1_000.0,
        concurrency_max: 16,
        errors_max: 0.2,
        burst: 200,
        is_burst_said: false,
        allow_writes: false,
    };
    let span = Duration::from_secs(1);
    let is_within = |drive: Drive, clients: u32, streams: u32| {
        let experiment = Experiment {
            id: "P8-rate/before".to_owned(),
            purpose: Purpose::Preflight,
            drive,
            users: None,
            clients,
            streams,
            protocol: Protocol::Http1,
            window: None,
            is_bound_by_connections: false,
        };
        experiment.is_within(&bounds)
    };
    assert!(is_within(Drive::Rate(1_000.0, span), 16, 1));
    assert!(!is_within(Drive::Rate(4_000.0, span), 16, 1), "its rate");
    assert!(is_within(Drive::Burst(1_000), 6, 1));
    assert!(!is_within(Drive::Burst(1_001), 6, 1), "its burst");
    assert!(is_within(Drive::Closed(span), 4, 4));
    assert!(!is_within(Drive::Closed(span), 6, 3), "its requests in flight");
    assert!(!is_within(Drive::Closed(span), 0, 1), "nobody");
}
