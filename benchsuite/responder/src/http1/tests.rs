//! Where requests end, whatever the reads were.

use super::Http1;
use crate::{answer::Answers, output::Output};

fn answered(reads: &[&[u8]], requests_max: u64) -> String {
    let answers = Answers::new();
    let mut http1 = Http1::new(requests_max);
    let mut output = Output::default();
    let mut partial = Vec::new();
    for read in reads {
        partial.extend_from_slice(read);
        let used = http1.read(&partial, &answers, &mut output).expect("requests");
        partial.drain(..used);
    }
    let mut written = Vec::new();
    while !output.write(&mut written).expect("a vector takes all") {}
    String::from_utf8(written).expect("text")
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let said = answered(
        &[b"GET /small HTTP/1.1\r\nhost: a\r\n\r\nGET /nothing HTTP/1.1\r\nhost: a\r\n\r\n"],
        9,
    );
    let (first, second) = said.split_once("Hello, world!").expect("the small body");
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    assert!(second.starts_with("HTTP/1.1 404 Not Found\r\n"), "{said}");
}

#[test]
fn a_request_in_single_bytes_is_one_request() {
    let request = b"POST /small HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcdeGET /small HTTP/1.1\r\n\r\n";
    let reads: Vec<&[u8]> = request.chunks(1).collect();
    assert_eq!(answered(&reads, 9).matches("Hello, world!").count(), 2);
}

#[test]
fn the_last_request_is_told_so_and_those_after_it_are_not_answered() {
    let said = answered(&[&b"GET /small HTTP/1.1\r\n\r\n".repeat(5)], 2);
    assert_eq!(said.matches("Hello, world!").count(), 2);
    assert_eq!(said.matches("connection: close").count(), 1);
    let asked = answered(&[b"GET /small HTTP/1.1\r\nConnection: close\r\n\r\n"], 9);
    assert!(asked.contains("connection: close"), "{asked}");
}
