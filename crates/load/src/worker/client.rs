//! One client: as many users as it may have requests in flight, and the connection that carries them.
//!
//! A user waits for its turn while the server allows fewer streams than asked for, and while the connection is made
//! anew. When a user began to want is kept, so that its waiting is inside its response time.

use std::collections::VecDeque;

use crate::sample::Ticket;

#[derive(Debug)]
pub(crate) struct Client {
    /// Over all threads.
    pub(crate) number: u32,
    /// Since when each idle user wants a request. Empty where a schedule decides.
    pub(crate) wanting: VecDeque<u64>,
    /// Requests to be sent again, before any new one.
    pub(crate) again: VecDeque<Ticket>,
    /// The connection that takes new requests: its slot.
    pub(crate) connection: Option<usize>,
    pub(crate) state: State,
    /// Connections that failed, one after the other.
    pub(crate) failures: u32,
    /// Connections that take no more requests and still have some under way.
    pub(crate) leaving: u32,
    /// Whether it stands in the list of those that can take a scheduled request.
    pub(crate) is_listed: bool,
    pub(crate) answered: u64,
    pub(crate) began: u64,
    pub(crate) last_answer: u64,
    /// Attempts at addresses of the name that came to nothing.
    pub(crate) addresses_failed: usize,
    /// Where the last GOAWAY that took streams back drew its line: requests of that connection.
    line: Option<u64>,
    /// Drawn there twice: no more are sent on a connection before it shows that it takes more.
    pub(crate) requests_max: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Connecting, or connected.
    Up,
    /// Will connect again at this time.
    Waiting(u64),
    /// Has given up.
    Dead,
    /// Needs no connection any more.
    Done,
}

impl Client {
    pub(crate) fn new(number: u32) -> Client {
        Client {
            number,
            wanting: VecDeque::new(),
            again: VecDeque::new(),
            connection: None,
            state: State::Waiting(0),
            failures: 0,
            leaving: 0,
            is_listed: false,
            answered: 0,
            began: 0,
            last_answer: 0,
            addresses_failed: 0,
            line: None,
            requests_max: None,
        }
    }

    /// A server leaves, took so many requests and gave others back, which were sent in vain.
    /// Below the number that is asked to be in flight, more come back than are answered.
    pub(crate) fn note_line(&mut self, requests: u64, in_flight_max: u32) {
        let is_again = self.line.replace(requests) == Some(requests);
        self.requests_max = (is_again && requests < u64::from(in_flight_max)).then_some(requests);
    }

    /// It did not leave there.
    pub(crate) fn forget_line(&mut self) {
        self.line = None;
        self.requests_max = None;
    }
}
