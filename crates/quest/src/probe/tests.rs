//! What goes through a probe comes out again, later by what was added.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{Place, Probe};

/// Answers each byte with itself, one connection after the other.
fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut byte = [0];
            while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
        }
    }));
    address
}

fn probe() -> Probe {
    let place = Place {
        path: "database".to_owned(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        to: echo(),
    };
    Probe::open(&place).expect("a free port")
}

fn round_trip(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    let mut byte = [7];
    stream.write_all(&byte).expect("it is open");
    stream.read_exact(&mut byte).expect("it answers");
    assert_eq!(byte, [7]);
    began.elapsed()
}

#[test]
fn each_round_trip_takes_longer_by_what_was_added() {
    let probe = probe();
    let mut stream = TcpStream::connect(probe.address).expect("it listens");
    round_trip(&mut stream);
    assert!(probe.is_used());
    probe.add(Duration::from_millis(30));
    let slow = round_trip(&mut stream);
    assert!(slow >= Duration::from_millis(30), "{slow:?}");
    probe.add(Duration::ZERO);
    // A busy machine is never faster than it should be, so the best of many tells.
    let fast = (0..20).map(|_| round_trip(&mut stream)).min().expect("twenty");
    assert!(fast < Duration::from_millis(30), "{fast:?}");
}

#[test]
fn what_ends_a_probe_ends_what_goes_through_it() {
    let probe = probe();
    let mut stream = TcpStream::connect(probe.address).expect("it listens");
    round_trip(&mut stream);
    drop(probe);
    let mut rest = Vec::new();
    // An end or a reset; both are one.
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
}

#[test]
fn a_party_that_is_gone_ends_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("its address");
    drop(listener);
    let place = Place {
        path: "database".to_owned(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        to,
    };
    let probe = Probe::open(&place).expect("a free port");
    let mut stream = TcpStream::connect(probe.address).expect("it listens");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
}
