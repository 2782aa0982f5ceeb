//! Servers that do not behave: each request ends in its own way, in time, and is counted once.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use load::{
    config::{Config, Protocol},
    outcome::{Lost, Resent},
    summary::Totals,
};

use crate::server::{ask, config, request, say_and_close, sockets};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-more: y\r\n\r\nhello";

fn quick() -> Config {
    let mut config = config(Protocol::Http1);
    config.timeouts.request = Duration::from_millis(200);
    config.timeouts.connect = Duration::from_millis(500);
    config
}

#[track_caller]
fn lost(totals: &Totals, reason: Lost) -> u64 {
    totals.lost.get(&reason).copied().unwrap_or(0)
}

#[test]
fn an_answer_cut_at_any_byte_is_lost_and_the_next_is_not() {
    for cut in 0..ANSWER.len() {
        let address = sockets(move |mut stream, number| {
            if number == 0 {
                assert!(request(&mut stream));
                say_and_close(stream, &ANSWER[..cut]);
            } else {
                while request(&mut stream) {
                    let _ = stream.write_all(ANSWER);
                }
            }
        });
        let totals = ask(&format!("http://{address}/"), 3, &quick()).totals;
        if cut == 0 {
            assert_eq!(totals.ok, 3, "no byte came, and GET may be sent again");
            assert_eq!(totals.resent.get(&Resent::ClosedUnanswered), Some(&1));
        } else {
            assert_eq!((totals.ok, lost(&totals, Lost::Closed)), (2, 1), "cut at {cut}");
            assert!(totals.resent.is_empty());
        }
    }
}

#[test]
fn what_may_have_been_done_is_not_done_twice() {
    use load::{
        arrivals::Arrivals,
        ending::Ending,
        scenario::{Request, Scenario, values::Values},
        target::Target,
    };
    let address = sockets(|mut stream, _| {
        let _ = request(&mut stream);
        say_and_close(stream, b"");
    });
    let (target, _) = Target::parse(&format!("http://{address}")).unwrap();
    let post = Request {
        method: "POST".to_owned(),
        ..Request::get("/", &Values::none()).unwrap()
    };
    let scenario = Scenario::new(target, vec![post], Values::none()).unwrap();
    let totals =
        crate::server::run(&scenario, &Arrivals::Closed, &Ending::after(3).unwrap(), &quick()).totals;
    assert_eq!(lost(&totals, Lost::Closed), 3);
    assert!(totals.resent.is_empty());
}

#[test]
fn a_server_that_always_closes_is_not_asked_for_ever() {
    let address = sockets(|mut stream, _| {
        let _ = request(&mut stream);
        say_and_close(stream, b"");
    });
    let mut config = quick();
    config.limits.connect_attempts_max = 20;
    let totals = ask(&format!("http://{address}/"), 1, &config).totals;
    assert_eq!(lost(&totals, Lost::Closed), 1, "after the limit of retries");
    assert_eq!(totals.resent.get(&Resent::ClosedUnanswered), Some(&3));
}

#[test]
fn garbage_is_malformed() {
    let flood = b"HTTP/1.1 103 Early\r\n\r\n".repeat(50);
    let bomb = [b"HTTP/1.1 200 OK\r\na: ".as_slice(), &vec![b'b'; 100_000]].concat();
    let answers: [&'static [u8]; 6] = [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        flood.leak(),
        bomb.leak(),
    ];
    for answer in answers {
        let address = sockets(move |mut stream, _| {
            let _ = request(&mut stream);
            say_and_close(stream, answer);
        });
        let totals = ask(&format!("http://{address}/"), 2, &quick()).totals;
        assert_eq!(lost(&totals, Lost::Malformed), 2, "{:?}", &answer[..10]);
    }
}

#[test]
fn an_answer_that_nobody_asked_for_ends_the_connection() {
    let address = sockets(|mut stream, _| {
        while request(&mut stream) {
            let _ = stream.write_all(&[ANSWER, ANSWER].concat());
        }
    });
    let summary = ask(&format!("http://{address}/"), 4, &quick());
    assert_eq!(summary.totals.ok, 4);
    assert!(summary.connections >= 2, "none is used after that");
}

#[test]
fn silence_is_timed_out() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let address = sockets(move |mut stream, _| {
            if protocol == Protocol::Http2 {
                let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
            }
            let mut bytes = [0; 1_024];
            while matches!(stream.read(&mut bytes), Ok(1..)) {}
        });
        let mut config = quick();
        config.protocol = protocol;
        config.streams = 2;
        let totals = ask(&format!("http://{address}/"), 2, &config).totals;
        let timed_out = lost(&totals, Lost::Timeout);
        assert_eq!(timed_out, 2, "{protocol:?} {totals:?}");
        assert!(totals.resent.is_empty(), "{protocol:?} {totals:?}");
    }
}

#[test]
fn nobody_there_leaves_everything_unsent() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let summary = ask(&format!("http://{address}/"), 10, &quick());
    assert_eq!(summary.totals.unsent, 10);
    let failures: u64 = summary.connect_failures.values().sum();
    assert_eq!(failures, 2, "as many attempts as were allowed");
}

#[test]
fn a_reset_is_named() {
    let address = sockets(|mut stream: TcpStream, _| {
        let mut some = [0; 4];
        let _ = stream.read_exact(&mut some);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc");
        // Closing with unread bytes resets.
        std::thread::sleep(Duration::from_millis(20));
    });
    let totals = ask(&format!("http://{address}/"), 1, &quick()).totals;
    assert_eq!(lost(&totals, Lost::ConnectionReset), 1, "{totals:?}");
}

#[test]
fn a_server_that_speaks_no_http2_breaks_it() {
    let address = sockets(|stream, _| say_and_close(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let mut config = quick();
    config.protocol = Protocol::Http2;
    config.streams = 3;
    let totals = ask(&format!("http://{address}/"), 3, &config).totals;
    assert_eq!(lost(&totals, Lost::Malformed), 3);
}
