//! HTTP/1.1 in the loop: answers in the order of their requests, and what becomes of those that get none.

use super::{
    Worker,
    connection::{Codec, Connection},
    lifecycle::Over,
};
use crate::{
    http1::Event,
    limit::Closing,
    outcome::{Lost, Outcome, Resent},
    sample::Ticket,
};

impl Worker<'_> {
    pub(super) fn received_http1(&mut self, connection: &mut Connection, bytes: &[u8], now: u64) -> Over {
        let mut input = bytes;
        loop {
            let Codec::Http1(http1) = &mut connection.codec else {
                return Ok(());
            };
            let Some(ticket) = http1.waiting.front_mut() else {
                // A line end too much is forgiven; an answer that nobody asked for would be taken for the next one.
                return if input.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                    Ok(())
                } else if says_request_timeout(input) {
                    Err(Closing::Bare)
                } else {
                    Err(Closing::Malformed)
                };
            };
            if ticket.first_byte == 0 && !input.is_empty() {
                ticket.first_byte = now;
                self.findings.note_first_byte(&mut connection.facts, now);
            }
            let which = usize::from(ticket.request);
            let is_head = self.orders.wording.requests[which].is_head;
            let check = &self.orders.scenario.requests()[which].check;
            match http1.reader.next(&mut input, is_head) {
                Err(_) => return Err(Closing::Malformed),
                Ok(None) => return Ok(()),
                Ok(Some(Event::Head(head))) => {
                    if !head.is_informational() {
                        ticket.status = head.status;
                        ticket.reading = check.begin();
                        http1.closes = !head.keep_alive;
                    }
                }
                Ok(Some(Event::Body(part))) => {
                    ticket.body_bytes += part.len() as u64;
                    if let Some(reading) = &mut ticket.reading {
                        check.read(reading, part);
                    }
                }
                Ok(Some(Event::End)) => self.answered_http1(connection, now)?,
            }
        }
    }

    /// Bytes of the current body that the kernel may drop.
    #[inline]
    pub(super) fn skippable(&self, connection: &Connection) -> u64 {
        match &connection.codec {
            Codec::Http1(http1) => match http1.waiting.front() {
                Some(ticket) if ticket.reading.is_none() => http1.reader.skippable(),
                Some(_) | None => 0,
            },
            Codec::None | Codec::Http2(_) => 0,
        }
    }

    pub(super) fn skipped(&mut self, connection: &mut Connection, bytes: u64, now: u64) -> Over {
        let Codec::Http1(http1) = &mut connection.codec else {
            return Ok(());
        };
        if let Some(ticket) = http1.waiting.front_mut() {
            ticket.body_bytes += bytes;
        }
        if http1.reader.skip(bytes) {
            self.answered_http1(connection, now)?;
            self.fill(connection, now);
        }
        Ok(())
    }

    /// The connection ended, which may be the end of the answer.
    pub(super) fn ended_http1(&mut self, connection: &mut Connection, now: u64) -> Closing {
        let Codec::Http1(http1) = &mut connection.codec else {
            return Closing::Bare;
        };
        if http1.reader.close() {
            http1.closes = true;
            let _ = self.answered_http1(connection, now);
            return Closing::SaidClose;
        }
        Closing::Bare
    }

    /// The first answer is whole.
    #[inline]
    fn answered_http1(&mut self, connection: &mut Connection, now: u64) -> Over {
        let Codec::Http1(http1) = &mut connection.codec else {
            return Ok(());
        };
        let closes = http1.closes;
        if let Some(ticket) = http1.waiting.pop_front() {
            self.answered(ticket, connection, now);
        }
        if closes { Err(Closing::SaidClose) } else { Ok(()) }
    }

    /// Settles the requests of a connection that is over; says how many are lost.
    pub(super) fn settle_http1(&mut self, connection: &mut Connection, closing: Closing, now: u64) -> u32 {
        let Codec::Http1(http1) = &mut connection.codec else {
            return 0;
        };
        let waiting = std::mem::take(&mut http1.waiting);
        let timeouts = self.orders.config.timeouts;
        // Silence was a fault of the connection, and each of its requests has waited for it.
        let was_silent = timeouts
            .inactivity
            .is_some_and(|most| now.saturating_sub(connection.last_activity) > most.as_nanos() as u64);
        let request = timeouts.request.as_nanos() as u64;
        let mut lost = 0;
        for ticket in waiting {
            self.in_flight -= 1;
            let is_late =
                closing == Closing::Timeout && (was_silent || now.saturating_sub(ticket.sent) > request);
            if let Some(reason) = self.is_lost(&ticket, connection, closing, is_late) {
                lost += 1;
                self.record(&ticket, connection, Outcome::Lost(reason), now);
            } else {
                let mut ticket = ticket;
                if connection.facts.answered == 0 {
                    ticket.refused += 1;
                }
                self.send_again(ticket, connection.client, Resent::ClosedUnanswered);
            }
        }
        lost
    }

    /// Why a request is lost; none if it may be sent again: no byte of an answer came, and twice is as good as once.
    fn is_lost(
        &self,
        ticket: &Ticket,
        connection: &Connection,
        closing: Closing,
        is_late: bool,
    ) -> Option<Lost> {
        let words = &self.orders.wording.requests[usize::from(ticket.request)];
        let is_exhausted =
            connection.facts.answered == 0 && ticket.refused >= self.orders.config.limits.refused_max;
        let may_be_again = ticket.first_byte == 0 && words.is_idempotent && !is_late && !is_exhausted;
        match closing {
            Closing::Ours => Some(Lost::Cut),
            _ if may_be_again => None,
            Closing::SaidClose
            | Closing::Bare
            | Closing::Idle
            | Closing::GoAway
            | Closing::GoAwayError(_) => Some(Lost::Closed),
            Closing::Reset => Some(Lost::ConnectionReset),
            Closing::Malformed => Some(Lost::Malformed),
            Closing::Timeout => Some(Lost::Timeout),
        }
    }
}

/// `408 Request Timeout` is what some servers say, HAProxy among them, before they close a connection that was not used.
fn says_request_timeout(unasked: &[u8]) -> bool {
    unasked.starts_with(b"HTTP/1.") && unasked.get(8..12) == Some(b" 408")
}
