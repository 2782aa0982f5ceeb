//! Answers of HTTP/1.1, whole and cut at every byte.

use proptest::prelude::*;

use super::*;

/// What was read, in one line: statuses with their bodies, and how it ended.
fn read(parts: &[&[u8]], to_head: bool, closed: bool) -> String {
    let mut reader = Reader::new(1_024, 3);
    let mut said = String::new();
    let mut body = Vec::new();
    for part in parts {
        let mut input = *part;
        loop {
            match reader.next(&mut input, to_head) {
                Ok(None) => break,
                Ok(Some(Event::Head(head))) => {
                    said += &format!("{}{} ", head.status, if head.keep_alive { "" } else { " close" });
                }
                Ok(Some(Event::Body(bytes))) => body.extend_from_slice(bytes),
                Ok(Some(Event::End)) => {
                    said += &format!("[{}] ", String::from_utf8_lossy(&body));
                    body.clear();
                }
                Err(fault) => return format!("{said}{fault:?}"),
            }
        }
        assert!(input.is_empty(), "the input was not used up");
    }
    if closed {
        said += match (reader.is_within(), reader.close()) {
            (_, true) => "closed whole ",
            (true, false) => "closed within ",
            (false, false) => "closed between ",
        };
    }
    if !body.is_empty() {
        said += &format!("({})", String::from_utf8_lossy(&body));
    }
    said.trim_end().to_owned()
}

#[track_caller]
fn check(answer: &str, expect: &str) {
    let bytes = answer.as_bytes();
    assert_eq!(read(&[bytes], false, false), expect, "whole: {answer:?}");
    for cut in 0..=bytes.len() {
        let (one, other) = bytes.split_at(cut);
        assert_eq!(
            read(&[one, other], false, false),
            expect,
            "cut at {cut}: {answer:?}"
        );
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&single, false, false), expect, "byte by byte: {answer:?}");
}

#[test]
fn bodies_end_by_length() {
    check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 [hello]");
    check("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "200 []");
    check("HTTP/1.1 200\r\nCONTENT-LENGTH:\t2 \r\n\r\nok", "200 [ok]");
    check(
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 404 No\r\ncontent-length: 1\r\n\r\nb",
        "200 [a] 404 [b]",
    );
    check("HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok", "200 [ok]");
}

#[test]
fn bodies_come_in_chunks() {
    check(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n",
        "200 [hello!]",
    );
    check(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\nA\r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\n",
        "200 [0123456789]",
    );
    check(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloX",
        "200 Chunk",
    );
    check(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n",
        "200 Chunk",
    );
    check(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        "200 Chunk",
    );
}

#[test]
fn informational_answers_come_before_the_real_one() {
    check(
        "HTTP/1.1 103 Early\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na",
        "103 200 [a]",
    );
    let flood = "HTTP/1.1 100 Continue\r\n\r\n".repeat(4);
    check(&flood, "100 100 100 Informational");
    check("HTTP/1.1 101 Switching\r\n\r\n", "Switched");
}

#[test]
fn some_answers_have_no_body() {
    check("HTTP/1.1 204 No\r\ncontent-length: 9\r\n\r\n", "204 []");
    check("HTTP/1.1 304 No\r\ncontent-length: 9\r\n\r\n", "304 []");
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
    assert_eq!(read(&[head], true, false), "200 []");
}

#[test]
fn a_connection_may_end_with_the_answer() {
    check(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\ncontent-length: 0\r\n\r\n",
        "200 close []",
    );
    check("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", "200 close []");
    check(
        "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 0\r\n\r\n",
        "200 []",
    );
    let whole = b"HTTP/1.1 200 OK\r\n\r\nto the end";
    assert_eq!(read(&[whole], false, true), "200 closed whole (to the end)");
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nto the";
    assert_eq!(read(&[half], false, true), "200 closed within (to the)");
    assert_eq!(read(&[b"HTTP/1.1 2"], false, true), "closed within");
    assert_eq!(read(&[b""], false, true), "closed between");
}

#[test]
fn garbage_is_refused_at_once() {
    check("SSH-2.0-OpenSSH", "StatusLine");
    check("HTTP/2.0 200 OK\r\n\r\n", "StatusLine");
    check("HTTP/1.1 099 No\r\n\r\n", "StatusLine");
    check("HTTP/1.1 2000 No\r\n\r\n", "StatusLine");
    check("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "Field");
    check("HTTP/1.1 200 OK\r\nfolded: a\r\n b: c\r\n\r\n", "Field");
    check("HTTP/1.1 200 OK\r\na : b\r\n\r\n", "Field");
    check("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "Length");
    check(
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "Length",
    );
    check(
        &format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "x".repeat(2_000)),
        "HeadTooLarge",
    );
}

#[test]
fn bodies_may_be_dropped_unread() {
    let mut reader = Reader::new(1_024, 3);
    let mut input: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123";
    while reader.next(&mut input, false).unwrap().is_some() {}
    assert_eq!(reader.skippable(), 6);
    assert!(!reader.skip(5));
    assert!(reader.skip(1));
    assert_eq!(reader.skippable(), 0);
    assert!(!reader.is_within());
}

proptest! {
    /// Nothing that a server can send makes the reader panic, or read differently for being cut.
    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(
        noise in proptest::collection::vec(any::<u8>(), 0..40),
        chunked in any::<bool>(),
        body in "[a-z]{0,20}",
        cuts in proptest::collection::vec(0_usize..200, 0..6),
    ) {
        let mut answer = if chunked {
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
        } else {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        }.into_bytes();
        if chunked && body.is_empty() {
            answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_vec();
        }
        answer.extend(noise);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(answer.len())).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([answer.len()]) {
            parts.push(&answer[from..cut]);
            from = cut;
        }
        prop_assert_eq!(read(&parts, false, false), read(&[&answer], false, false));
    }
}
