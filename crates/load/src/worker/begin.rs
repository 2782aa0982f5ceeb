//! The next requests: who wants one, whether there is room, and how it is written.

use super::{
    Worker,
    connection::{Codec, Connection, Phase},
};
use crate::{http2::request::Filling, limit::Closing, outcome::Outcome, sample::Ticket};

impl Worker<'_> {
    /// How many requests the connection may take now.
    #[inline]
    pub(super) fn room(&self, connection: &Connection) -> u32 {
        if connection.leaving || connection.phase != Phase::Open {
            return 0;
        }
        let asked = self.orders.config.streams;
        match &connection.codec {
            Codec::None => 0,
            Codec::Http1(http1) if self.orders.wording.may_be_pipelined => {
                asked.saturating_sub(http1.waiting.len() as u32)
            }
            Codec::Http1(http1) => u32::from(http1.waiting.is_empty()),
            Codec::Http2(session) => {
                let room = asked.saturating_sub(session.open_streams()).min(session.room());
                match connection.requests_max {
                    Some(max) if session.open_streams() > 0 || connection.facts.sent < max => {
                        let left = max.saturating_sub(connection.facts.sent);
                        room.min(u32::try_from(left).unwrap_or(u32::MAX))
                    }
                    Some(_) | None => room,
                }
            }
        }
    }

    /// Begins as many requests as there is room and need for.
    #[inline]
    pub(super) fn fill(&mut self, connection: &mut Connection, now: u64) {
        let mut room = self.room(connection);
        while room > 0 && self.is_wanted(connection.client, now) {
            self.begin_next(connection, now);
            room -= 1;
        }
        if room > 0 {
            self.list(connection.client);
        }
    }

    #[inline]
    pub(super) fn is_wanted(&self, client: usize, now: u64) -> bool {
        let client = &self.clients[client];
        !client.again.is_empty()
            || (self.source.has(now) && (self.source.is_open_loop() || !client.wanting.is_empty()))
    }

    /// Begins one: one that has to be sent again, or the next.
    #[inline]
    pub(super) fn begin_next(&mut self, connection: &mut Connection, now: u64) {
        let client = &mut self.clients[connection.client];
        let ticket = client.again.pop_front().unwrap_or_else(|| {
            let (index, at) = self.source.take();
            let scheduled = at.or_else(|| client.wanting.pop_front()).unwrap_or(now);
            let which = self.orders.scenario.which(index);
            let is_counted = !self.recorder.is_warm_up(scheduled);
            let late = now.saturating_sub(scheduled);
            if at.is_some() && self.starved_since.is_none() {
                if is_counted {
                    self.recorder.send_lag.record(late);
                }
            } else if late > 0 && is_counted {
                self.recorder.slot_wait.record(late);
            }
            Ticket::new(index, scheduled, which.request)
        });
        self.begin(ticket, connection, now);
    }

    #[inline]
    fn begin(&mut self, mut ticket: Ticket, connection: &mut Connection, now: u64) {
        ticket.sent = now;
        self.in_flight += 1;
        connection.facts.sent += 1;
        // Silence counts from the last word of either side.
        connection.last_activity = now;
        let which = usize::from(ticket.request);
        let words = &self.orders.wording.requests[which];
        let values = &self.orders.scenario.values;
        match &mut connection.codec {
            Codec::Http1(http1) => {
                if let Some(whole) = &words.whole {
                    connection.out.extend_from_slice(whole);
                } else {
                    let nth = self.orders.scenario.which(ticket.index).nth;
                    words.write_http1(values, nth, ticket.index, &mut connection.out);
                }
                http1.waiting.push_back(ticket);
            }
            Codec::Http2(session) => {
                if words.whole.is_some() {
                    let filling = Filling {
                        body: words.body.as_ref(),
                        ..Filling::default()
                    };
                    session.open(which, &words.outline, filling, ticket, &mut connection.out);
                    return;
                }
                let nth = self.orders.scenario.which(ticket.index).nth;
                let scratch = &mut self.scratch;
                scratch.fill(words, values, nth, ticket.index);
                let fields = scratch.fields(words);
                let filling = Filling {
                    path: scratch.path(),
                    fields: &fields,
                    body: words.body.as_ref(),
                };
                session.open(which, &words.outline, filling, ticket, &mut connection.out);
            }
            Codec::None => {}
        }
    }

    /// An answer is whole: right or not.
    #[inline]
    pub(super) fn answered(&mut self, mut ticket: Ticket, connection: &mut Connection, now: u64) {
        let check = &self.orders.scenario.requests()[usize::from(ticket.request)].check;
        let outcome = if !check.accepts_status(ticket.status) {
            Outcome::HttpError
        } else if check.accepts_body(ticket.body_bytes, ticket.reading.take()) {
            Outcome::Ok
        } else {
            Outcome::FailedCheck
        };
        self.in_flight -= 1;
        connection.facts.answered += 1;
        connection.facts.last_answer = now;
        self.clients[connection.client].failures = 0;
        self.record(&ticket, connection, outcome, now);
    }

    /// Settles all requests of a connection that is over; says how many are lost.
    pub(super) fn settle(&mut self, connection: &mut Connection, closing: Closing, now: u64) -> u32 {
        match connection.codec {
            Codec::None => 0,
            Codec::Http1(_) => self.settle_http1(connection, closing, now),
            Codec::Http2(_) => self.settle_http2(connection, closing, now),
        }
    }
}
