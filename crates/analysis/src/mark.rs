//! Marks: 128 bits that stand for a state, and the tag of a whole answer made of them.
//!
//! FNV-1a, because a mark has to be the same in every process and after every update of the standard library,
//! whose hasher promises neither. It does not resist somebody who wants two states to collide; what goes into a
//! mark are versions and the model, which nobody chooses from outside.

use std::fmt;

const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// Stands for a state of what something was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u128);

/// Stands for the exact content of an answer: equal tags of one question, equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag(u128);

impl Mark {
    pub(crate) fn new() -> Mark {
        Mark(BASIS)
    }

    /// The mark with one more part; its length counts, so that two parts are not one.
    pub(crate) fn with(self, part: &[u8]) -> Mark {
        let length = (part.len() as u64).to_le_bytes();
        let add = |mark: u128, byte: &u8| (mark ^ u128::from(*byte)).wrapping_mul(PRIME);
        Mark(length.iter().chain(part).fold(self.0, add))
    }

    pub(crate) fn and(self, other: Mark) -> Mark {
        self.with(&other.0.to_le_bytes())
    }

    pub(crate) fn tag(self) -> Tag {
        Tag(self.0)
    }
}

impl Tag {
    /// The tag of some bytes.
    pub fn of(bytes: &[u8]) -> Tag {
        Mark::new().with(bytes).tag()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests;
