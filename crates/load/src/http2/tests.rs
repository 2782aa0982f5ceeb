//! HTTP/2 against bytes written by hand: every frame, cut at every byte, and what breaks the protocol.

mod compression;

use super::{
    frame::{Header, flag, kind},
    request::{Filling, Outline},
    *,
};

const OPTIONS: Options = Options {
    windows: Windows {
        stream: WINDOW_MAX,
        connection: WINDOW_MAX,
    },
    table_bytes: 4_096,
    encoder_table_bytes: 4_096,
    head_bytes_max: 8_192,
    informational_max: 3,
};

fn outline() -> Outline {
    let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    Outline {
        pseudo: vec![
            field(":method", "GET"),
            field(":scheme", "http"),
            field(":authority", "localhost"),
            field(":path", "/x"),
        ],
        fields: vec![field("user-agent", "test")],
        is_head: false,
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    Header {
        length: payload.len() as u32,
        kind,
        flags,
        stream,
    }
    .write(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

fn settings() -> Vec<u8> {
    frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 7])
}

fn opened(options: Options, streams: u32) -> (Session<u32>, Vec<u8>) {
    let mut out = Vec::new();
    let mut session = Session::new(options, &mut out);
    for ticket in 0..streams {
        session.open(0, &outline(), Filling::default(), ticket, &mut out);
    }
    (session, out)
}

/// What is read after some SETTINGS, in one line, and what is said to it.
fn read(parts: &[&[u8]]) -> (String, Vec<u8>) {
    let (mut session, _) = opened(OPTIONS, 3);
    let mut out = Vec::new();
    let mut said = String::new();
    let mut bodies = std::collections::BTreeMap::<u32, Vec<u8>>::new();
    for part in parts {
        let mut input = *part;
        loop {
            let event = match session.receive(&mut input, &mut out) {
                Ok(None) => break,
                Ok(Some(event)) => event,
                Err(fault) => return (format!("{said}{fault:?}"), out),
            };
            let over = match event {
                Event::Settings { .. } => None,
                Event::Head { stream, status, ends } => {
                    said += &format!("{stream}:{status} ");
                    ends.then_some(stream)
                }
                Event::Body { stream, bytes, ends } => {
                    bodies.entry(stream).or_default().extend_from_slice(bytes);
                    ends.then_some(stream)
                }
                Event::End { stream } => Some(stream),
                Event::Reset { stream, code } => {
                    said += &format!("{stream}:reset {code} ");
                    None
                }
                Event::Malformed { stream } => {
                    said += &format!("{stream}:malformed ");
                    session.finish(stream);
                    None
                }
                Event::GoAway(goaway) => {
                    said += &format!("goaway {} {} {} ", goaway.last_stream, goaway.code, goaway.debug);
                    None
                }
            };
            if let Some(stream) = over {
                assert_eq!(session.finish(stream), Some(stream / 2));
                let body = bodies.remove(&stream).unwrap_or_default();
                said += &format!("{stream}:[{}] ", String::from_utf8_lossy(&body));
            }
        }
    }
    (said.trim_end().to_owned(), out)
}

#[track_caller]
fn check(frames: &[Vec<u8>], expect: &str) {
    let mut bytes = settings();
    bytes.extend(frames.iter().flatten());
    let (said, out) = read(&[&bytes]);
    assert_eq!(said, expect, "whole");
    for cut in 0..=bytes.len() {
        let (one, other) = bytes.split_at(cut);
        let (said, answer) = read(&[one, other]);
        assert_eq!(said, expect, "cut at {cut}");
        assert_eq!(answer, out, "cut at {cut}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&single).0, expect, "byte by byte");
}

/// `:status: 200`.
const OK: &[u8] = &[0x88];

#[test]
fn answers_are_heads_and_bodies() {
    check(
        &[
            frame(kind::HEADERS, flag::END_HEADERS, 1, OK),
            frame(kind::DATA, 0, 1, b"he"),
            frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 3, &[0x8d]),
            frame(kind::DATA, flag::END_STREAM, 1, b"llo"),
        ],
        "1:200 3:404 3:[] 1:[hello]",
    );
    check(
        &[
            frame(kind::HEADERS, flag::END_HEADERS, 1, OK),
            frame(kind::DATA, flag::END_STREAM, 1, b""),
        ],
        "1:200 1:[]",
    );
}

#[test]
fn padding_priority_and_continuation_are_taken_off() {
    let mut padded = vec![3];
    padded.extend_from_slice(b"body");
    padded.extend_from_slice(&[0; 3]);
    let mut head = vec![2, 0, 0, 0, 0, 9];
    head.extend_from_slice(OK);
    head.extend_from_slice(&[0; 2]);
    check(
        &[
            frame(
                kind::HEADERS,
                flag::END_HEADERS | flag::PADDED | flag::PRIORITY,
                1,
                &head,
            ),
            frame(kind::DATA, flag::PADDED, 1, &padded),
            frame(kind::DATA, flag::PADDED | flag::END_STREAM, 1, &[4, 0, 0, 0, 0]),
        ],
        "1:200 1:[body]",
    );
    let long = [OK, &[0x00, 1, b'a', 3, b'x', b'y', b'z']].concat();
    check(
        &[
            frame(kind::HEADERS, flag::END_STREAM, 1, &long[..2]),
            frame(kind::CONTINUATION, 0, 1, &long[2..5]),
            frame(kind::CONTINUATION, flag::END_HEADERS, 1, &long[5..]),
        ],
        "1:200 1:[]",
    );
}

#[test]
fn informational_heads_and_trailers_are_told_apart() {
    let early = [0x48, 3, b'1', b'0', b'3'];
    check(
        &[
            frame(kind::HEADERS, flag::END_HEADERS, 1, &early),
            frame(kind::HEADERS, flag::END_HEADERS, 1, OK),
            frame(kind::DATA, 0, 1, b"x"),
            frame(
                kind::HEADERS,
                flag::END_HEADERS | flag::END_STREAM,
                1,
                &[0, 1, b'a', 1, b'b'],
            ),
        ],
        "1:200 1:[x]",
    );
    let flood: Vec<_> = (0..4)
        .map(|_| frame(kind::HEADERS, flag::END_HEADERS, 1, &early))
        .collect();
    check(&flood, "1:malformed");
}

#[test]
fn lengths_that_are_not_kept_spoil_one_answer() {
    let promised = [OK, &[0x0f, 0x0d, 1, b'3']].concat();
    let head = || frame(kind::HEADERS, flag::END_HEADERS, 1, &promised);
    check(
        &[head(), frame(kind::DATA, flag::END_STREAM, 1, b"abc")],
        "1:200 1:[abc]",
    );
    check(
        &[head(), frame(kind::DATA, flag::END_STREAM, 1, b"ab")],
        "1:200 1:malformed",
    );
    let (said, _) = read(&[&[settings(), head(), frame(kind::DATA, 0, 1, b"abcd")].concat()]);
    assert_eq!(said, "1:200 1:malformed");
}

#[test]
fn control_frames_are_answered() {
    let (said, out) = read(&[&[
        settings(),
        frame(kind::PING, 0, 0, b"12345678"),
        frame(kind::PING, flag::ACK, 0, b"12345678"),
        frame(0x42, 0xff, 9, b"unknown"),
        frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        frame(kind::SETTINGS, flag::ACK, 0, b""),
    ]
    .concat()]);
    assert_eq!(said, "");
    let expect = [
        frame(kind::SETTINGS, flag::ACK, 0, b""),
        frame(kind::PING, flag::ACK, 0, b"12345678"),
    ]
    .concat();
    assert_eq!(out, expect);
}

#[test]
fn streams_are_refused_and_left() {
    check(
        &[
            frame(kind::RST_STREAM, 0, 3, &7_u32.to_be_bytes()),
            frame(kind::GOAWAY, 0, 0, b"\0\0\0\x01\0\0\0\0too \x07late"),
        ],
        "3:reset 7 goaway 1 0 too  late",
    );
    let (mut session, mut out) = opened(OPTIONS, 3);
    let bytes = [settings(), frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])].concat();
    let mut input = &bytes[..];
    while session.receive(&mut input, &mut out).unwrap().is_some() {}
    assert_eq!(session.room(), 0);
    assert_eq!(session.take_above(1), [1, 2]);
    assert_eq!(session.open_streams(), 1);
}

#[test]
fn what_breaks_the_protocol_is_named() {
    let block = |bytes: &[u8]| frame(kind::HEADERS, flag::END_HEADERS, 1, bytes);
    for (frames, expect) in [
        (vec![frame(kind::DATA, 0, 9, b"x")], "WrongStream"),
        (vec![frame(kind::DATA, 0, 2, b"x")], "WrongStream"),
        (
            vec![frame(kind::HEADERS, flag::END_HEADERS, 0, OK)],
            "WrongStream",
        ),
        (vec![frame(kind::PUSH_PROMISE, 0, 1, &[0, 0, 0, 2])], "Push"),
        (vec![frame(kind::PING, 0, 0, b"1")], "FrameLength"),
        (vec![frame(kind::SETTINGS, 0, 0, b"1")], "FrameLength"),
        (
            vec![frame(kind::SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])],
            "Setting",
        ),
        (vec![frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4])], "Window"),
        (vec![frame(kind::CONTINUATION, 0, 1, OK)], "Continuation"),
        (
            vec![
                frame(kind::HEADERS, 0, 1, OK),
                frame(kind::PING, 0, 0, b"12345678"),
            ],
            "Continuation",
        ),
        (vec![block(&[0xff])], "Header(Cut)"),
        (vec![block(&[0xfe])], "Header(Index)"),
        (vec![block(&[0x80])], "Header(Index)"),
        (vec![block(&[0x88, 0x20])], "Header(TableSize)"),
        (
            vec![frame(
                kind::HEADERS,
                flag::END_HEADERS | flag::PADDED,
                1,
                &[9, 0x88],
            )],
            "Padding",
        ),
    ] {
        check(&frames, expect);
    }
    let (said, _) = read(&[b"HTTP/1.1 400 Bad Request\r\n\r\n"]);
    assert_eq!(said, "NoSettings");
    let mut huge = settings();
    huge.extend_from_slice(&[0x20, 0, 0, kind::HEADERS, 4, 0, 0, 0, 1]);
    assert_eq!(read(&[&huge]).0, "FrameTooLarge");
}

#[test]
fn a_server_that_only_talks_is_left() {
    let pings = frame(kind::PING, 0, 0, b"12345678").repeat(CHATTER_MAX as usize + 100);
    assert_eq!(read(&[&settings(), &pings]).0, "Chatter");
    let mut endless = settings();
    endless.extend(frame(kind::HEADERS, 0, 1, OK));
    endless.extend(frame(kind::CONTINUATION, 0, 1, &[0; 1_024]).repeat(20));
    assert_eq!(read(&[&endless]).0, "Header(TooLarge)");
}

#[test]
fn heads_are_counted_without_what_frames_and_pads_them() {
    let (mut session, mut out) = opened(OPTIONS, 2);
    // `:status: 200`, then `a: bc`, not coded.
    let block = [&OK[..1], &[0x00, 1, b'a', 2, b'b', b'c']].concat();
    let padded = [&[3][..], &block, &[0; 3]].concat();
    let bytes = [
        settings(),
        frame(kind::HEADERS, flag::END_HEADERS | flag::PADDED, 1, &padded),
        frame(kind::HEADERS, 0, 3, &block[..1]),
        frame(kind::CONTINUATION, flag::END_HEADERS, 3, &block[1..]),
    ]
    .concat();
    let mut input = &bytes[..];
    while session.receive(&mut input, &mut out).unwrap().is_some() {}
    let plain = (":status200".len() + "abc".len()) as u64;
    assert_eq!(session.head_bytes(), (2 * block.len() as u64, 2 * plain));
}

#[test]
fn only_as_many_streams_are_opened_as_the_server_allows() {
    let (mut session, mut out) = opened(OPTIONS, 0);
    assert_eq!(session.room(), STREAMS_BEFORE_SETTINGS);
    let mut input = &settings()[..];
    let event = session.receive(&mut input, &mut out).unwrap();
    let said = |streams, is_change| {
        Some(Event::Settings {
            streams_max: Some(streams),
            is_change,
        })
    };
    assert_eq!(event, said(7, false));
    assert_eq!(session.room(), 7);
    session.open(0, &outline(), Filling::default(), 0, &mut out);
    assert_eq!(session.room(), 6);
    // Whoever repeats himself, or speaks of something else, has changed nothing.
    let other = frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]);
    let fewer = frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 5]);
    for (bytes, streams, is_change) in [(settings(), 7, false), (other, 7, false), (fewer, 5, true)] {
        let event = session.receive(&mut &bytes[..], &mut out).unwrap();
        assert_eq!(event, said(streams, is_change));
    }
}

#[test]
fn after_the_first_a_request_is_a_few_indexes() {
    let (mut session, _) = opened(OPTIONS, 2);
    let mut out = Vec::new();
    assert_eq!(session.open(0, &outline(), Filling::default(), 2, &mut out), 5);
    assert_eq!(out.len(), frame::HEADER_BYTES + 5);
}

#[test]
fn windows_are_given_back_by_halves() {
    let windows = Windows {
        stream: 100_000,
        connection: 150_000,
    };
    let (mut session, _) = opened(Options { windows, ..OPTIONS }, 1);
    let mut out = Vec::new();
    let mut bytes = settings();
    bytes.extend(frame(kind::HEADERS, flag::END_HEADERS, 1, OK));
    bytes.extend(frame(kind::DATA, 0, 1, &[0; 16_000]).repeat(5));
    let mut input = &bytes[..];
    while session.receive(&mut input, &mut out).unwrap().is_some() {}
    let update = |stream, bytes: u32| frame(kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
    let expect = [
        frame(kind::SETTINGS, flag::ACK, 0, b""),
        update(1, 64_000),
        update(0, 80_000),
    ]
    .concat();
    assert_eq!(out, expect);
    let flood = frame(kind::DATA, 0, 1, &[0; 16_000]).repeat(1);
    for _ in 0..4 {
        let mut input = &flood[..];
        while session.receive(&mut input, &mut Vec::new()).unwrap().is_some() {}
    }
}

#[test]
fn a_body_waits_for_the_windows() {
    let (mut session, mut out) = opened(OPTIONS, 0);
    let body: std::sync::Arc<[u8]> = vec![b'x'; 70_000].into();
    let filling = Filling {
        body: Some(&body),
        ..Filling::default()
    };
    session.open(0, &outline(), filling, 0, &mut out);
    out.clear();
    session.upload(10, &mut out);
    // Four frames of at most 16,384 bytes: what every window is at first.
    assert_eq!(out.len(), 65_535 + 4 * frame::HEADER_BYTES);
    assert!(session.has_uploads());
    let more = [
        settings(),
        frame(kind::WINDOW_UPDATE, 0, 0, &10_000_u32.to_be_bytes()),
        frame(kind::WINDOW_UPDATE, 0, 1, &10_000_u32.to_be_bytes()),
    ]
    .concat();
    let mut input = &more[..];
    while session.receive(&mut input, &mut out).unwrap().is_some() {}
    session.upload(110, &mut out);
    assert!(!session.has_uploads());
    assert_eq!(session.stalled_ns(110), 100);
}

#[test]
fn windows_given_back_in_small_parts_are_no_flood() {
    let (mut session, mut out) = opened(OPTIONS, 0);
    let body: std::sync::Arc<[u8]> = vec![b'x'; 60_000].into();
    let filling = || Filling {
        body: Some(&body),
        ..Filling::default()
    };
    let greeting = settings();
    session.receive(&mut &greeting[..], &mut out).unwrap();
    let updates = frame(kind::WINDOW_UPDATE, 0, 0, &1_000_u32.to_be_bytes()).repeat(60);
    for number in 0..1_000_u32 {
        out.clear();
        session.open(0, &outline(), filling(), number, &mut out);
        session.upload(0, &mut out);
        assert!(!session.has_uploads(), "{number}");
        // The server reads the body after it has come whole, a thousand bytes at a time.
        let stream = 1 + 2 * number;
        let head = frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, OK);
        let bytes = [updates.clone(), head].concat();
        let mut input = &bytes[..];
        while session.receive(&mut input, &mut out).unwrap().is_some() {}
        assert_eq!(input.len(), 0);
    }
}
