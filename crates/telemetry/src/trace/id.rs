//! Ids of traces and spans: unique, not secret.

use std::{cell::Cell, collections::hash_map::RandomState, fmt, hash::BuildHasher, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// The golden ratio of 64 bits: steps by it visit every number once.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A trace's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(
    /// Invariant: not zero.
    u128,
);

/// A span's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(
    /// Invariant: not zero.
    u64,
);

/// Where ids come from: SplitMix64 from a random beginning of each thread, as a count that threads share would go to
/// and fro between them.
pub(crate) struct Ids(u64);

thread_local! {
    static IDS: Cell<u64> = Cell::new(random());
}

impl TraceId {
    /// None for zero, which the standard forbids.
    pub fn new(id: u128) -> Option<TraceId> {
        (id != 0).then_some(TraceId(id))
    }

    /// As it travels.
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Evenly spread over 0 to 1, the same in every process: who keeps a share by it keeps the same traces.
    pub(crate) fn fraction(self) -> f64 {
        // The standard asks for randomness in the lower bits.
        mix(self.0 as u64) as f64 / u64::MAX as f64
    }
}

impl SpanId {
    /// None for zero, which the standard forbids.
    pub fn new(id: u64) -> Option<SpanId> {
        (id != 0).then_some(SpanId(id))
    }

    /// As it travels.
    pub fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// The id of the n-th span below this one.
    pub(crate) fn child(self, number: u64) -> SpanId {
        SpanId(mix(self.0.wrapping_add(number.wrapping_add(1).wrapping_mul(STEP))).max(1))
    }
}

impl Ids {
    /// Three numbers that nobody else gets, enough for a trace and its root.
    pub(crate) fn next() -> Ids {
        let count = IDS.try_with(|ids| ids.replace(ids.get().wrapping_add(STEP.wrapping_mul(3))));
        // A thread at its end has no count.
        Ids(count.unwrap_or_else(|_| random()))
    }

    pub(crate) fn trace(&self) -> TraceId {
        let (upper, lower) = (mix(self.0), mix(self.0.wrapping_add(STEP)));
        TraceId(((u128::from(upper) << 64) | u128::from(lower)).max(1))
    }

    pub(crate) fn span(&self) -> SpanId {
        SpanId(mix(self.0.wrapping_add(STEP.wrapping_mul(2))).max(1))
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// SplitMix64's finish.
fn mix(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// A text that is no id: the wrong length, a letter that is no lowercase hexadecimal digit, or all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read an id of {digits} lowercase hexadecimal digits")]
pub struct NoId {
    /// How many it has.
    pub digits: usize,
}

impl FromStr for TraceId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<TraceId, NoId> {
        let id = digits(text, 32).and_then(|text| u128::from_str_radix(text, 16).ok());
        id.and_then(TraceId::new).ok_or(NoId { digits: 32 })
    }
}

impl FromStr for SpanId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<SpanId, NoId> {
        let id = digits(text, 16).and_then(|text| u64::from_str_radix(text, 16).ok());
        id.and_then(SpanId::new).ok_or(NoId { digits: 16 })
    }
}

/// `from_str_radix` would take a sign and capitals too.
fn digits(text: &str, length: usize) -> Option<&str> {
    let fits = text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fits.then_some(text)
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TraceId, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for SpanId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SpanId, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}
