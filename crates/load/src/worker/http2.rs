//! HTTP/2 in the loop: streams answered in any order, and the rules for those that are not.
//!
//! What a server provably never processed is sent again: streams above the last one that a GOAWAY names, and streams
//! that were refused. What it may have processed is lost when the connection is, and said to be.

use super::{
    Worker,
    connection::{Codec, Connection},
    lifecycle::Over,
};
use crate::{
    http2::{Event, GoAway, frame::code},
    limit::Closing,
    outcome::{Lost, Outcome, Resent},
};

impl Worker<'_> {
    pub(super) fn received_http2(&mut self, connection: &mut Connection, bytes: &[u8], now: u64) -> Over {
        let mut input = bytes;
        loop {
            let Codec::Http2(session) = &mut connection.codec else {
                return Ok(());
            };
            let Ok(event) = session.receive(&mut input, &mut connection.out) else {
                return Err(self.break_off(connection));
            };
            let Some(event) = event else { break };
            let over = match event {
                Event::Settings {
                    streams_max,
                    is_change,
                } => {
                    let allowed = streams_max.unwrap_or(u32::MAX);
                    self.findings.note_allowed(allowed, now, is_change);
                    None
                }
                Event::Head { stream, status, ends } => {
                    self.findings.note_first_byte(&mut connection.facts, now);
                    if let Some(ticket) = session.ticket(stream) {
                        let check = &self.orders.scenario.requests()[usize::from(ticket.request)].check;
                        ticket.first_byte = now;
                        ticket.status = status;
                        ticket.reading = check.begin();
                    }
                    ends.then_some(stream)
                }
                Event::Body { stream, bytes, ends } => {
                    if let Some(ticket) = session.ticket(stream) {
                        ticket.body_bytes += bytes.len() as u64;
                        if let Some(reading) = &mut ticket.reading {
                            let check = &self.orders.scenario.requests()[usize::from(ticket.request)].check;
                            check.read(reading, bytes);
                        }
                    }
                    ends.then_some(stream)
                }
                Event::End { stream } => Some(stream),
                Event::Reset { stream, code } => {
                    self.reset_http2(connection, stream, code, now);
                    None
                }
                Event::Malformed { stream } => {
                    if let Some(ticket) = session.finish(stream) {
                        self.in_flight -= 1;
                        connection.facts.lost += 1;
                        self.record(&ticket, connection, Outcome::Lost(Lost::Malformed), now);
                    }
                    None
                }
                Event::GoAway(goaway) => {
                    self.goaway_http2(connection, &goaway);
                    None
                }
            };
            if let Some(stream) = over
                && let Codec::Http2(session) = &mut connection.codec
                && let Some(ticket) = session.finish(stream)
            {
                self.answered(ticket, connection, now);
            }
        }
        let Codec::Http2(session) = &mut connection.codec else {
            return Ok(());
        };
        if session.is_used_up() {
            connection.leaving = true;
        }
        if let Some(max) = connection.requests_max
            && !connection.leaving
            && session.open_streams() == 0
            && connection.facts.sent >= max
        {
            // The server takes more than it did before.
            connection.requests_max = None;
            self.clients[connection.client].forget_line();
        }
        if connection.leaving && session.open_streams() == 0 {
            let _ = connection.flush();
            return Err(self.left(connection));
        }
        Ok(())
    }

    /// The server broke the protocol: it is told so, as far as it still reads.
    fn break_off(&mut self, connection: &mut Connection) -> Closing {
        crate::http2::frame::goaway(code::PROTOCOL_ERROR, &mut connection.out);
        let _ = connection.flush();
        Closing::Malformed
    }

    fn reset_http2(&mut self, connection: &mut Connection, stream: u32, reason: u32, now: u64) {
        let Codec::Http2(session) = &mut connection.codec else {
            return;
        };
        let Some(mut ticket) = session.finish(stream) else {
            return;
        };
        self.in_flight -= 1;
        if reason != code::REFUSED_STREAM {
            connection.facts.lost += 1;
            return self.record(&ticket, connection, Outcome::Lost(Lost::StreamReset), now);
        }
        if ticket.refused >= self.orders.config.limits.refused_max {
            connection.facts.lost += 1;
            return self.record(&ticket, connection, Outcome::Lost(Lost::Refused), now);
        }
        ticket.refused += 1;
        self.send_again(ticket, connection.client, Resent::RefusedStream);
    }

    /// The server leaves. The last GOAWAY decides, so those that it takes back later are sent again later.
    fn goaway_http2(&mut self, connection: &mut Connection, goaway: &GoAway) {
        let Codec::Http2(session) = &mut connection.codec else {
            return;
        };
        connection.leaving = true;
        let above = session.take_above(goaway.last_stream);
        if goaway.code == code::NO_ERROR && goaway.last_stream > 0 && !above.is_empty() {
            // Ours have odd numbers, from 1.
            let requests = u64::from(goaway.last_stream.div_ceil(2));
            let in_flight_max = self.orders.config.streams;
            self.clients[connection.client].note_line(requests, in_flight_max);
        }
        let has_served = goaway.last_stream > 0 || connection.facts.answered > 0;
        for mut ticket in above {
            self.in_flight -= 1;
            if !has_served {
                ticket.refused += 1;
            }
            if ticket.refused > self.orders.config.limits.refused_max {
                connection.facts.lost += 1;
                let now = self.now();
                self.record(&ticket, connection, Outcome::Lost(Lost::Refused), now);
            } else {
                self.send_again(ticket, connection.client, Resent::AboveGoAway);
            }
        }
    }

    /// Gives up what was not answered in time; true if there was any.
    pub(super) fn time_out_http2(&mut self, connection: &mut Connection, request: u64, now: u64) -> bool {
        let Codec::Http2(session) = &mut connection.codec else {
            return false;
        };
        // The oldest come first, so the first that is in time ends it.
        let late: Vec<u32> = session
            .open_tickets()
            .take_while(|(_, ticket)| now.saturating_sub(ticket.sent) > request)
            .map(|(stream, _)| stream)
            .collect();
        for stream in &late {
            let Codec::Http2(session) = &mut connection.codec else {
                return false;
            };
            if let Some(ticket) = session.cancel(*stream, &mut connection.out) {
                self.in_flight -= 1;
                connection.facts.lost += 1;
                self.record(&ticket, connection, Outcome::Lost(Lost::Timeout), now);
            }
        }
        !late.is_empty()
    }

    /// Settles the requests of a connection that is over; says how many are lost.
    pub(super) fn settle_http2(&mut self, connection: &mut Connection, closing: Closing, now: u64) -> u32 {
        let Codec::Http2(session) = &mut connection.codec else {
            return 0;
        };
        let has_error = session
            .goaway()
            .is_some_and(|goaway| goaway.code != code::NO_ERROR);
        let reason = match closing {
            Closing::Ours => Lost::Cut,
            Closing::Timeout => Lost::Timeout,
            Closing::Malformed => Lost::Malformed,
            _ if has_error => Lost::GoAway,
            Closing::Reset => Lost::ConnectionReset,
            Closing::SaidClose
            | Closing::GoAway
            | Closing::GoAwayError(_)
            | Closing::Bare
            | Closing::Idle => Lost::Closed,
        };
        let open = session.take_above(0);
        let lost = open.len() as u32;
        for ticket in open {
            self.in_flight -= 1;
            self.record(&ticket, connection, Outcome::Lost(reason), now);
        }
        lost + connection.facts.lost
    }
}
