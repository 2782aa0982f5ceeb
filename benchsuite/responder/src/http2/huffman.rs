//! HPACK's Huffman code. It is canonical: the lengths of the codes are enough to know them.

use super::hpack::integer;
use crate::connection::Violation;

const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];
const LENGTH_MAX: usize = 30;
const END: usize = 256;

/// The code by length: where the codes of each length begin, and what they stand for.
#[derive(Debug)]
pub(crate) struct Huffman {
    first: [u32; LENGTH_MAX + 1],
    count: [u32; LENGTH_MAX + 1],
    offset: [usize; LENGTH_MAX + 1],
    symbols: Vec<usize>,
}

impl Huffman {
    pub(crate) fn new() -> Huffman {
        let mut huffman = Huffman {
            first: [0; LENGTH_MAX + 1],
            count: [0; LENGTH_MAX + 1],
            offset: [0; LENGTH_MAX + 1],
            symbols: Vec::with_capacity(LENGTHS.len()),
        };
        let mut code = 0;
        for length in 1..=LENGTH_MAX {
            huffman.first[length] = code;
            huffman.offset[length] = huffman.symbols.len();
            for (symbol, own) in LENGTHS.iter().enumerate() {
                if usize::from(*own) == length {
                    huffman.symbols.push(symbol);
                    huffman.count[length] += 1;
                }
            }
            code = (code + huffman.count[length]) << 1;
        }
        huffman
    }

    /// A string literal, coded or not.
    pub(crate) fn text(&self, block: &mut &[u8], into: &mut Vec<u8>) -> Result<(), Violation> {
        let is_coded = block.first().ok_or(Violation)? & 0x80 != 0;
        let length = integer(block, 7)?;
        let (text, rest) = block.split_at_checked(length).ok_or(Violation)?;
        *block = rest;
        into.clear();
        if is_coded {
            self.decode(text, into)
        } else {
            into.extend_from_slice(text);
            Ok(())
        }
    }

    /// A bit at a time: a client indexes what it sends often, so this runs once for each new field.
    fn decode(&self, text: &[u8], into: &mut Vec<u8>) -> Result<(), Violation> {
        let (mut code, mut length) = (0_u32, 0_usize);
        for byte in text {
            for bit in (0..8).rev() {
                code = code << 1 | u32::from(byte >> bit & 1);
                length += 1;
                if length > LENGTH_MAX {
                    return Err(Violation);
                }
                let nth = code.wrapping_sub(self.first[length]);
                if nth < self.count[length] {
                    let symbol = self.symbols[self.offset[length] + nth as usize];
                    if symbol == END {
                        return Err(Violation);
                    }
                    into.push(u8::try_from(symbol).map_err(|_| Violation)?);
                    (code, length) = (0, 0);
                }
            }
        }
        // What is left over is padding: the beginning of the longest code, all ones.
        if length > 7 || code != (1 << length) - 1 {
            return Err(Violation);
        }
        Ok(())
    }
}
