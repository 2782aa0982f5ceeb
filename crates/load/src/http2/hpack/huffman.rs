//! Huffman codes of strings: RFC 7541, appendix B.
//!
//! The code is canonical: the lengths alone say which bits stand for which byte. Most bytes of a header have at most
//! eight bits and take one look into a table; longer codes are found by their length.

use std::sync::LazyLock;

use super::Fault;

/// Bits of each byte's code; the last is the end of a string, which must not be sent.
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

const END: usize = 256;
const LONGEST: usize = 30;

static CODE: LazyLock<Code> = LazyLock::new(Code::new);

struct Code {
    /// By the next eight bits: byte and length; length 0 where the code is longer.
    short: [(u8, u8); 256],
    /// By length: the first code, and where its byte stands in `bytes`.
    first: [(u32, u16); LONGEST + 2],
    /// Bytes in the order of their codes.
    bytes: [u16; 257],
    /// By byte, for writing.
    codes: [u32; 257],
}

impl Code {
    fn new() -> Code {
        let mut bytes: [u16; 257] = std::array::from_fn(|byte| byte as u16);
        bytes.sort_by_key(|byte| (LENGTHS[usize::from(*byte)], *byte));
        let mut code = Code {
            short: [(0, 0); 256],
            first: [(0, 0); LONGEST + 2],
            bytes,
            codes: [0; 257],
        };
        let (mut next, mut at) = (0_u32, 0);
        for length in 1..=LONGEST {
            next <<= 1;
            code.first[length] = (next, at as u16);
            while at < 257 && usize::from(LENGTHS[usize::from(bytes[at])]) == length {
                let byte = usize::from(bytes[at]);
                code.codes[byte] = next;
                if length <= 8 {
                    let low = (next << (8 - length)) as usize;
                    code.short[low..low + (1 << (8 - length))].fill((byte as u8, length as u8));
                }
                next += 1;
                at += 1;
            }
        }
        code.first[LONGEST + 1] = (u32::MAX, 257);
        code
    }

    /// Byte and length of the code at the top of the bits.
    fn long(&self, bits: u64) -> Option<(usize, usize)> {
        for length in 9..=LONGEST {
            let code = (bits >> (64 - length)) as u32;
            let (first, at) = self.first[length];
            let (_, end) = self.first[length + 1];
            let count = u32::from(end - at);
            if code.wrapping_sub(first) < count {
                let at = usize::from(at) + (code - first) as usize;
                return Some((usize::from(self.bytes[at]), length));
            }
        }
        None
    }
}

/// Adds what a coded string says.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let code = &*CODE;
    let mut rest = coded.iter();
    // The next bits, from the top; `held` of them are real.
    let (mut bits, mut held) = (0_u64, 0_usize);
    loop {
        while held <= 56 {
            let Some(byte) = rest.next() else { break };
            bits |= u64::from(*byte) << (56 - held);
            held += 8;
        }
        if held == 0 {
            return Ok(());
        }
        let (byte, length) = code.short[(bits >> 56) as usize];
        if length > 0 && usize::from(length) <= held {
            out.push(byte);
            bits <<= length;
            held -= usize::from(length);
            continue;
        }
        match code
            .long(bits)
            .filter(|(_, length)| length > &8 && *length <= held)
        {
            Some((END, _)) => return Err(Fault::Huffman),
            Some((byte, length)) => {
                out.push(byte as u8);
                bits <<= length;
                held -= length;
            }
            // What is left is padding: at most seven bits, all ones.
            None if held < 8 && bits == !0 << (64 - held) => return Ok(()),
            None => return Err(Fault::Huffman),
        }
    }
}

/// Adds the code of a string.
pub fn encode(plain: &[u8], out: &mut Vec<u8>) {
    let code = &*CODE;
    let (mut bits, mut held) = (0_u64, 0_u32);
    for byte in plain {
        let length = u32::from(LENGTHS[usize::from(*byte)]);
        bits = bits << length | u64::from(code.codes[usize::from(*byte)]);
        held += length;
        while held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    if held > 0 {
        out.push((bits << (8 - held)) as u8 | (0xff_u8 >> held));
    }
}

/// Bytes of the code of a string.
pub(super) fn encoded_length(plain: &[u8]) -> usize {
    let bits: usize = plain
        .iter()
        .map(|byte| usize::from(LENGTHS[usize::from(*byte)]))
        .sum();
    bits.div_ceil(8)
}
