//! Header compression of HTTP/2 (RFC 7541): the reading side, and the parts that the writing side shares.
//!
//! A field is only decoded if somebody wants it: most answers say a dozen things of which we need the status.
//! Fields that go into the dynamic table are decoded, because its size counts plain bytes.

pub mod huffman;
mod names;
pub mod write;

use std::collections::VecDeque;

use names::STATIC;

/// What each entry of a table costs besides its bytes.
const ENTRY_OVERHEAD: usize = 32;

/// How a block breaks the rules. All of them end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It ends within a field.
    #[error("a header block ends within a field")]
    Cut,
    /// A number that no length or index can have.
    #[error("a number in a header block is too large")]
    Number,
    /// An entry that is not there.
    #[error("a header block names an entry that no table has")]
    Index,
    /// Bits that are no code.
    #[error("a header's Huffman code is none")]
    Huffman,
    /// A table larger than we said, or a change in the middle of a block.
    #[error("a header block changes the table's size where or how it must not")]
    TableSize,
    /// More than the limit.
    #[error("the head is larger than the limit")]
    TooLarge,
}

/// Reads blocks, and keeps the table that they share.
#[derive(Debug)]
pub struct Decoder {
    table: VecDeque<Entry>,
    table_bytes: usize,
    /// What the other side has chosen, at most what we said.
    table_max: usize,
    table_allowed: usize,
    head_bytes_max: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    name: Box<[u8]>,
    value: Box<[u8]>,
}

/// A string as it stands in a block.
#[derive(Clone, Copy, Debug)]
struct Text<'a> {
    bytes: &'a [u8],
    is_coded: bool,
}

impl Decoder {
    /// With the table's size that the other side was told.
    pub fn new(table_allowed: usize, head_bytes_max: usize) -> Decoder {
        Decoder {
            table: VecDeque::new(),
            table_bytes: 0,
            table_max: table_allowed,
            table_allowed,
            head_bytes_max,
            name: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Reads a whole block. `wants` says by its name whether a field is wanted, and `take` is given those. Says how many
    /// bytes the names and values of all fields have, plain; a coded value that nobody wants and no table keeps counts
    /// as it came, about a fifth less, since only the reading of it would tell.
    pub fn decode(
        &mut self,
        mut block: &[u8],
        wants: impl Fn(&[u8]) -> bool,
        mut take: impl FnMut(&[u8], &[u8]),
    ) -> Result<usize, Fault> {
        // As the limit of RFC 9113 counts them, 10.5.1: with something for each field.
        let (mut total, mut fields) = (0_usize, 0_usize);
        let mut may_resize = true;
        while let [first, ..] = block {
            let first = *first;
            if first & 0xe0 == 0x20 {
                let size = number(&mut block, 5)?;
                if !may_resize || size > self.table_allowed {
                    return Err(Fault::TableSize);
                }
                self.table_max = size;
                self.evict();
                continue;
            }
            may_resize = false;
            fields += 1;
            total += if first & 0x80 != 0 {
                let index = number(&mut block, 7)?;
                let (name, value) = self.entry(index)?;
                if wants(name) {
                    take(name, value);
                }
                name.len() + value.len() + ENTRY_OVERHEAD
            } else {
                let is_kept = first & 0xc0 == 0x40;
                let index = number(&mut block, if is_kept { 6 } else { 4 })?;
                self.literal(index, is_kept, &mut block, &wants, &mut take)?
            };
            if total > self.head_bytes_max {
                return Err(Fault::TooLarge);
            }
        }
        Ok(total - fields * ENTRY_OVERHEAD)
    }

    /// Bytes in the table, as RFC 7541 counts them.
    pub fn table_bytes(&self) -> usize {
        self.table_bytes
    }

    fn literal(
        &mut self,
        index: usize,
        is_kept: bool,
        block: &mut &[u8],
        wants: &impl Fn(&[u8]) -> bool,
        take: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<usize, Fault> {
        let named = (index == 0).then(|| text(block)).transpose()?;
        let value = text(block)?;
        let mut name_buffer = std::mem::take(&mut self.name);
        name_buffer.clear();
        let result = (|| {
            match named {
                Some(name) => name.write(&mut name_buffer)?,
                None => name_buffer.extend_from_slice(self.entry(index)?.0),
            }
            let is_wanted = wants(&name_buffer);
            if !is_kept && !is_wanted {
                return Ok(name_buffer.len() + value.bytes.len() + ENTRY_OVERHEAD);
            }
            self.value.clear();
            value.write(&mut self.value)?;
            if is_wanted {
                take(&name_buffer, &self.value);
            }
            Ok(name_buffer.len() + self.value.len() + ENTRY_OVERHEAD)
        })();
        if is_kept && result.is_ok() {
            self.keep(&name_buffer);
        }
        self.name = name_buffer;
        result
    }

    /// Puts a name and the value just read in front of the table.
    fn keep(&mut self, name: &[u8]) {
        let bytes = name.len() + self.value.len() + ENTRY_OVERHEAD;
        self.table_bytes += bytes;
        self.table.push_front(Entry {
            name: name.into(),
            value: self.value.as_slice().into(),
        });
        self.evict();
    }

    fn evict(&mut self) {
        while self.table_bytes > self.table_max {
            let Some(entry) = self.table.pop_back() else { break };
            self.table_bytes -= entry.name.len() + entry.value.len() + ENTRY_OVERHEAD;
        }
    }

    fn entry(&self, index: usize) -> Result<(&[u8], &[u8]), Fault> {
        if index == 0 {
            return Err(Fault::Index);
        }
        if let Some((name, value)) = STATIC.get(index - 1) {
            return Ok((name.as_bytes(), value.as_bytes()));
        }
        self.table
            .get(index - 1 - STATIC.len())
            .map(|entry| (&*entry.name, &*entry.value))
            .ok_or(Fault::Index)
    }
}

impl Text<'_> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if self.is_coded {
            huffman::decode(self.bytes, out)
        } else {
            out.extend_from_slice(self.bytes);
            Ok(())
        }
    }
}

/// A number that begins in the low bits of a byte.
fn number(block: &mut &[u8], bits: u32) -> Result<usize, Fault> {
    let (first, rest) = block.split_first().ok_or(Fault::Cut)?;
    *block = rest;
    let mask = (1_usize << bits) - 1;
    let mut number = usize::from(*first) & mask;
    if number < mask {
        return Ok(number);
    }
    for shift in (0..28).step_by(7) {
        let (byte, rest) = block.split_first().ok_or(Fault::Cut)?;
        *block = rest;
        number += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Fault::Number)
}

fn text<'a>(block: &mut &'a [u8]) -> Result<Text<'a>, Fault> {
    let is_coded = block.first().ok_or(Fault::Cut)? & 0x80 != 0;
    let length = number(block, 7)?;
    if length > block.len() {
        return Err(Fault::Cut);
    }
    let (bytes, rest) = block.split_at(length);
    *block = rest;
    Ok(Text { bytes, is_coded })
}
