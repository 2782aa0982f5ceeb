//! Logs of an nginx, from their end on: how many lines name a limit of the proxy, and what its requests waited for.
//!
//! Whether a line is of an error log or of an access log is told by the line, so that a user need not say which file
//! is which.

pub mod access;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

use self::access::Times;
use crate::observer::{Depth, Observer, Reading, State};

/// How often it is read within a window.
pub const INTERVAL: Duration = Duration::from_millis(250);

/// Bytes read at once; a log that grows faster is read on the next time.
const BYTES_MAX: u64 = 8 << 20;

/// A line without an end is counted as it is when it is longer.
const LINE_MAX: usize = 64 << 10;

/// What a line says, and what it counts as.
const KINDS: [(&str, &str); 6] = [
    ("limiting requests", "limited"),
    ("limiting connections", "limited_connections"),
    ("worker_connections are not enough", "worker_connections"),
    ("(99: ", "no_address"),
    ("(24: ", "no_file"),
    ("upstream timed out", "timeouts"),
];

/// The end of a log that shows what its lines are.
const TAIL: u64 = 64 << 10;

/// What an access log needs, to be set in nginx.
pub const FORMAT: &str = "log_format times 'uct=$upstream_connect_time urt=$upstream_response_time';";

/// What the lines of a log hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// None yet.
    None,
    /// Times of requests.
    Times,
    /// Requests, without the times.
    Requests,
    /// Errors, or whatever else.
    Errors,
}

/// A log, read where it ended the last time.
#[derive(Debug)]
pub struct ProxyLog {
    path: PathBuf,
    at: u64,
    /// What it held when it was opened.
    pub lines: Lines,
    /// The line that has not ended yet.
    open: Vec<u8>,
    counts: BTreeMap<&'static str, f64>,
}

impl ProxyLog {
    /// What it holds already is passed over.
    pub fn open(path: &Path) -> Result<ProxyLog, State> {
        let (at, lines) = tail(path).map_err(|error| state(path, &error))?;
        Ok(ProxyLog {
            path: path.to_owned(),
            at,
            lines,
            open: Vec::new(),
            counts: KINDS
                .iter()
                // That there was no error is said only where errors would be.
                .filter(|_| matches!(lines, Lines::Errors | Lines::None))
                .map(|(_, kind)| (*kind, 0.0))
                .collect(),
        })
    }

    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") || self.open.len() > LINE_MAX {
                let line = std::mem::take(&mut self.open);
                self.line(&String::from_utf8_lossy(&line));
            }
        }
    }

    fn line(&mut self, line: &str) {
        // Before the errors: an address that was asked for may hold the words of one.
        if let Some(times) = Times::of(line) {
            self.request(times);
        } else if let Some((_, kind)) = KINDS.iter().find(|(said, _)| line.contains(said)) {
            *self.counts.entry(kind).or_default() += 1.0;
        }
    }

    fn request(&mut self, times: Times) {
        let mut add = |kind, number| *self.counts.entry(kind).or_default() += number;
        add("requests", 1.0);
        add(
            "connections",
            f64::from(times.connect_ms.is_some_and(|ms| ms > 0.0)),
        );
        add("connect_ms", times.connect_ms.unwrap_or(0.0));
        add("response_ms", times.response_ms.unwrap_or(0.0));
    }
}

/// Where it ends, and what its last lines are.
fn tail(path: &Path) -> io::Result<(u64, Lines)> {
    let mut file = File::open(path)?;
    let at = file.metadata()?.len();
    file.seek(SeekFrom::Start(at.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let kinds: Vec<Lines> = text.lines().map(kind).collect();
    let of = [Lines::Times, Lines::Errors, Lines::Requests];
    let lines = of.into_iter().find(|lines| kinds.contains(lines));
    Ok((at, lines.unwrap_or(Lines::None)))
}

fn kind(line: &str) -> Lines {
    const LEVELS: [&str; 6] = ["[warn]", "[error]", "[crit]", "[alert]", "[notice]", "[emerg]"];
    if Times::of(line).is_some() {
        Lines::Times
    } else if LEVELS.iter().any(|level| line.contains(level)) {
        Lines::Errors
    } else if line.contains("HTTP/") || line.starts_with('{') {
        Lines::Requests
    } else {
        Lines::None
    }
}

impl Observer for ProxyLog {
    fn read(&mut self, _: Depth) -> Result<Reading, State> {
        let read = || -> io::Result<(u64, Vec<u8>)> {
            let mut file = File::open(&self.path)?;
            // One that was emptied, or put in the place of the one before, begins anew.
            let at = if file.metadata()?.len() < self.at {
                0
            } else {
                self.at
            };
            file.seek(SeekFrom::Start(at))?;
            let mut bytes = Vec::new();
            file.take(BYTES_MAX).read_to_end(&mut bytes)?;
            Ok((at + bytes.len() as u64, bytes))
        };
        let (at, bytes) = read().map_err(|error| state(&self.path, &error))?;
        self.at = at;
        self.take(&bytes);
        Ok(Reading {
            counters: self
                .counts
                .iter()
                .map(|(kind, count)| ((*kind).to_owned(), *count))
                .collect(),
            ..Reading::default()
        })
    }
}

fn state(path: &Path, error: &io::Error) -> State {
    let reason = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied => State::Denied(reason),
        _ => State::Absent(reason),
    }
}
