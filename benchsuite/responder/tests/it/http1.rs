//! HTTP/1.1 over a socket.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::running::Responder;

#[test]
fn many_requests_on_one_connection() {
    let responder = Responder::start(&["--keepalive-requests", "3000"]);
    let mut stream = TcpStream::connect(responder.address).expect("a connection");
    let mut request = b"GET /small HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3_000);
    request.extend_from_slice(b"GET /small HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(&request).expect("the requests are taken");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("answers, then the end");
    assert_eq!(said.matches("Hello, world!").count(), 3_000);
    assert_eq!(said.matches("connection: close").count(), 1);
}

#[test]
fn large_answers_to_a_reader_who_is_slower_than_they_are_made() {
    let responder = Responder::start(&["--keepalive-requests", "200"]);
    let mut stream = TcpStream::connect(responder.address).expect("a connection");
    stream
        .write_all(&b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n".repeat(200))
        .expect("the requests are taken");
    let mut said = Vec::new();
    stream.read_to_end(&mut said).expect("answers, then the end");
    let heads: usize = said.windows(9).filter(|window| *window == b"HTTP/1.1 ").count();
    assert_eq!(heads, 200);
    assert!(said.len() > 200 * 155_010 && said.len() < 200 * 155_300);
    assert!(said.ends_with(b"..\"}"));
}
