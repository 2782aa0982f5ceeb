//! The trickle beside the load asks as the load does.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    thread::{self, JoinHandle},
    time::Duration,
};

use load::scenario::{Request, Scenario, template::Template, values::Values};

use super::first_request;
use crate::observer::{Depth, Observer as _, State, timing::Timing};

/// Answers one request with this head; gives what it was asked.
fn answering(head: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        let mut asked = String::new();
        let mut lines = BufReader::new(stream.try_clone().expect("the same stream"));
        while !asked.ends_with("\r\n\r\n") {
            lines.read_line(&mut asked).expect("a whole request");
        }
        let answer = format!("{head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).expect("it is waited for");
        asked
    });
    (address, asked)
}

fn scenario(address: SocketAddr, headers: &[(&str, &str)]) -> Scenario {
    let values = Values::none().range("id", 7, 9).expect("values");
    let mut request = Request::get("/objects/{id}", &values).expect("a request");
    for (name, value) in headers {
        let value = Template::parse(value, &values).expect("its names are known");
        request.headers.push(((*name).to_owned(), value));
    }
    let (target, _) = load::target::Target::parse(&format!("http://{address}/")).expect("a URL");
    Scenario::new(target, vec![request], values).expect("a scenario")
}

#[test]
fn the_first_request_has_its_values_and_headers() {
    let (address, asked) = answering("HTTP/1.1 200 OK");
    let headers = [
        ("authorization", "Bearer t"),
        ("x-object", "{id}"),
        ("host", "shop.test"),
    ];
    let mut fetcher = first_request(&scenario(address, &headers), false).expect("it can be asked");
    fetcher.get(Duration::from_secs(5)).expect("an answer");
    let asked = asked.join().expect("it does not panic");
    assert!(asked.starts_with("GET /objects/7 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: Bearer t\r\n"), "{asked}");
    assert!(asked.contains("x-object: 7\r\n"), "{asked}");
    assert!(asked.contains("host: shop.test\r\n"), "{asked}");
    assert_eq!(asked.matches("host:").count(), 1, "{asked}");
}

#[test]
fn a_refusal_has_no_times_of_an_answer() {
    for (head, state) in [
        (
            "HTTP/1.1 401 Unauthorized\r\nserver-timing: total;dur=1",
            State::Denied("answered 401".to_owned()),
        ),
        (
            "HTTP/1.1 500 Oops\r\nserver-timing: total;dur=1",
            State::Absent("answered 500".to_owned()),
        ),
    ] {
        let (address, asked) = answering(head);
        let fetcher = first_request(&scenario(address, &[]), false).expect("it can be asked");
        assert_eq!(Timing::new(fetcher).read(Depth::Full), Err(state));
        asked.join().expect("it does not panic");
    }
}
