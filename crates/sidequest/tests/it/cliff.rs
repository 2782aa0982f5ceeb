//! The cliff: a real nginx closes each connection after so many requests, and `load` loses none of them.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    binary::{Directory, send, sidequest},
    skip,
};

const REQUESTS: u64 = 5_000;
const START_MAX: Duration = Duration::from_secs(20);

/// An nginx with one worker, which serves one file over both protocols. Dropped, it is stopped.
struct Nginx {
    child: Child,
    http1: SocketAddr,
    http2: SocketAddr,
    _directory: Directory,
}

impl Nginx {
    /// None after saying that the test did not run.
    fn start(limit: Option<u64>, test: &str) -> Option<Nginx> {
        let program = skip::program("nginx", test)?;
        let directory = Directory::new();
        fs::write(directory.path().join("small"), "Hello, world!").expect("a file");
        let (http1, http2) = (free_address(), free_address());
        let here = directory.text();
        // Its worker would otherwise be a user who may not read our files.
        let user = if rustix::process::geteuid().is_root() {
            "user root;"
        } else {
            ""
        };
        let limit = limit.map_or_else(String::new, |limit| format!("keepalive_requests {limit};"));
        let configuration = format!(
            "{user} daemon off; pid {here}/pid; error_log {here}/error.log;
            events {{ }}
            http {{
                access_log off; {limit}
                client_body_temp_path {here}/a; proxy_temp_path {here}/b; fastcgi_temp_path {here}/c;
                uwsgi_temp_path {here}/d; scgi_temp_path {here}/e;
                server {{ listen {http1}; listen {http2} http2; root {here}; }}
            }}"
        );
        let file = directory.path().join("nginx.conf");
        fs::write(&file, configuration).expect("a file");
        let child = Command::new(program)
            .arg("-e")
            .arg(directory.path().join("error.log"))
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let nginx = Nginx {
            child,
            http1,
            http2,
            _directory: directory,
        };
        let until = Instant::now() + START_MAX;
        while TcpStream::connect(http1).is_err() {
            assert!(Instant::now() < until, "nginx does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        send(self.child.id(), Signal::TERM);
        let _ = self.child.wait();
    }
}

#[test]
fn every_request_succeeds_whatever_the_limit_and_the_limit_is_named() {
    const NAME: &str = "cliff::every_request_succeeds_whatever_the_limit_and_the_limit_is_named";
    // None is nginx's default, which is 1,000.
    for limit in [Some(1), Some(7), Some(100), Some(999), None] {
        let Some(nginx) = Nginx::start(limit, NAME) else {
            return;
        };
        let limit = limit.unwrap_or(1_000);
        let (http1, http2) = (
            format!("http://{}/small", nginx.http1),
            format!("http://{}/small", nginx.http2),
        );
        for (protocol, streams, url) in [
            ("--h1", "1", &http1),
            ("--h2", "1", &http2),
            ("--h2", "100", &http2),
        ] {
            let requests = REQUESTS.to_string();
            let output = sidequest(&[
                "load",
                "-q",
                "-n",
                &requests,
                "-c",
                "1",
                "-m",
                streams,
                protocol,
                "--check-length",
                "13",
                url,
            ])
            .output()
            .expect("the binary runs");
            let said = String::from_utf8_lossy(&output.stdout);
            let what = format!("{protocol} -m {streams}, keepalive_requests {limit}:\n{said}");
            assert!(output.status.success(), "{what}");
            assert!(said.contains("5000 succeeded, 0 failed, 0 errored"), "{what}");
            let plural = if limit == 1 { "request" } else { "requests" };
            assert!(
                said.contains(&format!("connection after exactly {limit} {plural} (")),
                "{what}"
            );
        }
    }
}

#[test]
fn clients_side_by_side_lose_nothing_either() {
    const NAME: &str = "cliff::clients_side_by_side_lose_nothing_either";
    let Some(nginx) = Nginx::start(Some(100), NAME) else {
        return;
    };
    for (protocol, streams, address) in [("--h1", "1", nginx.http1), ("--h2", "50", nginx.http2)] {
        let url = format!("http://{address}/small");
        let output = sidequest(&[
            "load", "-q", "-n", "20000", "-c", "8", "-t", "2", "-m", streams, protocol, &url,
        ])
        .output()
        .expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("20000 succeeded, 0 failed, 0 errored"), "{said}");
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}
