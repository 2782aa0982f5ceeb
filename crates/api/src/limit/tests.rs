//! The gate: who gets in, and what the others are told.

use std::time::Duration;

use super::Gate;
use crate::error::Rejection;

#[test]
fn no_more_than_the_limit_and_places_are_given_back() {
    let gate = Gate::new(2);
    let first = gate.enter().unwrap();
    let second = gate.enter().unwrap();
    assert_eq!(gate.in_flight(), 2);
    assert!(matches!(
        gate.enter(),
        Err(Rejection::Overloaded { in_flight: 2, .. })
    ));
    assert_eq!(gate.in_flight(), 2);
    drop(first);
    let third = gate.enter().unwrap();
    drop((second, third));
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn retry_after_grows_with_the_queue() {
    let gate = Gate::new(1000);
    let after = |in_flight, per_second| {
        let mut pace = gate.pace.lock().unwrap();
        pace.per_second = per_second;
        pace.since = std::time::Instant::now();
        drop(pace);
        gate.retry_after(in_flight)
    };
    assert_eq!(after(10, 0.0), Duration::from_secs(1));
    assert_eq!(after(10, 100.0), Duration::from_secs(1));
    assert_eq!(after(500, 100.0), Duration::from_secs(5));
    assert_eq!(after(501, 100.0), Duration::from_secs(6));
    assert_eq!(after(100_000, 1.0), Duration::from_secs(60));
}
