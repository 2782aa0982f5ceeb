//! Checkpoints over time, beside latency over time.

use crate::{
    bottleneck::Bottleneck,
    case, diagnose,
    evidence::Line,
    grade::Grade,
    observation::{Observation, Reading},
    signal::Signal,
    verdict::Verdict,
};

const LOADS: &str = "
load 1 http/1.1 connections=64 client.rate=42 client.latency_ms=24 client.first_byte_ms=24 app.handler_ms=23.5 app.db_ms=23
load 8 client.rate=80 client.latency_ms=100 client.first_byte_ms=100 app.handler_ms=99 app.db_ms=98
";

/// Latency is 25 ms but for spikes of 250 ms from 200 ms to 500 ms of each second; maintenance is where it is said.
fn judged(seconds: u32, is_at_work: impl Fn(u32) -> bool) -> Verdict {
    let mut evidence = case::read(LOADS).expect("the case is sound").evidence;
    let high = evidence
        .experiments
        .last()
        .expect("there are two loads")
        .id
        .clone();
    let times = || (0..seconds * 20).map(|step| step * 50);
    let course = |level: &dyn Fn(u32) -> f64| {
        Reading::Gauge(times().map(|ms| [f64::from(ms), level(ms % 1_000)]).collect())
    };
    let latency = |ms: u32| if (200..500).contains(&ms) { 250.0 } else { 25.0 };
    let work = |ms: u32| f64::from(u8::from(is_at_work(ms)));
    for (signal, reading) in [
        (Signal::ClientCourseMs, course(&latency)),
        (Signal::PgMaintenance, course(&work)),
    ] {
        evidence.push(Line::Observation(Observation {
            experiment: high.clone(),
            round: 1,
            signal,
            subject: String::new(),
            reading,
            note: String::new(),
        }));
    }
    diagnose(&evidence)
}

#[test]
fn spikes_that_lie_within_checkpoints_are_theirs() {
    let verdict = judged(3, |ms| (200..500).contains(&ms));
    assert_eq!(verdict.bottleneck, Some(Bottleneck::D12), "{}", verdict.sentence);
    assert!(verdict.grade >= Grade::Strong, "{}", verdict.sentence);
}

/// What happened to be then, once, is no more than a reason to suspect.
#[test]
fn one_spell_is_not_enough_to_be_sure() {
    let verdict = judged(1, |ms| (200..500).contains(&ms));
    assert_eq!(verdict.bottleneck, Some(Bottleneck::D12), "{}", verdict.sentence);
    assert_eq!(verdict.grade, Grade::Suspected, "{}", verdict.sentence);
}

#[test]
fn spikes_beside_checkpoints_are_somebody_elses() {
    let verdict = judged(3, |ms| (600..900).contains(&ms));
    assert_ne!(verdict.bottleneck, Some(Bottleneck::D12), "{}", verdict.sentence);
}
