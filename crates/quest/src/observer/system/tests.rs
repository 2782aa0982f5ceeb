//! This process itself is read, and found by the port that it listens on.

use std::{net::TcpListener, process, time::Instant};

use super::{Party, Role, System, find, process::after_name};
use crate::observer::{Depth, Observer as _};

#[test]
fn this_process_is_read() {
    let party = Party {
        role: Role::Client,
        pid: process::id(),
        name: "it".to_owned(),
    };
    let mut system = System::new(vec![party]);
    let before = system.read(Depth::Full).expect("Linux");
    let began = Instant::now();
    while began.elapsed().as_millis() < 30 {
        std::hint::spin_loop();
    }
    let after = system.read(Depth::Full).expect("Linux");
    let run = |reading: &crate::observer::Reading| reading.counters["client/run_seconds"];
    assert!(
        run(&after) - run(&before) > 0.005,
        "{} to {}",
        run(&before),
        run(&after)
    );
    assert!(after.gauges["client/threads"] >= 1.0);
    assert!(after.gauges["host/cores"] >= 1.0);
}

#[test]
fn the_owner_of_a_port_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (pid, _) = find::owner_of_port(port).expect("this process");
    assert_eq!(pid, process::id());
    drop(listener);
}

#[test]
fn a_name_may_hold_brackets() {
    assert_eq!(after_name("12 (a) b) R 1 2"), Some(vec!["R", "1", "2"]));
}

#[test]
fn what_a_child_did_that_has_ended_is_counted() {
    let party = Party {
        role: Role::Database,
        pid: process::id(),
        name: "it".to_owned(),
    };
    let mut system = System::new(vec![party]);
    let before = system.read(Depth::Full).expect("Linux");
    let done = process::Command::new("sh")
        .args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"])
        .status()
        .expect("a shell");
    assert!(done.success());
    let after = system.read(Depth::Full).expect("Linux");
    let run = |reading: &crate::observer::Reading| reading.counters["database/run_seconds"];
    assert!(
        run(&after) - run(&before) > 0.05,
        "{} to {}",
        run(&before),
        run(&after)
    );
}
