//! Bad servers of HTTP/2.

use std::{io::Write as _, thread, time::Duration};

use load::outcome::Lost;

use super::{
    asking::{Ask, PATIENCE, all_lost, all_ok, none_answered},
    kit::{
        CONTINUATION, Client, DATA, END_HEADERS, END_STREAM, HEADERS, Hostile, INITIAL_WINDOW_SIZE, PADDED,
        PING, PUSH_PROMISE, SETTINGS, WINDOW_UPDATE, answer, close, flood, frame, reset, rst, settings,
        swallow,
    },
};

/// Answers every request with what is made for its stream, and stays.
fn says(bytes: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Hostile {
    Hostile::start(move |_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        while let Some(stream) = client.request() {
            if !client.send(&bytes(stream)) {
                return;
            }
        }
    })
}

/// Reads one request, then sends the same without end.
fn floods(bytes: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Hostile {
    floods_after(|_| Vec::new(), bytes)
}

fn floods_after(
    begin: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static,
    again: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static,
) -> Hostile {
    Hostile::start(move |_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        if let Some(stream) = client.request() {
            client.send(&begin(stream));
            flood(&mut client.stream, &again(stream));
        }
    })
}

#[test]
fn closing_at_every_byte_of_a_conversation() {
    // SETTINGS and their acknowledgement, two answers: the streams of the first two requests are 1 and 3.
    let whole = [settings(&[]), frame(SETTINGS, 1, 0, &[]), answer(1), answer(3)].concat();
    for resets in [false, true] {
        for end in 0..whole.len() {
            let bytes = whole[..end].to_vec();
            let server = Hostile::start(move |_, mut stream| {
                let mut preface = [0; 24];
                if std::io::Read::read_exact(&mut stream, &mut preface).is_err() {
                    return;
                }
                let _ = stream.write_all(&bytes);
                if resets {
                    reset(stream);
                } else {
                    close(stream);
                }
            });
            let summary = Ask::http2(2, 2).of(&server);
            assert!(summary.totals.ok <= 1, "{end}: {:?}", summary.totals);
            let lost = summary.totals.lost.keys();
            let expected = [Lost::Closed, Lost::ConnectionReset, Lost::Unreachable];
            assert!(
                lost.clone().all(|how| expected.contains(how)),
                "{end}, {resets}: {:?}",
                summary.totals
            );
        }
    }
}

#[test]
fn no_http2_at_all() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0\0\0\0\0\0\0\0\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let server = Hostile::start(move |_, mut stream| {
            let _ = stream.write_all(bytes);
            swallow(stream);
        });
        none_answered(
            &Ask::http2(3, 3).of(&server),
            &[Lost::Malformed, Lost::Unreachable],
        );
    }
}

#[test]
fn broken_frames() {
    type Make = fn(u32) -> Vec<u8>;
    let broken: &[(&str, Make)] = &[
        ("a frame of 16 MB", |stream| {
            let mut frame = frame(DATA, 0, stream, &[]);
            frame[..3].copy_from_slice(&[0xff, 0xff, 0xff]);
            frame
        }),
        ("DATA on the connection", |_| frame(DATA, END_STREAM, 0, b"hello")),
        ("HEADERS on the connection", |_| {
            frame(HEADERS, END_HEADERS, 0, &[0x88])
        }),
        ("SETTINGS on a stream", |stream| frame(SETTINGS, 0, stream, &[])),
        ("PING on a stream", |stream| frame(PING, 0, stream, &[0; 8])),
        ("a PING of seven bytes", |_| frame(PING, 0, 0, &[0; 7])),
        ("SETTINGS of five bytes", |_| frame(SETTINGS, 0, 0, &[0; 5])),
        ("an acknowledgement with something in it", |_| {
            frame(SETTINGS, 1, 0, &[0; 6])
        }),
        ("a window of 2^31", |_| {
            settings(&[(INITIAL_WINDOW_SIZE, 1 << 31)])
        }),
        ("a frame size of 1", |_| settings(&[(5, 1)])),
        ("a window that grows by nothing", |_| {
            frame(WINDOW_UPDATE, 0, 0, &[0; 4])
        }),
        ("a window that grows too far", |_| {
            frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]).repeat(2)
        }),
        ("WINDOW_UPDATE of three bytes", |_| {
            frame(WINDOW_UPDATE, 0, 0, &[0; 3])
        }),
        ("a GOAWAY of four bytes", |_| frame(7, 0, 0, &[0; 4])),
        ("RST_STREAM of three bytes", |stream| frame(3, 0, stream, &[0; 3])),
        ("RST_STREAM of the connection", |_| rst(0, 2)),
        ("more padding than bytes", |stream| {
            frame(DATA, PADDED, stream, &[200, 1, 2])
        }),
        ("more padding than a head", |stream| {
            frame(HEADERS, PADDED | END_HEADERS, stream, &[200, 0x88])
        }),
        ("padding without its length", |stream| {
            frame(DATA, PADDED, stream, &[])
        }),
        ("CONTINUATION of nothing", |stream| {
            frame(CONTINUATION, END_HEADERS, stream, &[0x88])
        }),
        ("a head that is interrupted", |stream| {
            [frame(HEADERS, 0, stream, &[0x88]), frame(PING, 0, 0, &[0; 8])].concat()
        }),
        ("a head continued on another stream", |stream| {
            [
                frame(HEADERS, 0, stream, &[0x88]),
                frame(CONTINUATION, END_HEADERS, stream + 2, &[]),
            ]
            .concat()
        }),
        ("a push", |stream| {
            frame(PUSH_PROMISE, END_HEADERS, stream, &[0, 0, 0, 2, 0x82])
        }),
        ("a stream that nobody opened", |stream| answer(stream + 1_000)),
        ("a stream of the server's", |_| answer(2)),
        ("a reset of what nobody opened", |stream| rst(stream + 1_000, 2)),
        ("an index of 0", |stream| {
            frame(HEADERS, END_HEADERS, stream, &[0x80])
        }),
        ("an index of nothing", |stream| {
            frame(HEADERS, END_HEADERS, stream, &[0xff, 0xff, 0xff, 0x7f])
        }),
        ("an integer without end", |stream| {
            frame(HEADERS, END_HEADERS, stream, &[0xff; 40])
        }),
        ("a name that is cut", |stream| {
            frame(HEADERS, END_HEADERS, stream, &[0x88, 0x40, 0x0a, b'a'])
        }),
        ("a table larger than allowed", |stream| {
            frame(HEADERS, END_HEADERS, stream, &[0x3f, 0xff, 0xff, 0x7f, 0x88])
        }),
        ("the end of Huffman's code", |stream| {
            frame(
                HEADERS,
                END_HEADERS,
                stream,
                &[0x88, 0x40, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, b'a'],
            )
        }),
    ];
    for (name, make) in broken {
        let summary = Ask::http2(3, 1).of(&says(*make));
        let totals = &summary.totals;
        assert_eq!(totals.lost.get(&Lost::Malformed), Some(&3), "{name}: {totals:?}");
    }
}

#[test]
fn broken_answers() {
    type Make = fn(u32) -> Vec<u8>;
    let broken: &[(&str, Make)] = &[
        ("no status", |stream| {
            frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x00\x01a\x01b")
        }),
        ("a status of letters", |stream| {
            frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x08\x03abc")
        }),
        ("a status of 99", |stream| {
            frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x08\x0299")
        }),
        ("two statuses", |stream| {
            frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88, 0x88])
        }),
        ("a body without a head", |stream| {
            frame(DATA, END_STREAM, stream, b"hello")
        }),
        ("101", |stream| {
            frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x08\x03101")
        }),
        ("an end with 1xx", |stream| {
            frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x08\x03100")
        }),
        ("a length that is longer than the body", |stream| {
            let mut bytes = frame(HEADERS, END_HEADERS, stream, b"\x88\x0f\x0d\x0250");
            bytes.extend(frame(DATA, END_STREAM, stream, b"hello"));
            bytes
        }),
        ("a length that is shorter than the body", |stream| {
            let mut bytes = frame(HEADERS, END_HEADERS, stream, b"\x88\x0f\x0d\x012");
            bytes.extend(frame(DATA, END_STREAM, stream, b"hello"));
            bytes
        }),
        ("a pseudo-header of requests", |stream| {
            frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88, 0x82])
        }),
    ];
    for (name, make) in broken {
        let summary = Ask::http2(3, 1).of(&says(*make));
        let totals = &summary.totals;
        assert_eq!(totals.lost.get(&Lost::Malformed), Some(&3), "{name}: {totals:?}");
    }
}

#[test]
fn more_after_the_end() {
    // A second answer to the same request is nobody's.
    let server = says(|stream| answer(stream).repeat(2));
    let summary = Ask::http2(20, 4).of(&server);
    assert!(summary.totals.ok <= 20, "{:?}", summary.totals);
    assert_eq!(
        summary.statuses.get(&200).copied().unwrap_or(0),
        summary.totals.ok
    );
}

#[test]
fn informational_answers() {
    let some = |stream| {
        let hint = frame(HEADERS, END_HEADERS, stream, b"\x08\x03103");
        [hint.repeat(5), answer(stream)].concat()
    };
    all_ok(&Ask::http2(10, 4).of(&says(some)));
    let server = floods(|stream| frame(HEADERS, END_HEADERS, stream, b"\x08\x03100"));
    let summary = Ask::http2(2, 1).of(&server);
    // The first stream is given up; the second waits in vain behind what still comes for the first.
    none_answered(&summary, &[Lost::Malformed, Lost::Timeout]);
    assert!(
        summary.totals.lost.contains_key(&Lost::Malformed),
        "{:?}",
        summary.totals
    );
}

#[test]
fn bombs_of_headers() {
    // Rapid growth: an entry of the table of 4,000 bytes, named 60,000 times in one block.
    let hpack = |stream| {
        let mut block = vec![0x88, 0x40, 0x01, b'a', 0x7f, 0x81, 0x1e];
        block.extend_from_slice(&[b'b'; 4_000]);
        block.extend_from_slice(&[0xbe; 10_000]);
        let mut bytes = frame(HEADERS, 0, stream, &block);
        for _ in 0..4 {
            bytes.extend(frame(CONTINUATION, 0, stream, &[0xbe; 12_000]));
        }
        bytes.extend(frame(CONTINUATION, END_HEADERS, stream, &[]));
        bytes
    };
    all_lost(&Ask::http2(3, 1).of(&says(hpack)), Lost::Malformed);

    let plain = |stream| {
        let mut block = vec![0x88];
        for _ in 0..3_000 {
            block.extend_from_slice(b"\x00\x10aaaaaaaaaaaaaaaa\x10bbbbbbbbbbbbbbbb");
        }
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
    };
    all_lost(&Ask::http2(3, 1).of(&says(plain)), Lost::Malformed);
}

#[test]
fn floods_of_continuation() {
    let full = floods_after(
        |stream| frame(HEADERS, 0, stream, &[0x88]),
        |stream| frame(CONTINUATION, 0, stream, b"\x00\x01a\x01b"),
    );
    all_lost(&Ask::http2(2, 1).of(&full), Lost::Malformed);
    let empty = floods_after(
        |stream| frame(HEADERS, 0, stream, &[0x88]),
        |stream| frame(CONTINUATION, 0, stream, &[]),
    );
    all_lost(&Ask::http2(2, 1).of(&empty), Lost::Malformed);
}

#[test]
fn floods_of_control_frames() {
    type Make = fn(u32) -> Vec<u8>;
    let floods_of: &[(&str, Make)] = &[
        ("PING", |_| frame(PING, 0, 0, &[0; 8])),
        ("PING, acknowledged", |_| frame(PING, 1, 0, &[0; 8])),
        ("SETTINGS", |_| settings(&[(INITIAL_WINDOW_SIZE, 65_535)])),
        ("empty SETTINGS", |_| settings(&[])),
        ("empty DATA", |stream| frame(DATA, 0, stream, &[])),
        ("PRIORITY", |stream| frame(2, 0, stream, &[0; 5])),
        ("RST_STREAM", |stream| rst(stream, 8)),
        ("what nobody knows", |_| frame(0xbe, 0, 0, b"hello")),
        ("GOAWAY", |_| {
            frame(7, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0])
        }),
        ("WINDOW_UPDATE of a stream by one", |stream| {
            frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 1])
        }),
    ];
    for (name, make) in floods_of {
        let summary = Ask::http2(2, 1).of(&floods(*make));
        let totals = &summary.totals;
        let expected = [Lost::Malformed, Lost::Timeout, Lost::StreamReset, Lost::Closed];
        assert!(
            totals.ok == 0 && totals.lost.keys().all(|how| expected.contains(how)),
            "{name}: {totals:?}"
        );
    }
}

#[test]
fn floods_with_nobody_reading_what_they_are_answered() {
    // Acknowledgements pile up in us while the server reads none of them: there has to be an end.
    for bytes in [frame(PING, 0, 0, &[0; 8]), settings(&[])] {
        let server = floods(move |_| bytes.clone());
        none_answered(
            &Ask::http2(2, 1).of(&server),
            &[Lost::Malformed, Lost::Timeout, Lost::Closed],
        );
    }
}

#[test]
fn no_window_for_ever() {
    let server = Hostile::start(|_, stream| {
        if let Some(client) = Client::greet(stream, &[(INITIAL_WINDOW_SIZE, 0)]) {
            swallow(client.stream);
        }
    });
    let ask = Ask {
        post_bytes: Some(1_000),
        ..Ask::http2(4, 2)
    };
    let summary = ask.of(&server);
    all_lost(&summary, Lost::Timeout);
    assert!(summary.flow_stalled_ns > 0, "the stall is to be told");
}

#[test]
fn a_window_that_opens_by_a_byte_at_a_time() {
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[(INITIAL_WINDOW_SIZE, 0)]) else {
            return;
        };
        // Each frame is a head or one byte of a body: one more byte may come.
        while let Some((kind, flags, stream)) = client.frame() {
            let more = match kind {
                HEADERS | DATA if flags & END_STREAM != 0 => answer(stream),
                HEADERS | DATA => frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 1]),
                _ => continue,
            };
            if !client.send(&more) {
                return;
            }
        }
    });
    let ask = Ask {
        post_bytes: Some(50),
        ..Ask::http2(6, 2)
    };
    all_ok(&ask.of(&server));
}

#[test]
fn a_window_that_becomes_negative() {
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[(INITIAL_WINDOW_SIZE, 1_000)]) else {
            return;
        };
        while let Some((kind, flags, stream)) = client.frame() {
            let more = match kind {
                HEADERS | DATA if flags & END_STREAM != 0 => answer(stream),
                // All of it was used: now the windows of all streams shrink below zero, then this one opens.
                DATA => [
                    settings(&[(INITIAL_WINDOW_SIZE, 0)]),
                    frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0x20, 0]),
                    settings(&[(INITIAL_WINDOW_SIZE, 1_000)]),
                ]
                .concat(),
                _ => continue,
            };
            if !client.send(&more) {
                return;
            }
        }
    });
    let ask = Ask {
        post_bytes: Some(5_000),
        ..Ask::http2(6, 2)
    };
    all_ok(&ask.of(&server));
}

#[test]
fn more_than_our_window() {
    let server = floods_after(
        |stream| frame(HEADERS, END_HEADERS, stream, &[0x88]),
        |stream| frame(DATA, 0, stream, &[0; 10_000]),
    );
    let ask = Ask {
        window: 65_535,
        ..Ask::http2(2, 1)
    };
    // A body without end into a window that is opened again and again ends by the time a request may take.
    none_answered(&ask.of(&server), &[Lost::Malformed, Lost::Timeout]);
}

#[test]
fn never_answering() {
    let silent = Hostile::start(|_, stream| {
        if let Some(client) = Client::greet(stream, &[]) {
            swallow(client.stream);
        }
    });
    all_lost(&Ask::http2(8, 4).of(&silent), Lost::Timeout);
    let mute = Hostile::start(|_, stream| swallow(stream));
    all_lost(&Ask::http2(4, 4).of(&mute), Lost::Timeout);
}

#[test]
fn an_answer_in_drops_that_takes_too_long() {
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        while let Some(stream) = client.request() {
            for byte in answer(stream) {
                if !client.send(&[byte]) {
                    return;
                }
                thread::park_timeout(PATIENCE / 10);
            }
        }
    });
    all_lost(&Ask::http2(2, 1).of(&server), Lost::Timeout);
}

#[test]
fn answers_to_what_was_given_up() {
    // Too late for the first, whose stream was cancelled; it must not be taken for the second's.
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        let Some(first) = client.request() else { return };
        thread::park_timeout(PATIENCE + Duration::from_millis(200));
        client.send(&answer(first));
        while let Some(stream) = client.request() {
            if !client.send(&answer(stream)) {
                return;
            }
        }
    });
    let summary = Ask::http2(10, 1).of(&server);
    assert_eq!(
        summary.totals.lost.get(&Lost::Timeout),
        Some(&1),
        "{:?}",
        summary.totals
    );
    assert_eq!(summary.totals.ok, 9, "{:?}", summary.totals);
}

#[test]
fn half_closed_with_requests_open() {
    let server = Hostile::start(|_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        if let Some(stream) = client.request() {
            client.send(&answer(stream));
            close(client.stream);
        }
    });
    let summary = Ask::http2(6, 3).of(&server);
    let totals = &summary.totals;
    assert!(totals.lost.keys().all(|how| *how == Lost::Closed), "{totals:?}");
    assert!(totals.ok >= 1, "{totals:?}");
}

#[test]
fn settings_are_no_answer() {
    let wait = Duration::from_millis(100);
    let server = Hostile::start(move |_, stream| {
        let Some(mut client) = Client::greet(stream, &[]) else {
            return;
        };
        let Some(stream) = client.request() else { return };
        thread::park_timeout(wait);
        client.send(&answer(stream));
        swallow(client.stream);
    });
    let summary = Ask::http2(1, 1).of(&server);
    all_ok(&summary);
    let first = &summary.connection_first_byte;
    assert_eq!(first.count(), 1);
    assert!(first.min_ns() >= wait.as_nanos() as u64, "{} ns", first.min_ns());
}
