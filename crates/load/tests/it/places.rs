//! Where connections go: elsewhere than the URL says, to IPv6, to sockets of the file system, to one address of several.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{Ipv6Addr, TcpListener},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    process, thread,
};

use load::{
    check::Check,
    config::Protocol,
    ending::Ending,
    scenario::{Request, Scenario, values::Values},
    target::{Place, Target},
};

use crate::server::{ask, config, hyper, hyper_on, run};

const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

#[test]
fn another_place_is_connected_to_and_asked_by_the_urls_name() {
    let address = hyper(false);
    let (target, _) = Target::parse("http://shop.test:8080").unwrap();
    let request = Request {
        check: Check {
            contains: Some(b"shop.test:8080".to_vec()),
            length: Some(14),
            ..Check::none()
        },
        ..Request::get("/header/host", &Values::none()).unwrap()
    };
    let scenario = Scenario::new(target, vec![request], Values::none()).unwrap();
    let mut config = config(Protocol::Http1);
    config.connect_to = Some(Place::parse(&address.to_string(), 80).unwrap());
    let arrivals = load::arrivals::Arrivals::Closed;
    let summary = run(&scenario, &arrivals, &Ending::after(5).unwrap(), &config);
    assert_eq!(summary.totals.ok, 5);
    assert_eq!(summary.target, "http://shop.test:8080");
}

#[test]
fn an_address_of_ipv6_is_asked() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return without_ipv6();
    }
    for protocol in BOTH {
        let address = hyper_on("[::1]:0", protocol == Protocol::Http2);
        let mut config = config(protocol);
        (config.clients, config.streams) = (2, 3);
        let summary = ask(&format!("http://{address}/1000"), 50, &config);
        assert_eq!(summary.totals.ok, 50);
        assert_eq!(summary.target, format!("http://{address}"));
        config.connect_to = Some(Place::parse(&format!("[::1]:{}", address.port()), 80).unwrap());
        assert_eq!(ask("http://six.test/10", 5, &config).totals.ok, 5);
    }
}

/// A machine without IPv6 has nothing to ask; that it is refused in words is seen all the same.
fn without_ipv6() {
    let summary = ask("http://[::1]:9/", 1, &config(Protocol::Http1));
    assert_eq!(summary.totals.unsent, 1);
    assert!(!summary.connect_failures.is_empty());
}

#[test]
fn of_several_addresses_the_one_that_answers_is_found() {
    // `localhost` may be ::1 first, where nobody listens.
    let address = hyper(false);
    let summary = ask(
        &format!("http://localhost:{}/10", address.port()),
        5,
        &config(Protocol::Http1),
    );
    assert_eq!(summary.totals.ok, 5);
}

#[test]
fn a_socket_of_the_file_system_is_asked() {
    let path: PathBuf = env::temp_dir().join(format!("load-it-{}.sock", process::id()));
    let _ = fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    let mut config = config(Protocol::Auto);
    config.clients = 3;
    config.connect_to = Some(Place::parse(&format!("unix:{}", path.display()), 80).unwrap());
    let summary = ask("http://inside.test/", 30, &config);
    fs::remove_file(&path).unwrap();
    assert_eq!(summary.totals.ok, 30);
    assert_eq!(summary.protocol, Some(Protocol::Http1));
    let gone = ask("http://inside.test/", 1, &config);
    assert_eq!(gone.totals.unsent, 1);
    let reason = gone.connect_failures.keys().next().unwrap();
    assert!(reason.contains("No such file"), "{reason}");
}

/// HTTP/1.1, an answer for each blank line.
fn serve(mut stream: UnixStream) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4_096]);
    loop {
        let Ok(bytes @ 1..) = stream.read(&mut buffer) else {
            return;
        };
        seen.extend_from_slice(&buffer[..bytes]);
        if seen.starts_with(b"PRI ") {
            // HTTP/2 is not spoken here.
            return;
        }
        while let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            seen.drain(..end + 4);
            if stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .is_err()
            {
                return;
            }
        }
    }
}
