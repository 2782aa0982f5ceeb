//! The table of streams: the n-th stream of a connection is its n-th entry, so there is nothing to look up.
//!
//! It begins at the oldest stream that is still open; what is over at the front is dropped.

use std::collections::VecDeque;

use super::STREAM_TABLE_MAX;

/// The last number that a stream of ours can have.
const STREAM_LAST: u32 = 0x7fff_ffff;

#[derive(Debug)]
pub(super) struct Streams<T> {
    table: VecDeque<Stream<T>>,
    /// How many were dropped in front.
    dropped: u32,
    open: u32,
}

#[derive(Debug)]
pub(super) struct Stream<T> {
    /// None when it is over.
    pub(super) ticket: Option<T>,
    /// Bytes of its body so far.
    pub(super) received: u64,
    /// What its head promises.
    pub(super) promised: Option<u64>,
    /// Bytes that the server was not told of yet.
    pub(super) unsaid: u32,
    pub(super) informational: u32,
    /// What we may send, in difference to what every stream may at first.
    pub(super) window: i64,
    pub(super) has_head: bool,
    /// An answer without a body, whatever its head says.
    pub(super) to_head: bool,
}

impl<T> Streams<T> {
    pub(super) fn new() -> Streams<T> {
        Streams {
            table: VecDeque::new(),
            dropped: 0,
            open: 0,
        }
    }

    #[inline]
    pub(super) fn open(&self) -> u32 {
        self.open
    }

    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.table.len() < STREAM_TABLE_MAX && !self.is_used_up()
    }

    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        self.next() >= STREAM_LAST
    }

    /// The number of the next stream.
    #[inline]
    pub(super) fn next(&self) -> u32 {
        (self.dropped + self.table.len() as u32) * 2 + 1
    }

    #[inline]
    pub(super) fn add(&mut self, ticket: T, to_head: bool) -> u32 {
        let stream = self.next();
        self.table.push_back(Stream {
            ticket: Some(ticket),
            received: 0,
            promised: None,
            unsaid: 0,
            informational: 0,
            window: 0,
            has_head: false,
            to_head,
        });
        self.open += 1;
        stream
    }

    /// An open stream.
    #[inline]
    pub(super) fn get(&mut self, stream: u32) -> Option<&mut Stream<T>> {
        let at = (stream / 2).checked_sub(self.dropped)?;
        self.table
            .get_mut(at as usize)
            .filter(|found| stream % 2 == 1 && found.ticket.is_some())
    }

    /// Whether it was ever opened by us.
    #[inline]
    pub(super) fn was_opened(&self, stream: u32) -> bool {
        stream % 2 == 1 && stream < self.next()
    }

    #[inline]
    pub(super) fn finish(&mut self, stream: u32) -> Option<T> {
        let ticket = self.get(stream)?.ticket.take();
        self.open -= 1;
        while self.table.front().is_some_and(|front| front.ticket.is_none()) {
            self.table.pop_front();
            self.dropped += 1;
        }
        ticket
    }

    pub(super) fn iter_open(&self) -> impl Iterator<Item = (u32, &T)> {
        self.table.iter().enumerate().filter_map(|(at, stream)| {
            let number = (self.dropped + at as u32) * 2 + 1;
            stream.ticket.as_ref().map(|ticket| (number, ticket))
        })
    }
}
