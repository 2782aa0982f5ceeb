//! One run for each verdict, and those that are near to another.

use super::*;
use crate::{
    arrivals::Arrivals,
    outcome::{Lost, Outcome},
    summary::tests::{Made, sample},
};

const MS: u64 = 1_000_000;

/// A hundred answers: as many milliseconds as the function says.
fn answered(took_ms: impl Fn(u64) -> u64) -> Made {
    let mut made = Made::new();
    let (recorder, _) = made.thread();
    for index in 0..100 {
        recorder.record(&sample(index, 0, took_ms(index), Outcome::Ok), 0);
    }
    made
}

/// The share of time in which a thread worked.
fn busy(mut made: Made, share: f64) -> Made {
    let (_, findings) = made.thread();
    findings.cpu = (findings.elapsed as f64 * share) as u64;
    made
}

#[track_caller]
fn judged(made: Made, verdict: Verdict, why: &str) {
    let check = made.summary().self_check;
    assert_eq!(check.verdict, verdict, "{}", check.why);
    assert!(check.line().contains(why), "{}", check.line());
    assert!(check.line().starts_with(verdict.name()));
}

#[test]
fn a_run_without_an_answer_shows_nothing() {
    let mut made = busy(Made::new(), 1.0);
    let (recorder, _) = made.thread();
    recorder.record(&sample(0, 0, 5, Outcome::Lost(Lost::Closed)), 0);
    judged(made, Verdict::Nothing, "no request was answered");
}

#[test]
fn a_few_answers_say_nothing() {
    let mut made = Made::new();
    let (recorder, _) = made.thread();
    recorder.record(&sample(0, 0, 5, Outcome::Ok), 0);
    judged(made, Verdict::TooFew, "1 answer says nothing");
}

/// In a run of microseconds a turn of the loop is more than all of the time.
#[test]
fn a_few_answers_say_nothing_of_a_busy_generator_either() {
    let mut made = busy(Made::new(), 1.2);
    let (recorder, _) = made.thread();
    for index in 0..3 {
        recorder.record(&sample(index, 0, 5, Outcome::Ok), 0);
    }
    judged(made, Verdict::TooFew, "3 answers say nothing");
}

#[test]
fn waiting_for_a_connection_is_not_the_servers_unless_it_falls_behind_a_rate() {
    judged(
        queued(Arrivals::at_once()),
        Verdict::LatencyBound,
        "wait for a connection or a stream before they are sent, 9.",
    );
    judged(
        queued(Arrivals::rate(100.0).unwrap()),
        Verdict::ServerBound,
        "wait for each other",
    );
}

fn queued(arrivals: Arrivals) -> Made {
    let mut made = Made::new();
    made.arrivals = arrivals;
    let (recorder, _) = made.thread();
    for index in 0..100 {
        let mut sample = sample(index, 0, 10, Outcome::Ok);
        // As a page over six connections.
        let queued = index / 6 * 10 * MS;
        sample.sent_ns += queued;
        sample.first_byte_ns += queued;
        sample.done_ns += queued;
        recorder.record(&sample, 0);
    }
    made
}

#[test]
fn answers_that_all_take_as_long_are_latency() {
    judged(answered(|_| 10), Verdict::LatencyBound, "neither side is full");
}

#[test]
fn answers_that_wait_for_each_other_are_the_servers() {
    judged(
        answered(|index| 1 + index),
        Verdict::ServerBound,
        "wait for each other",
    );
    // Almost twice as long is not yet a queue.
    judged(
        answered(|index| if index < 10 { 10 } else { 19 }),
        Verdict::LatencyBound,
        "1.9 times",
    );
}

#[test]
fn a_thread_that_always_works_is_ours() {
    judged(
        busy(answered(|index| 1 + index), 0.95),
        Verdict::GeneratorBound,
        "worked 95 % of the time",
    );
    judged(
        busy(answered(|index| 1 + index), 0.89),
        Verdict::ServerBound,
        "worked 89 %",
    );
}

#[test]
fn the_busiest_thread_counts() {
    judged(
        busy(busy(answered(|_| 10), 0.93), 0.1),
        Verdict::GeneratorBound,
        "worked 93 %",
    );
}

#[test]
fn scheduled_requests_that_are_sent_late_are_ours() {
    let late = |lag_ns: u64, share: f64| {
        let mut made = busy(answered(|_| 10), share);
        made.arrivals = Arrivals::rate(100.0).unwrap();
        let (recorder, _) = made.thread();
        for _ in 0..100 {
            recorder.send_lag.record(lag_ns);
        }
        made
    };
    judged(
        late(2 * MS, 0.2),
        Verdict::GeneratorBound,
        "something else keeps this machine busy",
    );
    judged(late(2 * MS, 0.8), Verdict::GeneratorBound, "use more threads");
    judged(late(MS / 2, 0.2), Verdict::LatencyBound, "neither side is full");
    // Nobody is late where nothing is scheduled.
    let mut closed = late(2 * MS, 0.2);
    closed.arrivals = Arrivals::Closed;
    judged(closed, Verdict::LatencyBound, "neither side is full");
}

#[test]
fn a_log_that_held_the_loop_back_is_said_first() {
    let mut made = busy(answered(|_| 10), 0.95);
    let (recorder, _) = made.thread();
    recorder.stalled_by_samples = true;
    judged(made, Verdict::GeneratorBound, "the log of requests was written");
}
