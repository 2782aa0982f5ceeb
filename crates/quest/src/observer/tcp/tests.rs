//! Connections of this test, as the kernel tells of them.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{Family, Side, Tcp, sockets};
use crate::observer::{Depth, Observer as _, State, tcp::diag::take};

fn pair() -> (TcpStream, TcpStream, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    let (far, _) = listener.accept().expect("it has connected");
    (near, far, listener)
}

#[test]
fn both_ends_of_a_connection_are_found() {
    let (near, far, listener) = pair();
    let port = listener.local_addr().expect("an address").port();
    let ours = sockets(Family::V4, Side::Peer, port).expect("the kernel tells");
    let theirs = sockets(Family::V4, Side::Local, port).expect("the kernel tells");
    assert_eq!(ours.len(), 1);
    assert_eq!(theirs.len(), 1, "the one that listens is none of them");
    assert_eq!(ours[0].local, near.local_addr().expect("an address"));
    assert_eq!(ours[0].peer, far.local_addr().expect("an address"));
    assert_eq!(theirs[0].peer, ours[0].local);
    assert_ne!(ours[0].cookie, theirs[0].cookie);
    assert!(ours[0].told.min_rtt_us > 0.0);
}

#[test]
fn segments_are_counted_from_reading_to_reading() {
    let (mut near, mut far, listener) = pair();
    let mut tcp = Tcp::new(&[listener.local_addr().expect("an address")]).expect("it is TCP");
    let before = tcp.read(Depth::Full).expect("the kernel tells");
    for _ in 0..3 {
        near.write_all(b"ask").expect("it is open");
        far.read_exact(&mut [0; 3]).expect("it is open");
    }
    let after = tcp.read(Depth::Full).expect("the kernel tells");
    let grown = |key: &str| after.counters[key] - before.counters[key];
    assert_eq!(grown("client/segments"), 3.0);
    assert_eq!(grown("server/segments"), 0.0);
    assert_eq!(grown("client/sent_again"), 0.0);
    assert!(after.gauges["client/min_rtt_ms"] < 100.0);
}

#[test]
fn a_reader_that_reads_nothing_stops_the_sender() {
    let (near, mut far, listener) = pair();
    let mut tcp = Tcp::new(&[listener.local_addr().expect("an address")]).expect("it is TCP");
    tcp.read(Depth::Full).expect("the kernel tells");
    let writer = thread::spawn(move || {
        let _ = far.set_write_timeout(Some(Duration::from_secs(5)));
        let _ = far.write_all(&vec![0; 64 << 20]);
    });
    // It is over when it is seen; the time only bounds a failure.
    let until = Instant::now() + Duration::from_secs(5);
    let mut limited = 0.0;
    while limited <= 0.05 && Instant::now() < until {
        let reading = tcp.read(Depth::Light).expect("the kernel tells");
        limited = reading.counters["server/reader_limited_seconds"];
        thread::yield_now();
    }
    drop(near);
    writer.join().expect("it ends");
    assert!(limited > 0.05);
}

#[test]
fn a_server_that_listens_to_both_families_is_found() {
    let Ok(listener) = TcpListener::bind("[::]:0") else {
        // This machine has one family only.
        return;
    };
    let port = listener.local_addr().expect("an address").port();
    let address = format!("127.0.0.1:{port}").parse().expect("an address");
    let mut tcp = Tcp::new(&[address]).expect("it is TCP");
    let mut near = TcpStream::connect(address).expect("it listens");
    let (mut far, _) = listener.accept().expect("it has connected");
    let before = tcp.read(Depth::Full).expect("the kernel tells");
    far.write_all(b"answer").expect("it is open");
    near.read_exact(&mut [0; 6]).expect("it is open");
    let after = tcp.read(Depth::Full).expect("the kernel tells");
    let segments = "server/segments";
    assert_eq!(after.counters[segments] - before.counters[segments], 1.0);
}

#[test]
fn a_target_without_an_address_is_not_tcp() {
    assert!(matches!(Tcp::new(&[]), Err(State::Absent(_))));
}

#[test]
fn what_is_cut_short_is_no_socket() {
    let mut found = Vec::new();
    for bytes in [
        &[][..],
        &[1, 2, 3][..],
        &[16, 0, 0, 0, 20, 0, 0, 0][..],
        &[0; 64][..],
    ] {
        assert!(take(bytes, &mut found).expect("it is no error"));
    }
    assert!(found.is_empty());
}
