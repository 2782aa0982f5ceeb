//! HPACK: decoded as far as the path. Of an entry of the dynamic table only its size and the path that it may be are kept.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::huffman::Huffman;
use crate::{answer::Choice, connection::Violation};

/// The static table of RFC 7541 has `:path` here, with the values `/` and `/index.html`.
const PATH_FIRST: usize = 4;
const PATH_LAST: usize = 5;
const STATIC_LAST: usize = 61;
const TABLE_BYTES: usize = 4_096;
/// What the RFC adds to name and value of each entry.
const ENTRY_BYTES: usize = 32;
/// Names of the static table, of which only the lengths matter here.
const STATIC_NAME_BYTES: [u8; STATIC_LAST + 1] = [
    0, 10, 7, 7, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16,
    13, 12, 6, 4, 4, 6, 7, 4, 4, 8, 17, 13, 8, 19, 13, 4, 8, 12, 18, 19, 5, 7, 7, 11, 6, 10, 25, 17, 10, 4,
    3, 16,
];

/// The decoder of one connection.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The newest first.
    table: VecDeque<Entry>,
    bytes: usize,
    bytes_max: usize,
    huffman: Huffman,
    name: Vec<u8>,
    value: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    name_bytes: usize,
    bytes: usize,
    name: Name,
    path: Option<Choice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Path,
    Other,
}

impl Decoder {
    pub(crate) fn new() -> Decoder {
        Decoder {
            table: VecDeque::new(),
            bytes: 0,
            bytes_max: TABLE_BYTES,
            huffman: Huffman::new(),
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// What the block's `:path` asks for.
    pub(crate) fn path(&mut self, mut block: &[u8]) -> Result<Option<Choice>, Violation> {
        let mut path = None;
        while let Some(&first) = block.first() {
            let found = if first & 0x80 != 0 {
                let index = integer(&mut block, 7)?;
                self.indexed(index)?
            } else if first & 0xe0 == 0x20 {
                let bytes_max = integer(&mut block, 5)?;
                if bytes_max > TABLE_BYTES {
                    return Err(Violation);
                }
                self.bytes_max = bytes_max;
                self.evict();
                None
            } else {
                let is_kept = first & 0x40 != 0;
                self.literal(&mut block, if is_kept { 6 } else { 4 }, is_kept)?
            };
            path = found.or(path);
        }
        Ok(path)
    }

    fn indexed(&self, index: usize) -> Result<Option<Choice>, Violation> {
        match index {
            0 => Err(Violation),
            PATH_FIRST => Ok(Some(Choice::of(b"/"))),
            PATH_LAST => Ok(Some(Choice::of(b"/index.html"))),
            _ if index <= STATIC_LAST => Ok(None),
            _ => Ok(self.entry(index)?.path),
        }
    }

    fn entry(&self, index: usize) -> Result<&Entry, Violation> {
        self.table.get(index - STATIC_LAST - 1).ok_or(Violation)
    }

    fn literal(&mut self, block: &mut &[u8], bits: u32, is_kept: bool) -> Result<Option<Choice>, Violation> {
        let index = integer(block, bits)?;
        let (name, name_bytes) = match index {
            0 => {
                self.huffman.text(block, &mut self.name)?;
                let is_path = self.name == b":path";
                (if is_path { Name::Path } else { Name::Other }, self.name.len())
            }
            PATH_FIRST..=PATH_LAST => (Name::Path, 5),
            _ if index <= STATIC_LAST => (Name::Other, usize::from(STATIC_NAME_BYTES[index])),
            _ => {
                let entry = self.entry(index)?;
                (entry.name, entry.name_bytes)
            }
        };
        self.huffman.text(block, &mut self.value)?;
        let path = (name == Name::Path).then(|| Choice::of(&self.value));
        if is_kept {
            let bytes = name_bytes + self.value.len() + ENTRY_BYTES;
            self.table.push_front(Entry {
                name_bytes,
                bytes,
                name,
                path,
            });
            self.bytes += bytes;
            self.evict();
        }
        Ok(path)
    }

    fn evict(&mut self) {
        while self.bytes > self.bytes_max {
            match self.table.pop_back() {
                Some(oldest) => self.bytes -= oldest.bytes,
                None => break,
            }
        }
    }
}

/// An integer with a prefix of so many bits.
pub(crate) fn integer(block: &mut &[u8], bits: u32) -> Result<usize, Violation> {
    let (first, mut rest) = block.split_first().ok_or(Violation)?;
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(*first) & most;
    if value == most {
        // Four more bytes are 256 MB: nothing here is as long.
        for shift in [0, 7, 14, 21] {
            let (next, after) = rest.split_first().ok_or(Violation)?;
            rest = after;
            value += usize::from(next & 0x7f) << shift;
            if next & 0x80 == 0 {
                *block = rest;
                return Ok(value);
            }
        }
        return Err(Violation);
    }
    *block = rest;
    Ok(value)
}
