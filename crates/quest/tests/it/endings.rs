//! Every target has a clear ending, and none is sent more than was allowed.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Duration,
};

use diagnosis::{
    bottleneck::Bottleneck,
    grade::Grade,
    signal::Signal,
    source::{Source, State},
};
use load::config::Protocol;
use quest::{error::Error, investigate::investigate, observer::postgres::Location, recording};

use crate::rig::{Directory, Rig, Serving, config, quest};

#[test]
fn a_target_that_is_not_there() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("its address"));
    drop(listener);
    let out = Directory::new();
    let error = quest(&config(&url, &out, 5)).expect_err("nobody is there");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(!out.0.exists(), "nothing was seen, so nothing is written");
}

#[test]
fn a_name_that_nobody_has_is_a_target_that_is_not_there() {
    let out = Directory::new();
    let error = quest(&config("http://nobody.invalid/", &out, 5)).expect_err("it has no address");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(
        error.to_string().contains("find an address of nobody.invalid"),
        "{error}"
    );
}

/// Answers that begin, and go on for as long as somebody reads.
fn endless() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            drop(thread::spawn(move || {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request);
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
                let _ = stream.write_all(head);
                let block = vec![b'x'; 65_536];
                while stream.write_all(&block).is_ok() {}
            }));
        }
    }));
    address
}

#[test]
fn an_answer_without_an_end_is_not_waited_for() {
    let url = format!("http://{}/", endless());
    let out = Directory::new();
    let mut config = config(&url, &out, 5);
    config.load.timeouts.request = Duration::from_secs(1);
    let began = std::time::Instant::now();
    let error = quest(&config).expect_err("it does not end");
    assert!(matches!(error, Error::Endless { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(!out.0.exists(), "nothing was seen, so nothing is written");
}

#[test]
fn a_page_without_metrics_is_told_before_the_load() {
    let serving = Serving::start(Rig::healthy());
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 4);
    config.sources.metrics.push(serving.url());
    let mut told = Vec::new();
    investigate(&config, &load::watch::Watch::new(), &mut |what| {
        told.push(what.to_owned());
    })
    .expect("a verdict");
    let without = told.iter().position(|what| what.starts_with("goes on without"));
    let first = told.iter().position(|what| what.starts_with("warm-up"));
    assert!(without.is_some() && without < first, "{told:?}");
}

#[test]
fn tcp_tells_of_both_ends() {
    let serving = Serving::start(Rig::healthy());
    let out = Directory::new();
    let found = quest(&config(&serving.url(), &out, 4)).expect("a verdict");
    let value = |signal: Signal, subject: &str| {
        found
            .evidence
            .observations
            .iter()
            .filter(|seen| seen.signal == signal && seen.subject == subject)
            .filter_map(diagnosis::observation::Observation::value)
            .fold(f64::NAN, f64::max)
    };
    if cfg!(target_os = "linux") {
        assert!(value(Signal::TcpSegments, "") > 0.0);
        assert!(value(Signal::TcpSegments, "server") > 0.0);
        let round_trip = value(Signal::TcpMinRttMs, "");
        assert!(round_trip > 0.0 && round_trip < 100.0, "{round_trip}");
    }
}

#[test]
fn a_target_that_answers_errors_only() {
    let serving = Serving::start(Rig {
        status: 404,
        ..Rig::healthy()
    });
    let out = Directory::new();
    let error = quest(&config(&serving.url(), &out, 5)).expect_err("there is nothing to investigate");
    assert_eq!(
        error.to_string(),
        format!("investigate {}: every answer is an error (404)", serving.url())
    );
    assert!(serving.requests() <= 10, "{} requests", serving.requests());
}

#[test]
fn a_target_that_dies_in_the_middle_leaves_its_evidence() {
    let serving = Serving::start(Rig {
        dies_after: Some(120),
        ..Rig::healthy()
    });
    let out = Directory::new();
    let error = quest(&config(&serving.url(), &out, 10)).expect_err("it dies");
    assert!(matches!(error, Error::Died { .. }), "{error}");
    let evidence = recording::read(&out.0).expect("what was seen is kept");
    assert!(
        evidence
            .observations
            .iter()
            .any(|seen| seen.signal == Signal::ClientLatencyMs),
        "the baseline was seen"
    );
    // It says something, and claims nothing that was not proved.
    assert_ne!(diagnosis::diagnose(&evidence).grade, Grade::Proven);
}

#[test]
fn a_target_that_limits_the_rate_is_investigated() {
    let serving = Serving::start(Rig {
        per_second: Some(30),
        work: Duration::from_millis(5),
        ..Rig::healthy()
    });
    let out = Directory::new();
    let found = quest(&config(&serving.url(), &out, 6)).expect("a limit is a finding");
    let refused = found
        .evidence
        .observations
        .iter()
        .any(|seen| seen.signal == Signal::ClientStatus && seen.subject == "429");
    assert!(refused, "the refusals are in the evidence");
    assert_eq!(
        found.verdict.bottleneck,
        Some(Bottleneck::P8),
        "{}",
        found.verdict.sentence
    );
}

#[test]
fn a_request_that_may_change_something_is_not_sent() {
    let serving = Serving::start(Rig::healthy());
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 5);
    let target = config.scenario.target().clone();
    let mut request = config.scenario.requests()[0].clone();
    request.method = "POST".to_owned();
    config.scenario =
        load::scenario::Scenario::new(target, vec![request], load::scenario::values::Values::none())
            .expect("a scenario");
    let error = quest(&config).expect_err("writes are not allowed");
    assert_eq!(
        error.to_string(),
        "send POST again and again: it may change something"
    );
    assert_eq!(serving.requests(), 0);
}

#[test]
fn never_more_in_flight_than_was_allowed() {
    let serving = Serving::start(Rig::healthy());
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 5);
    config.bounds.concurrency_max = 3;
    quest(&config).expect("a verdict");
    // One more is our own trickle for `Server-Timing`, which this target does not send.
    assert!(
        serving.most_in_flight() <= 4,
        "{} in flight",
        serving.most_in_flight()
    );
}

#[test]
fn never_more_a_second_than_was_allowed() {
    let serving = Serving::start(Rig {
        work: Duration::from_millis(1),
        ..Rig::healthy()
    });
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 5);
    config.bounds.rate_max = 50.0;
    let found = quest(&config).expect("a verdict");
    let rates: Vec<f64> = found
        .evidence
        .observations
        .iter()
        .filter(|seen| seen.signal == Signal::ClientRate && !seen.experiment.starts_with("story"))
        .filter_map(diagnosis::observation::Observation::value)
        .collect();
    assert!(!rates.is_empty());
    assert!(rates.iter().all(|rate| *rate < 60.0), "{rates:?}");
    assert!(serving.requests() < 50 * 6, "{} requests", serving.requests());
}

#[test]
fn a_server_that_leaves_its_connections_loses_nothing() {
    let serving = Serving::start(Rig {
        per_connection: Some(50),
        work: Duration::from_millis(1),
        ..Rig::healthy()
    });
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 6);
    config.load.protocol = Protocol::Http2;
    let found = quest(&config).expect("a verdict");
    let sum = |signal: Signal| -> f64 {
        found
            .evidence
            .observations
            .iter()
            .filter(|seen| seen.signal == signal)
            .filter_map(diagnosis::observation::Observation::value)
            .sum()
    };
    assert!(sum(Signal::ClientGoAways) >= 1.0, "its goodbyes are seen");
    assert!(
        sum(Signal::ClientErrors) < 0.5,
        "{} failed",
        sum(Signal::ClientErrors)
    );
}

/// A database that knows nobody: as PostgreSQL says it, whatever it is sent.
fn stern_database() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let fields: &[u8] = b"SFATAL\0C28P01\0Mpassword authentication failed for user \"me\"\0\0";
    drop(thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut request = [0; 512];
            // Who asks for TLS first is told that there is none.
            while let Ok(count) = stream.read(&mut request) {
                let is_tls = count == 8 && request[4..8] == [4, 210, 22, 47];
                let mut answer = vec![b'N'];
                if !is_tls {
                    answer = vec![b'E'];
                    answer.extend((fields.len() as u32 + 4).to_be_bytes());
                    answer.extend(fields);
                }
                if count == 0 || stream.write_all(&answer).is_err() || !is_tls {
                    break;
                }
            }
        }
    }));
    address
}

#[test]
fn wrong_credentials_are_told_and_the_rest_is_seen() {
    let serving = Serving::start(Rig::healthy());
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 4);
    let url = format!("postgres://me:secret@{}/shop", stern_database());
    config
        .sources
        .postgres
        .push(Location::parse(&url).expect("the URL is right"));
    let found = quest(&config).expect("a verdict");
    let state = found
        .evidence
        .sources
        .iter()
        .find(|state| state.source == Source::Activity)
        .expect("it was asked for");
    assert_eq!(state.state, State::Denied, "{}", state.reason);
    assert!(
        state.reason.contains("password authentication failed") && !state.reason.contains("secret"),
        "{}",
        state.reason
    );
    assert!(!found.verdict.steps.is_empty());
}

#[test]
fn a_step_that_fails_too_often_ends_before_its_time_and_the_ramp_with_it() {
    let serving = Serving::start(Rig {
        // From the second user on, most are refused.
        per_second: Some(60),
        work: Duration::from_millis(2),
        ..Rig::healthy()
    });
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 8);
    config.bounds.errors_max = 0.2;
    let mut told = Vec::new();
    let found = investigate(&config, &load::watch::Watch::new(), &mut |what| {
        told.push(what.to_owned());
    })
    .expect("a verdict");
    let failing = found
        .verdict
        .steps
        .iter()
        .filter(|step| step.error_share > 0.2)
        .count();
    assert!(failing <= 1, "the ramp goes on beyond its cliff: {told:?}");
    let announced = quest::investigate::announcement(&config);
    assert!(
        announced.contains(&serving.url()) && announced.contains("more than 20 % fail"),
        "{announced}"
    );
}

#[test]
fn the_budget_is_kept() {
    let serving = Serving::start(Rig::healthy());
    let out = Directory::new();
    let config = config(&serving.url(), &out, 6);
    let began = std::time::Instant::now();
    quest(&config).expect("a verdict");
    // The preflight, and what is begun is ended.
    assert!(
        began.elapsed() < Duration::from_secs(6 + 4),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn answers_that_never_come_do_not_exceed_the_budget() {
    let serving = Serving::start(Rig {
        hangs_every: Some(150),
        ..Rig::healthy()
    });
    let out = Directory::new();
    let config = config(&serving.url(), &out, 6);
    let began = std::time::Instant::now();
    let found = quest(&config).expect("a verdict");
    // A request would be waited for by the load's own timeout, 30 s.
    assert!(
        began.elapsed() < Duration::from_secs(6 + 8),
        "{:?}",
        began.elapsed()
    );
    let failed = found.evidence.observations.iter();
    let failed = failed.filter(|seen| seen.signal == Signal::ClientErrors);
    let failed: f64 = failed
        .filter_map(diagnosis::observation::Observation::value)
        .sum();
    assert_eq!(
        failed, 0.0,
        "what the quest breaks off is no failure of the target"
    );
}
