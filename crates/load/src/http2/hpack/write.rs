//! Writing fields: the forms that a client needs, and the table that makes every block after the first short.
//!
//! The table only grows, and an entry that would not fit is written out each time. So an index depends on nothing
//! but how many entries came later, and a whole block can be kept and sent again byte by byte.

use super::{ENTRY_OVERHEAD, huffman, names::STATIC};

/// The first index of the dynamic table.
const DYNAMIC: usize = STATIC.len() + 1;

/// A table's size where nobody has said anything.
pub const TABLE_BYTES: usize = 4_096;

/// What we have put into the server's table.
#[derive(Debug)]
pub struct Encoder {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
    max: usize,
    /// Table sizes to be said at the front of the next block.
    resize: Vec<usize>,
}

impl Encoder {
    /// With an empty table of at most this size.
    pub fn new(max: usize) -> Encoder {
        let max = max.min(TABLE_BYTES);
        Encoder {
            entries: Vec::new(),
            bytes: 0,
            max,
            // A table smaller than the usual one has to be said.
            resize: if max < TABLE_BYTES { vec![max] } else { Vec::new() },
        }
    }

    /// The server has said how large its table is.
    pub fn allow(&mut self, allowed: usize) {
        if allowed >= self.max {
            return;
        }
        // Emptied and begun anew: a server that wants less is rare, and this cannot go wrong.
        self.entries.clear();
        self.bytes = 0;
        self.max = allowed;
        self.resize = vec![0, allowed];
        self.resize.dedup();
    }

    /// How many entries there are: what was written before is still right while this does not change.
    pub fn version(&self) -> (usize, usize) {
        (self.entries.len(), self.max)
    }

    /// Sizes that must be said at the front of a block.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        for size in self.resize.drain(..) {
            number(size, 5, 0x20, out);
        }
    }

    /// Writes a field as an index, after having put it into the table where that is possible.
    pub fn field(&mut self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let is_static = |(known, text): &(&str, &str)| known.as_bytes() == name && text.as_bytes() == value;
        if let Some(at) = STATIC.iter().position(is_static) {
            return number(at + 1, 7, 0x80, out);
        }
        let is_ours = |(known, text): &(Vec<u8>, Vec<u8>)| known == name && text == value;
        if let Some(at) = self.entries.iter().position(is_ours) {
            return number(DYNAMIC + self.entries.len() - 1 - at, 7, 0x80, out);
        }
        let bytes = name.len() + value.len() + ENTRY_OVERHEAD;
        if self.bytes + bytes > self.max {
            return literal(name, value, out);
        }
        self.bytes += bytes;
        match static_name(name) {
            Some(index) => number(index, 6, 0x40, out),
            None => {
                out.push(0x40);
                string(name, out);
            }
        }
        string(value, out);
        self.entries.push((name.to_vec(), value.to_vec()));
    }
}

/// Writes a field that no table keeps.
pub fn literal(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    match static_name(name) {
        Some(index) => number(index, 4, 0, out),
        None => {
            out.push(0);
            string(name, out);
        }
    }
    string(value, out);
}

/// Writes a number into the low bits of a byte, and more bytes where it is larger.
pub fn number(number: usize, bits: u32, mark: u8, out: &mut Vec<u8>) {
    let mask = (1_usize << bits) - 1;
    if number < mask {
        out.push(mark | number as u8);
        return;
    }
    out.push(mark | mask as u8);
    let mut rest = number - mask;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Writes a string, coded where that is shorter.
pub fn string(text: &[u8], out: &mut Vec<u8>) {
    let coded = huffman::encoded_length(text);
    if coded < text.len() {
        number(coded, 7, 0x80, out);
        huffman::encode(text, out);
    } else {
        number(text.len(), 7, 0, out);
        out.extend_from_slice(text);
    }
}

fn static_name(name: &[u8]) -> Option<usize> {
    STATIC
        .iter()
        .position(|(known, _)| known.as_bytes() == name)
        .map(|at| at + 1)
}
