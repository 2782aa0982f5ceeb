//! The ends of connections: by the server, by a timeout, or by the end of the run; and what follows from them.

use std::cmp::Reverse;

use super::{
    Worker,
    client::State,
    connection::{Codec, Connection, Phase},
    lifecycle::Over,
};
use crate::{
    http2::frame,
    limit::Closing,
    outcome::{Lost, Outcome, Resent},
    sample::Ticket,
};

/// How long a client waits after its first failure; twice as long after each further one.
const BACKOFF_NS: u64 = 50_000_000;
const BACKOFF_MAX_NS: u64 = 1_000_000_000;

/// A server that leaves so long after its last answer has other reasons than their number.
const IDLE_NS: u64 = 500_000_000;

impl Worker<'_> {
    /// A connection is over: its requests are settled, and its client gets another if it needs one.
    pub(super) fn close(&mut self, slot: usize, mut connection: Box<Connection>, closing: Closing, now: u64) {
        let client = connection.client;
        let facts = &connection.facts;
        let silence = now.saturating_sub(facts.last_answer.max(facts.ready));
        let is_idle = facts.ready > 0 && connection.in_flight() == 0 && silence > IDLE_NS;
        let closing = match closing {
            Closing::Bare | Closing::GoAway if is_idle => Closing::Idle,
            closing => closing,
        };
        // Nobody came in a time that the server finds long. That is no failure, and no hot loop either: it took as long.
        let was_unused = closing == Closing::Idle && facts.sent == 0;
        if connection.facts.ready == 0 {
            self.connecting -= 1;
        }
        let lost = self.settle(&mut connection, closing, now);
        let goaway = match &connection.codec {
            Codec::Http2(session) => session.goaway().cloned(),
            Codec::None | Codec::Http1(_) => None,
        };
        self.findings.note_connection(
            &connection,
            self.clients[client].number,
            closing,
            goaway.as_ref().map(|goaway| goaway.last_stream),
            goaway
                .map(|goaway| goaway.debug)
                .filter(|debug| !debug.is_empty()),
            now,
        );
        let was_current = self.clients[client].connection == Some(slot);
        let has_served = connection.facts.answered > 0 || lost > 0;
        drop(connection);
        self.free.push(slot);
        if was_current {
            self.clients[client].connection = None;
        } else {
            self.clients[client].leaving = self.clients[client].leaving.saturating_sub(1);
        }
        if has_served || was_unused || closing == Closing::Ours {
            self.clients[client].failures = 0;
            self.ensure(client, now);
        } else if was_current {
            self.failed_to_connect(client, now);
        } else {
            self.ensure(client, now);
        }
        self.hand_over(client, now);
    }

    /// A connection of this client came to nothing.
    pub(super) fn failed_to_connect(&mut self, client: usize, now: u64) {
        let is_in_time = self.orders.ending.end_ns().is_some_and(|end| now < end);
        let attempts_max = self.orders.config.limits.connect_attempts_max;
        let is_needed = !self.source.is_over(now) || !self.clients[client].again.is_empty();
        let state = &mut self.clients[client];
        state.failures += 1;
        state.addresses_failed += 1;
        if !is_needed {
            state.state = State::Done;
            return;
        }
        // A server that was there may come back before the time is over; one that never was is not waited for.
        if state.failures >= attempts_max && !(is_in_time && state.answered > 0) {
            state.state = State::Dead;
            self.alive -= 1;
            let number = self.clients[client].number;
            while let Some(ticket) = self.clients[client].again.pop_front() {
                self.record_as(&ticket, client, number, Outcome::Lost(Lost::Unreachable), now);
            }
            self.clients[client].wanting.clear();
            return;
        }
        // The next address is tried at once; only when all have failed is there something to wait for.
        let rounds = (state.failures as usize / self.addresses.choice()) as u32;
        let wait = match rounds {
            0 => 0,
            _ => (BACKOFF_NS << (rounds - 1).min(10)).min(BACKOFF_MAX_NS),
        };
        state.state = State::Waiting(now + wait);
        self.redials.push(Reverse((now + wait, client)));
    }

    /// Looks for what has taken too long, and whether somebody wants the run to end.
    pub(super) fn sweep(&mut self, now: u64) {
        self.recorder.tally.bytes_so_far = self.traffic().received;
        self.orders.watch.add(&mut self.recorder.tally, self.in_flight);
        if self.orders.watch.is_stopped() || self.orders.watch.has_failed() {
            self.source.stop();
            self.cut = true;
            return;
        }
        let timeouts = self.orders.config.timeouts;
        let request = timeouts.request.as_nanos() as u64;
        self.source.give_up(now, request);
        for slot in 0..self.connections.len() {
            let Some(mut connection) = self.connections[slot].take() else {
                continue;
            };
            let over = self.timed(&mut connection, request, now);
            self.put_back(slot, connection, over, now);
        }
    }

    fn timed(&mut self, connection: &mut Connection, request: u64, now: u64) -> Over {
        let timeouts = self.orders.config.timeouts;
        let age = now.saturating_sub(connection.facts.dialled);
        if connection.phase != Phase::Open {
            if age > timeouts.connect.as_nanos() as u64 {
                let what = match connection.phase {
                    Phase::Handshake => "TLS: timed out",
                    Phase::Connecting | Phase::Open => "connect: timed out",
                };
                self.findings.note_failure(what.to_owned());
                return Err(Closing::Timeout);
            }
            return Ok(());
        }
        let is_idle = connection.in_flight() == 0;
        let silence = now.saturating_sub(connection.last_activity);
        if !is_idle
            && timeouts
                .inactivity
                .is_some_and(|most| silence > most.as_nanos() as u64)
        {
            return Err(Closing::Timeout);
        }
        if timeouts.age.is_some_and(|most| age > most.as_nanos() as u64) {
            connection.leaving = true;
        }
        if connection.leaving && is_idle {
            return Err(self.left(connection));
        }
        match connection.codec {
            Codec::Http1(ref http1) => {
                let is_late = |ticket: &Ticket| now.saturating_sub(ticket.sent) > request;
                if http1.waiting.front().is_some_and(is_late) {
                    return Err(Closing::Timeout);
                }
                Ok(())
            }
            Codec::Http2(ref session)
                if is_idle
                    && session.allowed() == 0
                    && silence > request
                    && (!self.source.is_over(now) || !self.clients[connection.client].again.is_empty()) =>
            {
                // A server that allows no stream for as long as a request may take does not serve.
                Err(Closing::Timeout)
            }
            Codec::Http2(_) => {
                if self.time_out_http2(connection, request, now) {
                    self.fill(connection, now);
                    return self.write_out(connection, now);
                }
                Ok(())
            }
            Codec::None => Ok(()),
        }
    }

    /// Why a connection that takes no more requests is over when its last one is.
    pub(super) fn left(&self, connection: &Connection) -> Closing {
        match &connection.codec {
            Codec::Http2(session) => match session.goaway() {
                Some(goaway) if goaway.code == frame::code::NO_ERROR => Closing::GoAway,
                Some(goaway) => Closing::GoAwayError(goaway.code),
                None => Closing::Ours,
            },
            Codec::None | Codec::Http1(_) => Closing::Ours,
        }
    }

    /// Everything is over: what is still under way is cut.
    pub(super) fn close_all(&mut self, now: u64) {
        self.source.stop_keeping_share(self.cut);
        for slot in 0..self.connections.len() {
            let Some(mut connection) = self.connections[slot].take() else {
                continue;
            };
            if let Codec::Http2(_) = connection.codec {
                frame::goaway(frame::code::NO_ERROR, &mut connection.out);
            }
            if let Some(tls) = &mut connection.tls {
                tls.send_close_notify();
            }
            let _ = connection.flush();
            let closing = self.left(&connection);
            self.settle(&mut connection, Closing::Ours, now);
            let number = self.clients[connection.client].number;
            self.findings
                .note_connection(&connection, number, closing, None, None, now);
        }
        for client in 0..self.clients.len() {
            let number = self.clients[client].number;
            while let Some(ticket) = self.clients[client].again.pop_front() {
                self.record_as(&ticket, client, number, Outcome::Lost(Lost::Cut), now);
            }
        }
    }

    /// A request goes back to its client, to be sent again before any new one.
    pub(super) fn send_again(&mut self, ticket: Ticket, client: usize, why: Resent) {
        if !self.recorder.is_warm_up(ticket.scheduled) {
            self.recorder.resent[why as usize] += 1;
        }
        self.clients[client].again.push_back(ticket.again());
    }
}
