//! What is proven: one factor changed in pairs of rounds, the effect as predicted, and an irrelevant factor that moved
//! nothing.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use diagnosis::{
    bottleneck::Bottleneck,
    counter::{
        Role,
        judge::{Outcome, PAIRS_MIN},
    },
    grade::Grade,
    verdict::Verdict,
};
use load::{config::Protocol, watch::Watch};
use quest::{
    hook::{Change, Hook},
    investigate::{announcement, investigate},
    probe,
};

use crate::rig::{Directory, Rig, Serving, config, quest};

/// The grade, and what it rests on.
fn check_proven(verdict: &Verdict, bottleneck: Bottleneck) {
    assert_eq!(
        (verdict.bottleneck, verdict.grade),
        (Some(bottleneck), Grade::Proven),
        "{}\n{:#?}\n{:#?}",
        verdict.sentence,
        verdict.counters,
        verdict.checks
    );
    for role in [Role::Direct, Role::Control] {
        let judged = verdict
            .counters
            .iter()
            .find(|judged| judged.bottleneck == bottleneck && judged.role == role);
        let judged = judged.expect("both were run");
        assert_eq!(judged.outcome, Outcome::Confirmed, "{}", judged.words);
        assert!(judged.pairs >= PAIRS_MIN, "{}", judged.words);
    }
}

fn pool_of_three() -> Serving {
    Serving::start(Rig {
        pool: Some(3),
        ..Rig::healthy()
    })
}

/// What makes the pool twice as large, and what makes it small again.
fn of_the_pool(apply: impl Into<String>, revert: impl Into<String>) -> Hook {
    Hook {
        change: Change::Setting {
            name: "pool".to_owned(),
            times: 2.0,
        },
        apply: apply.into(),
        revert: revert.into(),
        settle: Duration::from_millis(50),
    }
}

#[test]
fn a_pool_of_three_is_proven_by_one_of_six() {
    let serving = pool_of_three();
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 24);
    config.sources.metrics.push(format!("{}metrics", serving.url()));
    let file = serving.pool_file.display();
    config.hooks.push(of_the_pool(
        format!("echo 6 > {file}"),
        format!("echo 3 > {file}"),
    ));
    let said = announcement(&config);
    assert!(
        said.contains("may change pool x2 by `echo 6") && said.contains("changes it back by `echo 3"),
        "{said}"
    );
    let found = quest(&config).expect("a verdict");
    check_proven(&found.verdict, Bottleneck::D1);
    let left = std::fs::read_to_string(&serving.pool_file).expect("the hook wrote it");
    assert_eq!(left, "3\n", "it is as it was");
    assert_eq!(
        diagnosis::diagnose(&found.evidence),
        found.verdict,
        "the proof is in the evidence"
    );
}

/// Answers each byte with itself.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            drop(thread::spawn(move || {
                let mut stream = stream;
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
            }));
        }
    }));
    address
}

#[test]
fn a_pool_of_three_is_proven_by_a_delay_before_its_database() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = free.local_addr().expect("its address");
    drop(free);
    let serving = Serving::start(Rig {
        pool: Some(3),
        database: Some(listen),
        ..Rig::healthy()
    });
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 24);
    config.sources.metrics.push(format!("{}metrics", serving.url()));
    config.probes.push(probe::Place {
        path: "database".to_owned(),
        listen,
        to: echo(),
    });
    let found = quest(&config).expect("a verdict");
    check_proven(&found.verdict, Bottleneck::D1);
    let delayed = found
        .evidence
        .counters
        .iter()
        .any(|counter| counter.id == "D1-delay");
    assert!(delayed, "by the delay");
    assert!(
        std::net::TcpStream::connect(listen).is_err(),
        "the probe has ended"
    );
}

#[test]
fn a_hook_that_fails_is_undone_and_proves_nothing() {
    let serving = pool_of_three();
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 26);
    config.sources.metrics.push(format!("{}metrics", serving.url()));
    let file = serving.pool_file.display();
    config.hooks.push(of_the_pool(
        format!("echo 6 > {file}; false"),
        format!("echo 3 > {file}"),
    ));
    let found = quest(&config).expect("a verdict");
    assert_eq!(found.verdict.bottleneck, Some(Bottleneck::D1));
    assert!(found.verdict.grade < Grade::Proven);
    let left = std::fs::read_to_string(&serving.pool_file).expect("the hook wrote it");
    assert_eq!(left, "3\n", "it is as it was");
}

#[test]
fn a_hook_that_cannot_be_undone_ends_the_measuring_and_is_told() {
    let serving = pool_of_three();
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 24);
    config.sources.metrics.push(format!("{}metrics", serving.url()));
    config.hooks.push(of_the_pool(
        format!("echo 6 > {}; false", serving.pool_file.display()),
        "exit 4",
    ));
    let mut told = Vec::new();
    let found = investigate(&config, &Watch::new(), &mut |what| told.push(what.to_owned()));
    let last = told.last().expect("something is told");
    assert!(
        last.starts_with("NOT CHANGED BACK: ") && last.contains("exit status: 4"),
        "{told:?}"
    );
    assert!(found.expect("a verdict").verdict.grade < Grade::Proven);
    assert!(config.undo.is_pending(), "whoever ends the process tries again");
}

#[test]
fn who_interrupts_before_a_change_is_made_has_no_change() {
    let serving = pool_of_three();
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 24);
    config.sources.metrics.push(format!("{}metrics", serving.url()));
    let file = serving.pool_file.display();
    config.hooks.push(of_the_pool(
        format!("echo 6 > {file}"),
        format!("echo 3 > {file}"),
    ));
    let interrupt = Watch::new();
    let mut told = Vec::new();
    investigate(&config, &interrupt, &mut |what| {
        told.push(what.to_owned());
        if what.starts_with("D1-pool/before") {
            interrupt.stop();
        }
    })
    .expect("what was seen is judged");
    assert!(
        told.iter().any(|what| what.starts_with("D1-pool/before")),
        "{told:?}"
    );
    assert!(!serving.pool_file.exists(), "nothing was changed: {told:?}");
}

#[test]
fn six_connections_are_proven_by_twelve() {
    let serving = Serving::start(Rig::healthy());
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 24);
    config.connections = Some(6);
    config.bounds.concurrency_max = 24;
    let found = quest(&config).expect("a verdict");
    check_proven(&found.verdict, Bottleneck::C1);
    assert!(serving.most_in_flight() <= 13, "{}", serving.most_in_flight());
}

#[test]
fn four_streams_are_proven_by_a_second_connection() {
    let serving = Serving::start(Rig {
        streams: Some(4),
        ..Rig::healthy()
    });
    let out = Directory::new();
    let mut config = config(&serving.url(), &out, 24);
    config.load.protocol = Protocol::Http2;
    let found = quest(&config).expect("a verdict");
    check_proven(&found.verdict, Bottleneck::P2);
}
