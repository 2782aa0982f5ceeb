//! Indents compact JSON as it passes: two spaces, `"key": value`, empty arrays as `[]`.
//!
//! Works on bytes and keeps only the depth, so a stream of any length is indented in constant
//! memory; no tree is built, which for a document of 155 kB would take longer than making it.

/// Where in the JSON the last chunk ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pretty {
    depth: usize,
    inside: Inside,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Between,
    /// Directly after `[` or `{`: the next byte says whether it is empty.
    Opened,
    Text,
    /// After a backslash within text.
    Escape,
}

/// A line break and as much indentation as is usual; deeper ones add the rest.
const BREAK: &[u8; 65] = b"\n                                                                ";
/// Most runs are shorter: copying this many bytes and cutting the rest off is a few moves of
/// registers, where a copy of a length unknown to the compiler is a call.
const SHORT_BYTES: usize = 32;

/// A whole document.
pub(crate) fn indent(compact: &[u8]) -> Vec<u8> {
    // Twice is more than an analysis needs; a copy of a grown buffer costs more than its memory.
    let mut out = Vec::with_capacity(compact.len() * 2 + SHORT_BYTES);
    Pretty::default().push(compact, &mut out);
    out
}

impl Pretty {
    /// Appends the next bytes, indented.
    pub(crate) fn push(&mut self, compact: &[u8], out: &mut Vec<u8>) {
        // What lies between `copied` and `at` stands in the output as it is.
        let (mut copied, mut at) = (0, 0);
        while let Some(byte) = compact.get(at) {
            match self.inside {
                Inside::Text => {
                    at = end_of_text(compact, at);
                    match compact.get(at) {
                        Some(b'"') => self.inside = Inside::Between,
                        Some(_) => self.inside = Inside::Escape,
                        None => break,
                    }
                    at += 1;
                    continue;
                }
                Inside::Escape => {
                    self.inside = Inside::Text;
                    at += 1;
                    continue;
                }
                Inside::Opened => match byte {
                    b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t' => {}
                    _ => {
                        self.line(out);
                        self.inside = Inside::Between;
                    }
                },
                Inside::Between => {}
            }
            match byte {
                b'"' => self.inside = Inside::Text,
                b',' => {
                    copy(&compact[copied..], at + 1 - copied, out);
                    copied = at + 1;
                    self.line(out);
                }
                b':' => {
                    copy(&compact[copied..], at + 1 - copied, out);
                    copied = at + 1;
                    out.push(b' ');
                }
                b'[' | b'{' => {
                    copy(&compact[copied..], at + 1 - copied, out);
                    copied = at + 1;
                    self.depth += 1;
                    self.inside = Inside::Opened;
                }
                b']' | b'}' => {
                    copy(&compact[copied..], at - copied, out);
                    copied = at;
                    self.depth = self.depth.saturating_sub(1);
                    if self.inside != Inside::Opened {
                        self.line(out);
                    }
                    self.inside = Inside::Between;
                }
                b' ' | b'\n' | b'\r' | b'\t' => {
                    copy(&compact[copied..], at - copied, out);
                    copied = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
        out.extend_from_slice(&compact[copied..]);
    }

    fn line(&self, out: &mut Vec<u8>) {
        let mut spaces = self.depth * 2;
        let first = spaces.min(BREAK.len() - 1);
        copy(BREAK, first + 1, out);
        spaces -= first;
        while spaces > 0 {
            let more = spaces.min(BREAK.len() - 1);
            out.extend_from_slice(&BREAK[1..=more]);
            spaces -= more;
        }
    }
}

/// Appends the first `count` bytes.
#[inline]
fn copy(from: &[u8], count: usize, out: &mut Vec<u8>) {
    match from.first_chunk::<SHORT_BYTES>() {
        Some(chunk) if count <= SHORT_BYTES => {
            let end = out.len() + count;
            out.extend_from_slice(chunk);
            out.truncate(end);
        }
        _ => out.extend_from_slice(&from[..count]),
    }
}

/// Where the quote or backslash is that ends this part of a text; the length if there is none.
#[inline]
fn end_of_text(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // Eight bytes at a time: a byte that is zero after the xor borrows into its highest bit. The
    // lowest such bit is exact, whatever carries do above it.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let found = zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\'));
    rest.map_or(bytes.len(), |found| at + found)
}

#[cfg(test)]
mod tests;
