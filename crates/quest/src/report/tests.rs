//! What a report says, whatever the evidence holds.

use std::path::Path;

use diagnosis::{
    case,
    evidence::{Evidence, Line},
    observation::{Observation, Reading},
    signal::Signal,
};

use super::{Report, html, quoted, text};

fn evidence(text: &str) -> Evidence {
    case::read(text).expect("a case").evidence
}

fn report(evidence: &Evidence) -> Report {
    Report::new(
        evidence,
        diagnosis::diagnose(evidence),
        Path::new("quest of mine/evidence.jsonl.zst"),
    )
}

#[test]
fn commands_can_be_typed_as_they_are() {
    assert_eq!(quoted("quest-1/evidence.jsonl.zst"), "quest-1/evidence.jsonl.zst");
    assert_eq!(quoted("http://a.test/?q={id}&n=1"), "'http://a.test/?q={id}&n=1'");
    assert_eq!(quoted("it's"), r"'it'\''s'");
    assert_eq!(quoted("--json"), "'--json'");
    assert_eq!(quoted(""), "''");
    let mut evidence = evidence("load 1 client.rate=100 client.latency_ms=10\n");
    evidence.head.target = "http://a.test/'; rm x; '".to_owned();
    let commands = report(&evidence).commands;
    assert!(
        commands[0].contains(" --replay 'quest of mine/evidence.jsonl.zst' "),
        "{commands:?}"
    );
    assert!(
        commands[1].contains(r" 'http://a.test/'\''; rm x; '\''' --compare "),
        "{commands:?}"
    );
}

#[test]
fn classes_of_latency_that_are_none_are_left_out() {
    let mut evidence = evidence("load 1 client.rate=100 client.latency_ms=10\n");
    let experiment = "baseline".to_owned();
    for known in &mut evidence.experiments {
        known.id.clone_from(&experiment);
    }
    for round in &mut evidence.rounds {
        round.experiment.clone_from(&experiment);
    }
    for end in ["0", "-1", "inf", "NaN", "4", "8"] {
        evidence.push(Line::Observation(Observation {
            experiment: experiment.clone(),
            round: 1,
            signal: Signal::ClientLatencyClass,
            subject: end.to_owned(),
            reading: Reading::Value(10.0),
            note: String::new(),
        }));
    }
    let report = report(&evidence);
    assert_eq!(report.experiments[0].histogram, [[4.0, 10.0], [8.0, 10.0]]);
    // And the chart of it ends.
    let page = html::page(&report);
    assert!(page.contains("up to 4.00 ms: 50.0 %"), "{page}");
}

#[test]
fn what_would_prove_more_is_told_with_the_hook_that_it_needs() {
    let report = report(&evidence(
        "fact app.pool_max=3\n\
         load 1 http/1.1 client.rate=91 client.latency_ms=10.9 app.handler_ms=10.5 app.pool_wait_ms=0 app.pool_in_use=1 app.pool_hold_ms=10\n\
         load 16 client.rate=287 client.latency_ms=55.2 app.handler_ms=54 app.pool_wait_ms=43 app.pool_in_use=3 app.pool_hold_ms=10\n",
    ));
    let hook = "D1-pool (a hook: setting = \"pool\", times = 2.0)";
    assert!(
        report.wanted.iter().any(|wanted| wanted == hook),
        "{:?}",
        report.wanted
    );
    let page = text::page(&report);
    let words: Vec<&str> = page.split_whitespace().collect();
    assert!(words.join(" ").contains(hook), "{page}");
}
