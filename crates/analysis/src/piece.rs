//! Short bytes that are written often: names of members, texts of a dictionary.
//!
//! A document of 11,000 lines is some 25,000 of them. Copied with a length known only at run time each
//! is a call of `memmove`; copied by moves of fixed size and then cut, it is two instructions.

/// Bytes to be written.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    head: [u8; HALF],
    tail: [u8; HALF],
    len: usize,
    /// All of them, where the halves are too short.
    long: Option<Box<[u8]>>,
}

const HALF: usize = 16;

impl Piece {
    pub(crate) fn new(bytes: &[u8]) -> Piece {
        let mut halves = [[0; HALF]; 2];
        let fits = bytes.len() <= 2 * HALF;
        if fits {
            for (to, from) in halves.iter_mut().zip(bytes.chunks(HALF)) {
                to[..from.len()].copy_from_slice(from);
            }
        }
        let [head, tail] = halves;
        Piece {
            head,
            tail,
            len: bytes.len(),
            long: (!fits).then(|| bytes.into()),
        }
    }

    /// Appends them.
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.len;
        if self.len <= HALF {
            out.extend_from_slice(&self.head);
        } else if let Some(long) = &self.long {
            out.extend_from_slice(long);
        } else {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(&self.tail);
        }
        out.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    //! Every length comes out whole.

    use super::*;

    #[test]
    fn all_lengths_are_written_whole() {
        for len in 0..80u8 {
            let bytes: Vec<u8> = (0..len).collect();
            let mut out = b"before".to_vec();
            Piece::new(&bytes).write(&mut out);
            assert_eq!(out, [b"before", bytes.as_slice()].concat());
        }
    }
}
