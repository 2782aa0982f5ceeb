//! Who looks: a collector and a Pyroscope that take everything at once, and a Prometheus.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Context as _;

const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

/// Takes whatever is sent to it, until we end.
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    pub(super) taken: Arc<AtomicU64>,
}

impl Sink {
    pub(super) fn start() -> anyhow::Result<Sink> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("listen for what is sent")?;
        let address = listener.local_addr().context("listen for what is sent")?;
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                // A client that leaves ends its own.
                thread::spawn(move || take(stream, &count));
            }
        });
        Ok(Sink { address, taken })
    }
}

/// Reads requests with a length and answers that they are fine.
fn take(mut stream: TcpStream, count: &AtomicU64) -> Option<()> {
    let mut bytes = Vec::new();
    let mut part = [0; 64 << 10];
    loop {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            if bytes.len() < end + 4 + length {
                break;
            }
            bytes.drain(..end + 4 + length);
            count.fetch_add(1, Ordering::Relaxed);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .ok()?;
        }
    }
}

/// Reads /metrics each second, until it is dropped.
pub(super) struct Scraper {
    done: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Scraper {
    pub(super) fn start(admin: SocketAddr) -> Scraper {
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                // One that fails is one the less.
                let _ = get(admin, "/metrics");
                thread::park_timeout(SCRAPE_INTERVAL);
            }
        });
        Scraper {
            done,
            thread: Some(thread),
        }
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// Asks the admin listener, and reads all that it answers.
pub(super) fn get(admin: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(admin)?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
