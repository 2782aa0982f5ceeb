//! What a right answer looks like: its status, and the length, hash or parts of its body.

use std::{fmt, ops::RangeInclusive};

use memchr::memmem;
use ring::digest;

/// What is asked of an answer. Where no status is named, 200 to 399 is right.
#[derive(Clone, Debug, Default)]
pub struct Check {
    /// The statuses that are right.
    pub status: Option<RangeInclusive<u16>>,
    /// Bytes of the body, as they come: compressed, if they are.
    pub length: Option<u64>,
    /// SHA-256 of the body.
    pub sha256: Option<[u8; 32]>,
    /// Bytes that the body holds.
    pub contains: Option<Vec<u8>>,
}

/// One body under way.
pub(crate) struct Reading {
    digest: Option<digest::Context>,
    /// The end of what has been seen, as far as the wanted bytes could begin in it.
    tail: Vec<u8>,
    found: bool,
}

impl fmt::Debug for Reading {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reading")
            .field("found", &self.found)
            .finish_non_exhaustive()
    }
}

impl Check {
    /// Asks for nothing but a status below 400.
    pub fn none() -> Check {
        Check::default()
    }

    /// Whether a body has to be read for it.
    pub fn reads_body(&self) -> bool {
        self.sha256.is_some() || self.contains.is_some()
    }

    /// What to keep while the body comes.
    pub(crate) fn begin(&self) -> Option<Box<Reading>> {
        self.reads_body().then(|| {
            Box::new(Reading {
                digest: self
                    .sha256
                    .is_some()
                    .then(|| digest::Context::new(&digest::SHA256)),
                tail: Vec::new(),
                found: self.contains.as_ref().is_some_and(Vec::is_empty),
            })
        })
    }

    /// Takes the next bytes of the body.
    pub(crate) fn read(&self, reading: &mut Reading, bytes: &[u8]) {
        if let Some(digest) = &mut reading.digest {
            digest.update(bytes);
        }
        let Some(wanted) = self.contains.as_ref().filter(|_| !reading.found) else {
            return;
        };
        if !reading.tail.is_empty() {
            // Only as much as the wanted bytes could reach into.
            let seam = bytes.len().min(wanted.len() - 1);
            let kept = reading.tail.len();
            reading.tail.extend_from_slice(&bytes[..seam]);
            reading.found = memmem::find(&reading.tail, wanted).is_some();
            if seam < bytes.len() {
                reading.tail.clear();
            } else {
                let surplus = (kept + seam).saturating_sub(wanted.len() - 1);
                reading.tail.drain(..surplus);
                return;
            }
        }
        reading.found = reading.found || memmem::find(bytes, wanted).is_some();
        let tail = bytes.len().min(wanted.len().saturating_sub(1));
        reading.tail.extend_from_slice(&bytes[bytes.len() - tail..]);
    }

    /// Whether the status is one that was asked for.
    pub(crate) fn accepts_status(&self, status: u16) -> bool {
        match &self.status {
            Some(right) => right.contains(&status),
            None => (200..400).contains(&status),
        }
    }

    /// Whether the body is as it should be.
    pub(crate) fn accepts_body(&self, bytes: u64, reading: Option<Box<Reading>>) -> bool {
        if self.length.is_some_and(|length| length != bytes) {
            return false;
        }
        let Some(reading) = reading else { return true };
        if self.contains.is_some() && !reading.found {
            return false;
        }
        match (&self.sha256, reading.digest) {
            (Some(wanted), Some(digest)) => digest.finish().as_ref() == wanted,
            (None, _) | (_, None) => true,
        }
    }
}
