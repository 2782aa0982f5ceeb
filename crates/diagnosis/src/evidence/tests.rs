//! The file: whole, cut, foreign.

use super::*;
use crate::{
    experiment::{Load, Purpose},
    observation::Reading,
    signal::Signal,
    source::{Source, State},
};

fn evidence() -> Evidence {
    let mut evidence = Evidence::new(Head {
        target: "http://localhost:8080/".to_owned(),
        seed: 7,
        ..Head::default()
    });
    evidence.push(Line::Source(SourceState {
        source: Source::Activity,
        subject: String::new(),
        state: State::Denied,
        reason: "no pg_monitor".to_owned(),
    }));
    evidence.push(Line::Experiment(Experiment {
        id: "baseline".to_owned(),
        purpose: Purpose::Baseline,
        load: Load {
            users: Some(1.0),
            ..Load::default()
        },
    }));
    evidence.push(Line::Round(Round {
        experiment: "baseline".to_owned(),
        number: 1,
        start_ms: 0.0,
        duration_ms: 5000.0,
        discarded: None,
    }));
    evidence.push(Line::Observation(Observation {
        experiment: "baseline".to_owned(),
        round: 1,
        signal: Signal::AppRequests,
        subject: String::new(),
        reading: Reading::Counter(vec![[0.0, 1.0], [5000.0, 901.0]]),
        note: String::new(),
    }));
    evidence
}

#[test]
fn what_is_written_is_read() {
    let bytes = write(&evidence()).unwrap();
    assert_eq!(read(&bytes).unwrap(), evidence());
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
}

#[test]
fn a_file_cut_in_its_last_line_is_read_up_to_there() {
    let bytes = write(&evidence()).unwrap();
    let cut = read(&bytes[..bytes.len() - 20]).unwrap();
    assert!(cut.is_cut);
    assert!(cut.observations.is_empty());
    assert_eq!(cut.rounds, evidence().rounds);
}

#[test]
fn foreign_files_are_refused_in_words() {
    let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(error(""), "read evidence: the file is empty");
    assert_eq!(
        error("{\"head\":{\"version\":99}}\n"),
        "read evidence: it is of version 99, and version 1 is known here"
    );
    assert_eq!(error("hello\n"), "read evidence: line 1");
    assert_eq!(
        error("{\"round\":{\"experiment\":\"a\",\"number\":1,\"start_ms\":0,\"duration_ms\":1}}\n"),
        "read evidence: line 1: the head must stand on the first line, and only there"
    );
    assert_eq!(
        error("{\"head\":{\"version\":1}}\n{\"head\":{\"version\":1}}\n"),
        "read evidence: line 2: the head must stand on the first line, and only there"
    );
}
