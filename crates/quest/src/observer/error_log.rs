//! nginx's error log, from its end on: how many lines name a limit of the proxy.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

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
    ("limiting connections", "limited"),
    ("worker_connections are not enough", "worker_connections"),
    ("(99: ", "no_address"),
    ("(24: ", "no_file"),
    ("upstream timed out", "timeouts"),
];

/// A log, read where it ended the last time.
#[derive(Debug)]
pub struct ErrorLog {
    path: PathBuf,
    at: u64,
    /// The line that has not ended yet.
    open: Vec<u8>,
    counts: BTreeMap<&'static str, f64>,
}

impl ErrorLog {
    /// What it holds already is passed over.
    pub fn open(path: &Path) -> Result<ErrorLog, State> {
        let at = std::fs::metadata(path)
            .and_then(|metadata| File::open(path).map(|_| metadata.len()))
            .map_err(|error| state(path, &error))?;
        Ok(ErrorLog {
            path: path.to_owned(),
            at,
            open: Vec::new(),
            counts: KINDS.iter().map(|(_, kind)| (*kind, 0.0)).collect(),
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
        if let Some((_, kind)) = KINDS.iter().find(|(said, _)| line.contains(said)) {
            *self.counts.entry(kind).or_default() += 1.0;
        }
    }
}

impl Observer for ErrorLog {
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
