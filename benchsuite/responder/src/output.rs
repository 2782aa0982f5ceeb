//! What is to be written, in order: bytes of the connection's own, and parts of prebuilt bodies that nobody copies.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, Write},
};

/// Slices a write takes; the kernel's limit is 1,024.
const SLICES_MAX: usize = 256;

/// Bytes waiting for the socket.
#[derive(Debug, Default)]
pub(crate) struct Output<'a> {
    own: Vec<u8>,
    pieces: VecDeque<Piece<'a>>,
    bytes: usize,
}

#[derive(Debug)]
enum Piece<'a> {
    /// A part of `own`.
    Own {
        from: usize,
        to: usize,
    },
    Prebuilt(&'a [u8]),
}

impl<'a> Output<'a> {
    /// How much waits.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Adds bytes of the connection's own, by a function that appends them. They may be changed there until it returns.
    pub(crate) fn own(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        let from = self.own.len();
        append(&mut self.own);
        let to = self.own.len();
        self.bytes += to - from;
        match self.pieces.back_mut() {
            Some(Piece::Own { to: end, .. }) if *end == from => *end = to,
            _ => self.pieces.push_back(Piece::Own { from, to }),
        }
    }

    pub(crate) fn prebuilt(&mut self, bytes: &'a [u8]) {
        self.bytes += bytes.len();
        self.pieces.push_back(Piece::Prebuilt(bytes));
    }

    /// Writes once, all that fits; whether all did.
    pub(crate) fn write(&mut self, to: &mut impl Write) -> io::Result<bool> {
        let written = match self.pieces.front() {
            None => return Ok(true),
            Some(Piece::Own { from, to: end }) if self.pieces.len() == 1 => {
                to.write(&self.own[*from..*end])?
            }
            Some(_) => {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let mut filled = 0;
                for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                    *slice = IoSlice::new(match piece {
                        Piece::Own { from, to } => &self.own[*from..*to],
                        Piece::Prebuilt(bytes) => bytes,
                    });
                    filled += 1;
                }
                to.write_vectored(&slices[..filled])?
            }
        };
        self.advance(written);
        Ok(self.is_empty())
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(piece) = self.pieces.front_mut() {
            let length = match piece {
                Piece::Own { from, to } => *to - *from,
                Piece::Prebuilt(bytes) => bytes.len(),
            };
            if written < length {
                match piece {
                    Piece::Own { from, .. } => *from += written,
                    Piece::Prebuilt(bytes) => *bytes = &bytes[written..],
                }
                return;
            }
            written -= length;
            self.pieces.pop_front();
        }
        self.own.clear();
    }
}
