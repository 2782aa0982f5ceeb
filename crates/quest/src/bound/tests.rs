//! What can be written after `--fail-if`, and what it is about.

use diagnosis::{
    case,
    evidence::{Evidence, Line},
    experiment::{Arm, Experiment, Load, Purpose, Round},
    observation::{Observation, Reading},
    signal::Signal,
};

use super::Bound;

#[test]
fn what_is_written_is_read() {
    for text in [
        "p99>300ms",
        "errors>0",
        "rate<100",
        "bottleneck!=X0",
        "bottleneck=D1",
        "worse-than=before",
    ] {
        let bound: Bound = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(bound.to_string(), text);
    }
}

#[test]
fn what_is_none_is_told() {
    for text in ["p99>300", "p98>1s", "bottleneck!=Q7", "errors", "p99>-1ms"] {
        assert!(text.parse::<Bound>().is_err(), "{text}");
    }
}

fn fails(text: &str, evidence: &Evidence) -> Option<String> {
    let bound: Bound = text.parse().expect("a condition");
    bound.fails(evidence, &diagnosis::diagnose(evidence), None)
}

fn round(evidence: &mut Evidence, experiment: &str, number: u32, discarded: Option<&str>) {
    evidence.push(Line::Round(Round {
        experiment: experiment.to_owned(),
        number,
        start_ms: 0.0,
        duration_ms: 10_000.0,
        discarded: discarded.map(str::to_owned),
    }));
    for (signal, value) in [(Signal::ClientP50Ms, 9_000.0), (Signal::ClientErrors, 7.0)] {
        evidence.push(Line::Observation(Observation {
            experiment: experiment.to_owned(),
            round: number,
            signal,
            subject: String::new(),
            reading: Reading::Value(value),
            note: String::new(),
        }));
    }
}

#[test]
fn a_round_that_must_not_be_believed_fails_nothing() {
    let case = "load 1 client.rate=100 client.latency_ms=10 client.p50_ms=10 client.errors=0\n\
                load 4 client.rate=400 client.latency_ms=10 client.p50_ms=10 client.errors=0\n";
    let mut evidence = case::read(case).expect("a case").evidence;
    let high = evidence.experiments.last().expect("two steps").id.clone();
    round(
        &mut evidence,
        &high,
        1_001,
        Some("other processes used 40 % of the machine"),
    );
    assert_eq!(fails("p50>50ms", &evidence), None);
    assert_eq!(fails("errors>0", &evidence), None);
    round(&mut evidence, &high, 6, None);
    assert!(fails("p50>50ms", &evidence).is_some());
    assert_eq!(fails("errors>0", &evidence).as_deref(), Some("it is 7.0"));
}

#[test]
fn what_fails_for_a_proof_or_while_warming_up_is_no_failure_of_the_target() {
    let case = "load 1 client.rate=100 client.latency_ms=10 client.errors=0\n\
                load 4 client.rate=400 client.latency_ms=10 client.errors=0\n";
    let mut evidence = case::read(case).expect("a case").evidence;
    let counter = Purpose::Counter {
        counter: "P8-rate".to_owned(),
        arm: Arm::Before,
    };
    for (id, purpose) in [("warm-up", Purpose::Preflight), ("P8-rate/before", counter)] {
        evidence.push(Line::Experiment(Experiment {
            id: id.to_owned(),
            purpose,
            load: Load::default(),
        }));
        round(&mut evidence, id, 1, None);
    }
    assert_eq!(fails("errors>0", &evidence), None);
}
