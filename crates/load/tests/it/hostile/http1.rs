//! Bad servers of HTTP/1.1.

use std::{
    io::Write as _,
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use load::{config::Bodies, outcome::Lost, summary::Summary};

use super::{
    asking::{Ask, PATIENCE, all_lost, all_ok, none_answered},
    kit::{Hostile, close, flood, read_request, reset, swallow},
};

const BY_LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello";
const IN_CHUNKS: &[u8] =
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nt: v\r\n\r\n";
const UNTIL_CLOSE: &[u8] = b"HTTP/1.1 200 OK\r\nserver: old\r\n\r\n";

/// Answers every request with these bytes, then closes in good order.
fn says_and_closes(bytes: &[u8]) -> Hostile {
    let bytes = bytes.to_vec();
    Hostile::start(move |_, mut stream| {
        if read_request(&mut stream) {
            let _ = stream.write_all(&bytes);
            close(stream);
        }
    })
}

/// Answers every request with these bytes, and stays.
fn says(bytes: &[u8]) -> Hostile {
    let bytes = bytes.to_vec();
    Hostile::start(move |_, mut stream| {
        while read_request(&mut stream) {
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    })
}

fn both(check: impl Fn(Ask)) {
    for bodies in [Bodies::Read, Bodies::Discard] {
        check(Ask {
            bodies,
            ..Ask::http1(3)
        });
    }
}

#[test]
fn closing_at_every_byte_of_an_answer() {
    both(|ask| {
        for whole in [BY_LENGTH, IN_CHUNKS] {
            for end in 1..whole.len() {
                let summary = ask.of(&says_and_closes(&whole[..end]));
                all_lost(&summary, Lost::Closed);
            }
            all_ok(&ask.of(&says_and_closes(whole)));
        }
        // Without a length the end of the connection is the end of the body: whoever cuts it there is not found out.
        for end in 1..UNTIL_CLOSE.len() {
            all_lost(&ask.of(&says_and_closes(&UNTIL_CLOSE[..end])), Lost::Closed);
        }
        all_ok(&ask.of(&says_and_closes(&[UNTIL_CLOSE, b"hel"].concat())));
    });
}

#[test]
fn closing_before_the_first_byte() {
    let server = says_and_closes(b"");
    let summary = Ask::http1(3).of(&server);
    // Sent again, since a GET is idempotent and no byte came, but not for ever.
    none_answered(&summary, &[Lost::Closed, Lost::Unreachable]);
    assert!(server.accepted() < 100, "{} connections", server.accepted());

    let post = Ask {
        post_bytes: Some(10),
        ..Ask::http1(3)
    };
    let summary = post.of(&says_and_closes(b""));
    all_lost(&summary, Lost::Closed);
    assert!(
        summary.totals.resent.is_empty(),
        "a POST is never sent twice: {:?}",
        summary.totals
    );
}

#[test]
fn resetting_at_every_byte_of_an_answer() {
    for end in 1..BY_LENGTH.len() {
        let server = Hostile::start(move |_, mut stream| {
            if read_request(&mut stream) {
                let _ = stream.write_all(&BY_LENGTH[..end]);
                reset(stream);
            }
        });
        let summary = Ask::http1(2).of(&server);
        none_answered(&summary, &[Lost::ConnectionReset, Lost::Closed]);
        assert_eq!(summary.totals.unsent, 0, "{:?}", summary.totals);
    }
}

#[test]
fn resetting_at_once() {
    let server = Hostile::start(|_, stream| reset(stream));
    none_answered(
        &Ask::http1(3).of(&server),
        &[Lost::ConnectionReset, Lost::Closed, Lost::Unreachable],
    );
}

#[test]
fn garbage() {
    let long = [
        b"HTTP/1.1 200 OK\r\ncontent-length: ",
        &b"9".repeat(40)[..],
        b"\r\n\r\n",
    ]
    .concat();
    let garbage: &[&[u8]] = &[
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"\xff\xfe\xfd\xfc",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname : space before it\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\r\n folded: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0x5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
        &long,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11111111111111111\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n",
    ];
    both(|ask| {
        for bytes in garbage {
            let summary = ask.of(&says(bytes));
            let shown = String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(
                summary.totals.lost.get(&Lost::Malformed),
                Some(&3),
                "{shown:?}: {:?}",
                summary.totals
            );
        }
    });
}

#[test]
fn a_chunk_of_half_the_address_space() {
    let server = says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nhello");
    let summary = Ask::http1(2).of(&server);
    none_answered(&summary, &[Lost::Timeout, Lost::Malformed]);
}

#[test]
fn informational_answers() {
    // Some are fine.
    let some = [
        &b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(5)[..],
        BY_LENGTH,
    ]
    .concat();
    all_ok(&Ask::http1(3).of(&says(&some)));
    let flooding = Hostile::start(|_, mut stream| {
        if read_request(&mut stream) {
            flood(&mut stream, b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    });
    all_lost(&Ask::http1(3).of(&flooding), Lost::Malformed);
}

#[test]
fn bombs() {
    let bombs: &[(&[u8], &[u8])] = &[
        (
            b"HTTP/1.1 200 OK\r\n",
            b"a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
        ),
        (b"HTTP/1.1 200 OK\r\na: ", b"a"),
        (b"HTTP/1.1 200 ", b"O"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;",
            b"extension",
        ),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
            b"trailer: value\r\n",
        ),
    ];
    for (begin, again) in bombs {
        let (begin, again) = (begin.to_vec(), again.to_vec());
        let server = Hostile::start(move |_, mut stream| {
            if read_request(&mut stream) {
                let _ = stream.write_all(&begin);
                flood(&mut stream, &again);
            }
        });
        all_lost(&Ask::http1(3).of(&server), Lost::Malformed);
    }
}

#[test]
fn bodies_and_line_ends_without_end() {
    let endless: &[(&[u8], &[u8])] = &[
        // Both are allowed, and neither may take longer than a request may.
        (UNTIL_CLOSE, b"body"),
        (b"", b"\r\n"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"1\r\na\r\n",
        ),
    ];
    for (begin, again) in endless {
        let (begin, again) = (begin.to_vec(), again.to_vec());
        let server = Hostile::start(move |_, mut stream| {
            if read_request(&mut stream) {
                let _ = stream.write_all(&begin);
                flood(&mut stream, &again);
            }
        });
        none_answered(&Ask::http1(2).of(&server), &[Lost::Timeout, Lost::Malformed]);
    }
}

#[test]
fn never_answering() {
    let began = Instant::now();
    let silent = Hostile::start(|_, stream| swallow(stream));
    let ask = Ask {
        clients: 4,
        ..Ask::http1(8)
    };
    all_lost(&ask.of(&silent), Lost::Timeout);
    assert!(began.elapsed() > PATIENCE * 2 && began.elapsed() < PATIENCE * 8);

    for beginning in [1, 20, BY_LENGTH.len() - 1] {
        let server = Hostile::start(move |_, mut stream| {
            if read_request(&mut stream) {
                let _ = stream.write_all(&BY_LENGTH[..beginning]);
                swallow(stream);
            }
        });
        all_lost(&Ask::http1(2).of(&server), Lost::Timeout);
    }
}

#[test]
fn never_answering_pipelined_requests() {
    let began = Instant::now();
    let server = Hostile::start(|_, stream| swallow(stream));
    let ask = Ask {
        streams: 10,
        ..Ask::http1(10)
    };
    // All have waited as long as the first: none is sent again, to be waited for once more.
    let summary = ask.of(&server);
    all_lost(&summary, Lost::Timeout);
    assert!(summary.totals.resent.is_empty(), "{:?}", summary.totals);
    assert!(began.elapsed() < PATIENCE * 3, "{:?}", began.elapsed());
    assert_eq!(server.accepted(), 1);
}

#[test]
fn never_accepting_and_never_reading() {
    // The kernel takes the connections, and some of the bytes, for a listener that never looks.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let proxy = listener.local_addr().expect("an address");
    let unread = Hostile::start(move |_, stream| {
        // Held, not read: a window that closes and stays closed.
        let _kept = stream;
        let _ = TcpStream::connect(proxy);
        thread::park_timeout(Duration::from_secs(5));
    });
    let ask = Ask {
        post_bytes: Some(32 << 20),
        ..Ask::http1(2)
    };
    all_lost(&ask.of(&unread), Lost::Timeout);
}

#[test]
fn an_answer_in_drops_that_takes_too_long() {
    let server = Hostile::start(|_, mut stream| {
        while read_request(&mut stream) {
            for byte in BY_LENGTH {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                // Each byte would keep a timeout of inactivity from ending it.
                thread::park_timeout(PATIENCE / 10);
            }
        }
    });
    all_lost(&Ask::http1(2).of(&server), Lost::Timeout);
}

#[test]
fn half_closed_after_a_whole_answer() {
    let server = Hostile::start(|_, mut stream| {
        if read_request(&mut stream) {
            let _ = stream.write_all(BY_LENGTH);
            let _ = stream.shutdown(Shutdown::Write);
            swallow(stream);
        }
    });
    let ask = Ask {
        clients: 2,
        ..Ask::http1(20)
    };
    let summary = ask.of(&server);
    all_ok(&summary);
    assert_eq!(summary.limit.as_ref().map(|limit| limit.requests), Some(1));
}

#[test]
fn half_closed_before_anything() {
    let server = Hostile::start(|_, stream| {
        let _ = stream.shutdown(Shutdown::Write);
        swallow(stream);
    });
    none_answered(&Ask::http1(3).of(&server), &[Lost::Closed, Lost::Unreachable]);
}

#[test]
fn speaking_unasked() {
    // Before the request, and twice for one request: nothing that was not asked for is an answer.
    let early = Hostile::start(|_, mut stream| {
        let _ = stream.write_all(BY_LENGTH);
        swallow(stream);
    });
    let summary = Ask::http1(3).of(&early);
    assert!(summary.totals.ok <= 3, "{:?}", summary.totals);
    let twice = says(&BY_LENGTH.repeat(2));
    let summary = Ask::http1(4).of(&twice);
    assert!(summary.totals.ok >= 1, "{:?}", summary.totals);
}

#[test]
fn a_length_that_is_not_that_of_the_body() {
    // Too long: what is missing never comes. Too short: what follows is no answer.
    let longer = says(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello");
    all_lost(&Ask::http1(2).of(&longer), Lost::Timeout);
    let longer = says_and_closes(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello");
    all_lost(&Ask::http1(2).of(&longer), Lost::Closed);
    let shorter = says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhello");
    let summary = Ask::http1(4).of(&shorter);
    let Summary { totals, .. } = &summary;
    assert_eq!(
        totals.ok + totals.lost.get(&Lost::Malformed).copied().unwrap_or(0),
        4,
        "{totals:?}"
    );
    assert!(totals.ok >= 1, "{totals:?}");
}

#[test]
fn nobody_listening() {
    let url = says(b"").url();
    let summary = Ask::http1(3).of_url(url);
    none_answered(&summary, &[Lost::Unreachable]);
    assert!(!summary.connect_failures.is_empty());
}

#[test]
fn a_server_that_dies_in_the_middle_of_a_run() {
    // Two connections are served well, then every one is reset at once.
    let server = Hostile::start(|number, mut stream| {
        if number >= 2 {
            return reset(stream);
        }
        for _ in 0..10 {
            if !read_request(&mut stream) || stream.write_all(BY_LENGTH).is_err() {
                return;
            }
        }
        reset(stream);
    });
    let ask = Ask {
        clients: 2,
        ..Ask::http1(1_000)
    };
    let summary = ask.of(&server);
    assert_eq!(summary.totals.ok, 20, "{:?}", summary.totals);
}

#[test]
fn a_server_that_dies_in_the_middle_of_a_schedule() {
    // Served for a while, then gone for good: those who still come are counted, and nobody waits for ever.
    let serve_ten = |mut stream: TcpStream| {
        for _ in 0..10 {
            if !read_request(&mut stream) || stream.write_all(BY_LENGTH).is_err() {
                return;
            }
        }
        reset(stream);
    };
    let ask = Ask {
        clients: 2,
        rate: Some((100.0, Duration::from_secs(1))),
        ..Ask::http1(100)
    };
    let resetting = Hostile::start(move |number, stream| match number {
        0 | 1 => serve_ten(stream),
        _ => reset(stream),
    });
    let gone = Hostile::start_for(2, move |_, stream| serve_ten(stream));
    for server in [resetting, gone] {
        let summary = ask.of(&server);
        assert_eq!(summary.totals.ok, 20, "{:?}", summary.totals);
    }
}

#[test]
fn pipelined_requests_and_a_server_that_answers_some() {
    let server = Hostile::start(|_, mut stream| {
        for _ in 0..3 {
            if !read_request(&mut stream) || stream.write_all(BY_LENGTH).is_err() {
                return;
            }
        }
        close(stream);
    });
    let ask = Ask {
        streams: 8,
        ..Ask::http1(60)
    };
    // Those behind the third are sent again: no byte of an answer came, and a GET is idempotent.
    let summary = ask.of(&server);
    all_ok(&summary);
    assert!(!summary.totals.resent.is_empty(), "{:?}", summary.totals);
}
