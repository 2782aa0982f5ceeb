//! Users that share connections: what the line makes of the times.

use load::{outcome::Outcome, sample::Sample};

use super::queue::Queue;

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
