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

/// How much longer a document gets, roughly, in quarters.
const GROWTH_QUARTERS: usize = 7;

/// A whole document.
pub(crate) fn indent(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * GROWTH_QUARTERS / 4);
    Pretty::default().push(compact, &mut out);
    out
}

impl Pretty {
    /// Appends the next bytes, indented.
    pub(crate) fn push(&mut self, compact: &[u8], out: &mut Vec<u8>) {
        let mut rest = compact;
        while let Some(first) = rest.first() {
            rest = match self.inside {
                Inside::Text => self.text(rest, out),
                Inside::Escape => {
                    out.push(*first);
                    self.inside = Inside::Text;
                    &rest[1..]
                }
                Inside::Between | Inside::Opened => self.token(rest, out),
            };
        }
    }

    /// Up to the end of a text, or of the chunk.
    fn text<'a>(&mut self, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        // Most texts are short: a plain loop beats a vectored search that has to be set up.
        let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let (text, rest) = match end {
            Some(at) => rest.split_at(at + 1),
            None => (rest, &rest[rest.len()..]),
        };
        out.extend_from_slice(text);
        match text.last() {
            Some(b'"') => self.inside = Inside::Between,
            Some(b'\\') if end.is_some() => self.inside = Inside::Escape,
            _ => {}
        }
        rest
    }

    fn token<'a>(&mut self, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let (first, tail) = (rest[0], &rest[1..]);
        match first {
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                if self.inside != Inside::Opened {
                    self.line(out);
                }
                self.inside = Inside::Between;
                out.push(first);
                tail
            }
            b' ' | b'\n' | b'\r' | b'\t' => tail,
            _ => {
                if self.inside == Inside::Opened {
                    self.line(out);
                    self.inside = Inside::Between;
                }
                self.value(first, rest, out)
            }
        }
    }

    fn value<'a>(&mut self, first: u8, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        match first {
            b'[' | b'{' => {
                out.push(first);
                self.depth += 1;
                self.inside = Inside::Opened;
                &rest[1..]
            }
            b'"' => {
                out.push(first);
                self.inside = Inside::Text;
                &rest[1..]
            }
            b',' => {
                out.push(first);
                self.line(out);
                &rest[1..]
            }
            b':' => {
                out.extend_from_slice(b": ");
                &rest[1..]
            }
            _ => {
                let end = rest
                    .iter()
                    .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'));
                let (scalar, rest) = rest.split_at(end.unwrap_or(rest.len()));
                out.extend_from_slice(scalar);
                rest
            }
        }
    }

    fn line(&self, out: &mut Vec<u8>) {
        let mut spaces = self.depth * 2;
        let first = spaces.min(BREAK.len() - 1);
        out.extend_from_slice(&BREAK[..=first]);
        spaces -= first;
        while spaces > 0 {
            let more = spaces.min(BREAK.len() - 1);
            out.extend_from_slice(&BREAK[1..=more]);
            spaces -= more;
        }
    }
}

#[cfg(test)]
mod tests;
