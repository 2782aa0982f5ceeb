//! What readings come to.

use super::*;

fn value(signal: Signal, reading: Reading) -> Option<f64> {
    Observation {
        experiment: "ramp".to_owned(),
        round: 1,
        signal,
        subject: String::new(),
        reading,
        note: String::new(),
    }
    .value()
}

#[test]
fn a_counter_is_its_rise_and_survives_a_restart() {
    let steady = Reading::Counter(vec![[0.0, 100.0], [1000.0, 150.0], [2000.0, 160.0]]);
    assert_eq!(value(Signal::AppRequests, steady), Some(60.0));
    let restarted = Reading::Counter(vec![[0.0, 100.0], [1000.0, 5.0], [2000.0, 7.0]]);
    assert_eq!(value(Signal::AppRequests, restarted), Some(7.0));
    assert_eq!(
        value(Signal::AppRequests, Reading::Counter(vec![[0.0, 1.0]])),
        None
    );
}

#[test]
fn samples_are_weighted_by_the_time_they_stand_for() {
    let frozen = Reading::Sampled(vec![[0.0, 50.0, 1.0], [50.0, 950.0, 3.0]]);
    assert_eq!(value(Signal::PgActive, frozen), Some(2.9));
}

#[test]
fn a_gauge_holds_until_the_next_reading() {
    let gauge = Reading::Gauge(vec![[0.0, 2.0], [900.0, 4.0], [1000.0, 4.0]]);
    assert_eq!(value(Signal::AppPoolInUse, gauge), Some(2.2));
}

#[test]
fn a_ratio_divides_rises() {
    let ratio = Reading::Ratio {
        sum: vec![[0.0, 1.0], [1.0, 3.0]],
        count: vec![[0.0, 10.0], [1.0, 110.0]],
        scale: 1000.0,
    };
    assert_eq!(value(Signal::AppHandlerMs, ratio), Some(20.0));
    let idle = Reading::Ratio {
        sum: vec![[0.0, 1.0], [1.0, 1.0]],
        count: vec![[0.0, 10.0], [1.0, 10.0]],
        scale: 1000.0,
    };
    assert_eq!(value(Signal::AppHandlerMs, idle), None);
}

#[test]
fn what_is_no_number_is_not_seen() {
    assert_eq!(value(Signal::ClientRate, Reading::Value(f64::NAN)), None);
    assert_eq!(value(Signal::ClientRate, Reading::Gauge(vec![])), None);
}

/// A source that is slow to answer has seen a part of a round only.
#[test]
fn a_count_is_over_the_time_in_which_it_was_taken() {
    let seen = |reading: Reading| Observation {
        experiment: "ramp".to_owned(),
        round: 1,
        signal: Signal::ProcessCpuMs,
        subject: "database".to_owned(),
        reading,
        note: String::new(),
    };
    let counted = seen(Reading::Counter(vec![[1300.0, 0.0], [1490.0, 186.0]]));
    assert_eq!(counted.span_ms(), Some(190.0));
    assert_eq!(seen(Reading::Counter(vec![[1300.0, 4.0]])).span_ms(), None);
    assert_eq!(seen(Reading::Value(186.0)).span_ms(), None);
}
