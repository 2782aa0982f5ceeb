//! Schedules: their times, their counts, and that both agree.

use super::*;
use proptest::prelude::*;

fn schedule(arrivals: Result<Arrivals, Error>) -> Schedule {
    match arrivals.unwrap() {
        Arrivals::Open(schedule) => schedule,
        Arrivals::Closed => panic!("a schedule was asked for"),
    }
}

#[test]
fn a_constant_rate_never_drifts() {
    let schedule = schedule(Arrivals::rate(50_000.0));
    assert_eq!(schedule.at(0), Some(0));
    assert_eq!(schedule.at(1), Some(20_000));
    assert_eq!(schedule.at(50_000 * 3_600), Some(3_600 * 1_000_000_000));
    assert_eq!(schedule.count_before(1_000_000_000), 50_000);
    assert_eq!(schedule.span(), None);
}

#[test]
fn a_ramp_asks_for_the_area_below_it() {
    let schedule = schedule(Arrivals::ramp(0.0, 100.0, Duration::from_secs(10)));
    assert_eq!(schedule.count_before(u64::MAX), 500);
    // A quarter of the requests is due at half of the time.
    assert_eq!(schedule.at(125), Some(5_000_000_000));
    assert_eq!(schedule.at(500), None);
    assert_eq!(schedule.span(), Some(Duration::from_secs(10)));
}

#[test]
fn stages_follow_each_other() {
    let stage = |per_second, seconds| Stage {
        per_second,
        over: Duration::from_secs(seconds),
    };
    let schedule = schedule(Arrivals::stages(
        0.0,
        &[stage(10.0, 0), stage(10.0, 2), stage(20.0, 0), stage(20.0, 1)],
    ));
    assert_eq!(schedule.count_before(u64::MAX), 40);
    assert_eq!(schedule.at(20), Some(2_000_000_000));
    assert_eq!(schedule.at(21), Some(2_050_000_000));
}

#[test]
fn a_rate_times_its_span_is_what_is_asked_for() {
    const SECOND: u64 = 1_000_000_000;
    for rate in (1..=1_000).chain([1_234, 3_333, 10_000, 49_999, 50_000, 99_999, 1_000_000]) {
        for seconds in [1, 2, 3, 7, 10, 30, 60, 3_600] {
            let schedule = schedule(Arrivals::rate(rate as f64));
            assert_eq!(
                schedule.count_before(seconds * SECOND),
                rate * seconds,
                "{rate} a second for {seconds} s"
            );
            assert_eq!(schedule.at(rate * seconds), Some(seconds * SECOND));
        }
    }
    // So it is where the rate is a stage, with or without another behind it.
    for rate in 1..=1_000 {
        for seconds in [1, 3, 30] {
            let stage = |per_second, seconds| Stage {
                per_second,
                over: Duration::from_secs(seconds),
            };
            let rate_of = rate as f64;
            let stages = [stage(rate_of, 0), stage(rate_of, seconds)];
            let one = schedule(Arrivals::stages(0.0, &stages));
            assert_eq!(one.count_before(u64::MAX), rate * seconds, "{rate} {seconds}");
            let two = schedule(Arrivals::stages(0.0, &[stages[0], stages[1], stages[1]]));
            assert_eq!(two.count_before(u64::MAX), rate * seconds * 2, "{rate} {seconds}");
            assert_eq!(two.at(rate * seconds), Some(seconds * SECOND));
        }
    }
}

#[test]
fn all_at_once_is_now() {
    let schedule = schedule(Ok(Arrivals::at_once()));
    assert_eq!(schedule.at(1_000), Some(0));
}

#[test]
fn rates_have_bounds() {
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert!(Arrivals::rate(rate).is_err(), "{rate}");
    }
    assert!(Arrivals::ramp(0.0, 0.0, Duration::from_secs(1)).is_err());
}

proptest! {
    #[test]
    fn times_grow_and_agree_with_the_count(
        from in 0.0..5_000.0_f64, to in 1.0..5_000.0_f64, ms in 10_u64..5_000, end_ms in 0_u64..6_000
    ) {
        let Ok(arrivals) = Arrivals::ramp(from, to, Duration::from_millis(ms)) else { return Ok(()) };
        let schedule = schedule(Ok(arrivals));
        let end = end_ms * 1_000_000;
        let count = schedule.count_before(end);
        let times: Vec<u64> = (0..count).map(|index| schedule.at(index).unwrap()).collect();
        prop_assert!(times.is_sorted());
        prop_assert!(times.iter().all(|at| *at < end));
        prop_assert!(schedule.at(count).is_none_or(|at| at >= end));
    }
}
