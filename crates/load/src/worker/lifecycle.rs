//! A connection from its first packet to its last: dialled, greeted, read, written, timed, closed.

use std::cmp::Reverse;

use super::{
    Worker,
    client::State,
    connection::{Codec, Connection, Facts, Http1, Phase},
};
use crate::{
    config::{Bodies, Protocol},
    dial,
    http1::Reader,
    http2::{Options, Session, frame},
    limit::Closing,
    outcome::{Lost, Outcome, Resent},
    poll::{Happened, Interest},
    sample::Ticket,
};

/// How long a client waits after its first failure; twice as long after each further one.
const BACKOFF_NS: u64 = 50_000_000;
const BACKOFF_MAX_NS: u64 = 1_000_000_000;

/// A server that leaves so long after its last answer has other reasons than their number.
const IDLE_NS: u64 = 500_000_000;

/// Connections of one client that take no more requests and still have some under way.
const LEAVING_MAX: u32 = 16;

/// Where bodies are dropped, so much is read to see a head; it holds most small answers whole.
const DISCARD_HEAD_BYTES: usize = 16 * 1_024;

/// Why a connection is over.
pub(super) type Over = Result<(), Closing>;

impl Worker<'_> {
    /// Makes a connection for a client that needs one.
    pub(super) fn connect(&mut self, client: usize, now: u64) {
        let peer = &self.orders.peers[self.clients[client].address % self.orders.peers.len()];
        let number = self.connections_made;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        self.tokens = self.tokens.wrapping_add(1);
        // The slot finds the connection, the rest tells it from an older one whose events are still on their way.
        let token = (self.tokens & 0x7fff_ffff) << 32 | slot as u64;
        let dialled = dial::dial(peer).and_then(|socket| {
            self.poll.add(&socket, token, Interest::ReadAndWrite)?;
            Ok(socket)
        });
        let socket = match dialled {
            Ok(socket) => socket,
            Err(error) => {
                self.free.push(slot);
                self.findings.note_failure(format!("connect: {error}"));
                return self.failed_to_connect(client, now);
            }
        };
        self.connections_made += self.orders.config.threads as u32;
        self.findings.connections += 1;
        self.connecting += 1;
        let state = &mut self.clients[client];
        if state.began == 0 {
            state.began = now;
        }
        state.state = State::Up;
        state.connection = Some(slot);
        self.connections[slot] = Some(Box::new(Connection {
            socket,
            number,
            client,
            token,
            phase: Phase::Connecting,
            tls: None,
            codec: Codec::None,
            out: Vec::new(),
            out_at: 0,
            waits_to_write: true,
            leaving: false,
            last_activity: now,
            facts: Facts {
                dialled: now,
                ..Facts::default()
            },
        }));
    }

    /// Makes one where there is none and it is needed.
    pub(super) fn ensure(&mut self, client: usize, now: u64) {
        let is_needed = !self.source.is_over(now) || !self.clients[client].again.is_empty();
        let state = &mut self.clients[client];
        match state.state {
            State::Dead | State::Waiting(_) => return,
            State::Up if state.connection.is_some() => return,
            State::Up | State::Done => {}
        }
        if !is_needed {
            state.state = State::Done;
        } else if state.leaving < LEAVING_MAX {
            self.connect(client, now);
        }
    }

    pub(super) fn happened(&mut self, happened: Happened) {
        let slot = (happened.token & 0xffff_ffff) as usize;
        let Some(mut connection) = self.connections.get_mut(slot).and_then(Option::take) else {
            return;
        };
        if connection.token != happened.token {
            self.connections[slot] = Some(connection);
            return;
        }
        let mut now = 0;
        let over = match connection.phase {
            Phase::Connecting => {
                now = self.now();
                if happened.writable {
                    self.connected(&mut connection, now)
                } else {
                    Ok(())
                }
            }
            Phase::Handshake | Phase::Open => {
                let mut over = Ok(());
                if happened.readable {
                    over = self.readable(&mut connection, &mut now);
                }
                if over.is_ok() && happened.writable && connection.waits_to_write {
                    now = self.now();
                    over = self.write_out(&mut connection, now);
                }
                over
            }
        };
        if now == 0 {
            now = self.now();
        }
        self.put_back(slot, connection, over, now);
    }

    /// Keeps a connection, or ends it.
    #[inline]
    pub(super) fn put_back(&mut self, slot: usize, connection: Box<Connection>, over: Over, now: u64) {
        if let Err(closing) = over {
            return self.close(slot, connection, closing, now);
        }
        let (client, leaving) = (connection.client, connection.leaving);
        self.connections[slot] = Some(connection);
        if leaving && self.clients[client].connection == Some(slot) {
            self.clients[client].connection = None;
            self.clients[client].leaving += 1;
            self.ensure(client, now);
        }
    }

    /// The socket says how connecting went.
    fn connected(&mut self, connection: &mut Connection, now: u64) -> Over {
        if let Err(error) = dial::outcome(&connection.socket) {
            self.findings.note_failure(format!("connect: {error}"));
            return Err(Closing::Reset);
        }
        connection.facts.connected = now;
        connection.last_activity = now;
        connection.waits_to_write = false;
        if self
            .poll
            .modify(&connection.socket, connection.token, Interest::Read)
            .is_err()
        {
            return Err(Closing::Reset);
        }
        let Some(dialect) = self.orders.dialect else {
            self.greet(connection, self.orders.protocol, now);
            return self.write_out(connection, now);
        };
        match rustls::ClientConnection::new(dialect.config.clone(), dialect.name.clone()) {
            Ok(tls) => connection.tls = Some(Box::new(tls)),
            Err(error) => {
                self.findings.note_failure(format!("TLS: {error}"));
                return Err(Closing::Reset);
            }
        }
        connection.phase = Phase::Handshake;
        self.write_out(connection, now)
    }

    /// The protocol is known: its first words, and the first requests.
    pub(super) fn greet(&mut self, connection: &mut Connection, protocol: Protocol, now: u64) {
        let config = self.orders.config;
        connection.phase = Phase::Open;
        connection.facts.ready = now;
        self.connecting -= 1;
        self.findings
            .connect
            .record(now.saturating_sub(connection.facts.dialled));
        if connection.tls.is_some() {
            self.findings
                .tls
                .record(now.saturating_sub(connection.facts.connected));
        }
        self.findings.protocol = Some(protocol);
        connection.codec = match protocol {
            Protocol::Auto | Protocol::Http1 => Codec::Http1(Http1 {
                reader: Reader::new(config.limits.head_bytes_max, config.limits.informational_max),
                waiting: std::collections::VecDeque::new(),
                closes: false,
            }),
            Protocol::Http2 => Codec::Http2(Box::new(Session::new(
                Options {
                    windows: config.windows,
                    table_bytes: config.header_table_bytes,
                    encoder_table_bytes: config.encoder_table_bytes,
                    head_bytes_max: config.limits.head_bytes_max,
                    informational_max: config.limits.informational_max,
                },
                &mut connection.out,
            ))),
        };
        self.fill(connection, now);
    }

    /// Reads what is there, and follows it with requests.
    #[inline]
    fn readable(&mut self, connection: &mut Connection, now: &mut u64) -> Over {
        // Taken out, so that what is read can be looked at while everything else changes.
        let mut buffer = std::mem::take(&mut self.buffer);
        let over = if connection.tls.is_some() {
            self.read_tls(connection, &mut buffer, now)
        } else {
            self.read_clear(connection, &mut buffer, now)
        };
        self.buffer = buffer;
        over?;
        self.write_out(connection, *now)
    }

    #[inline]
    fn read_clear(&mut self, connection: &mut Connection, buffer: &mut [u8], now: &mut u64) -> Over {
        let discards = self.orders.config.bodies == Bodies::Discard;
        loop {
            let skippable = if discards { self.skippable(connection) } else { 0 };
            let read = if skippable > 0 {
                let most = usize::try_from(skippable).map_or(buffer.len(), |most| most.min(buffer.len()));
                dial::discard(&connection.socket, &mut buffer[..most])
            } else if discards && matches!(connection.codec, Codec::Http1(_)) {
                dial::read(&connection.socket, &mut buffer[..DISCARD_HEAD_BYTES])
            } else {
                dial::read(&connection.socket, buffer)
            };
            *now = self.now();
            let bytes = match read {
                Ok(None) => return Ok(()),
                Ok(Some(0)) => return Err(self.ended(connection, *now)),
                Ok(Some(bytes)) => bytes,
                Err(_) => return Err(Closing::Reset),
            };
            connection.facts.bytes_in += bytes as u64;
            connection.last_activity = *now;
            if skippable > 0 {
                self.skipped(connection, bytes as u64, *now)?;
            } else {
                self.received(connection, &buffer[..bytes], *now)?;
            }
            // The rest of a body is most likely there already.
            if !discards || self.skippable(connection) == 0 {
                return Ok(());
            }
        }
    }

    fn read_tls(&mut self, connection: &mut Connection, buffer: &mut [u8], now: &mut u64) -> Over {
        let read = dial::read(&connection.socket, buffer);
        *now = self.now();
        let bytes = match read {
            Ok(None) => return Ok(()),
            Ok(Some(0)) if connection.phase == Phase::Handshake => {
                self.findings
                    .note_failure("TLS: closed during the handshake".to_owned());
                return Err(Closing::Bare);
            }
            Ok(Some(0)) => return Err(self.ended(connection, *now)),
            Ok(Some(bytes)) => bytes,
            Err(error) => {
                if connection.phase == Phase::Handshake {
                    self.findings.note_failure(format!("TLS: {error}"));
                }
                return Err(Closing::Reset);
            }
        };
        connection.facts.bytes_in += bytes as u64;
        connection.last_activity = *now;
        let mut cipher = &buffer[..bytes];
        while !cipher.is_empty() {
            match connection.take_cipher(cipher) {
                // It takes nothing more after the other side's last word.
                Ok(0) => return Err(self.ended(connection, *now)),
                Ok(taken) => cipher = &cipher[taken..],
                Err(error) => {
                    if connection.phase == Phase::Handshake {
                        self.findings.note_failure(format!("TLS: {error}"));
                    }
                    // What went wrong is said to the server too.
                    let _ = connection.flush();
                    return Err(Closing::Malformed);
                }
            }
            if connection.phase == Phase::Handshake {
                self.shaken(connection, *now)?;
            }
            if connection.phase == Phase::Open {
                self.drain_plain(connection, *now)?;
            }
        }
        Ok(())
    }

    /// Reads all that is decrypted.
    fn drain_plain(&mut self, connection: &mut Connection, now: u64) -> Over {
        let mut plain = std::mem::take(&mut self.plain);
        let over = loop {
            match connection.read_plain(&mut plain) {
                Ok(None) => break Ok(()),
                Ok(Some(0)) => break Err(self.ended(connection, now)),
                Ok(Some(bytes)) => {
                    if let Err(closing) = self.received(connection, &plain[..bytes], now) {
                        break Err(closing);
                    }
                }
                Err(_) => break Err(Closing::Bare),
            }
        };
        self.plain = plain;
        over
    }

    /// Goes on when the handshake is over.
    fn shaken(&mut self, connection: &mut Connection, now: u64) -> Over {
        let Some(tls) = connection.tls.as_ref().filter(|tls| !tls.is_handshaking()) else {
            return Ok(());
        };
        let chosen = tls.alpn_protocol().map(<[u8]>::to_vec);
        connection.facts.tls_version = tls.protocol_version().and_then(|version| version.as_str());
        self.findings.tls_version = connection.facts.tls_version;
        self.findings.tls_suite = tls
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str());
        let protocol = match (chosen.as_deref(), self.orders.protocol) {
            (Some(b"h2"), _) => Protocol::Http2,
            (Some(_), _) | (None, Protocol::Http1 | Protocol::Auto) => Protocol::Http1,
            (None, Protocol::Http2) => {
                self.findings
                    .note_failure("TLS: the server does not choose h2 by ALPN".to_owned());
                return Err(Closing::Malformed);
            }
        };
        self.greet(connection, protocol, now);
        Ok(())
    }

    /// Bytes of the protocol.
    #[inline]
    fn received(&mut self, connection: &mut Connection, bytes: &[u8], now: u64) -> Over {
        if connection.facts.first_byte == 0 {
            connection.facts.first_byte = now;
            self.findings
                .first_byte
                .record(now.saturating_sub(connection.facts.dialled));
        }
        match connection.codec {
            Codec::Http1(_) => self.received_http1(connection, bytes, now)?,
            Codec::Http2(_) => self.received_http2(connection, bytes, now)?,
            Codec::None => return Err(Closing::Malformed),
        }
        self.fill(connection, now);
        Ok(())
    }

    /// The other side has said its last word.
    fn ended(&mut self, connection: &mut Connection, now: u64) -> Closing {
        match &connection.codec {
            Codec::Http1(_) => self.ended_http1(connection, now),
            Codec::Http2(session) => match session.goaway() {
                Some(goaway) if goaway.code == frame::code::NO_ERROR => Closing::GoAway,
                Some(goaway) => Closing::GoAwayError(goaway.code),
                None => Closing::Bare,
            },
            Codec::None => Closing::Bare,
        }
    }

    /// Writes as much as goes, and asks to be told when more does.
    #[inline]
    pub(super) fn write_out(&mut self, connection: &mut Connection, now: u64) -> Over {
        let flushed = loop {
            if let Codec::Http2(session) = &mut connection.codec
                && session.has_uploads()
            {
                session.upload(now, &mut connection.out);
            }
            let was_empty = connection.out.is_empty();
            match connection.flush() {
                Ok(true) if !was_empty && connection.has_uploads() => {}
                flushed => break flushed,
            }
        };
        let is_done = match flushed {
            Ok(is_done) => is_done,
            Err(_) => {
                // The server has closed its side. What it said before is still to be read, and then its end.
                connection.leaving = true;
                connection.out.clear();
                connection.out_at = 0;
                true
            }
        };
        if is_done == connection.waits_to_write {
            connection.waits_to_write = !is_done;
            let interest = if is_done {
                Interest::Read
            } else {
                Interest::ReadAndWrite
            };
            if self
                .poll
                .modify(&connection.socket, connection.token, interest)
                .is_err()
            {
                return Err(Closing::Reset);
            }
        }
        Ok(())
    }

    /// A connection is over: its requests are settled, and its client gets another if it needs one.
    fn close(&mut self, slot: usize, mut connection: Box<Connection>, closing: Closing, now: u64) {
        let client = connection.client;
        let silence = now.saturating_sub(connection.facts.last_answer);
        let closing = match closing {
            Closing::Bare | Closing::GoAway if connection.in_flight() == 0 && silence > IDLE_NS => {
                Closing::Idle
            }
            closing => closing,
        };
        if connection.facts.ready == 0 {
            self.connecting -= 1;
        }
        let lost = self.settle(&mut connection, closing, now);
        let goaway = match &connection.codec {
            Codec::Http2(session) => session.goaway().cloned(),
            Codec::None | Codec::Http1(_) => None,
        };
        self.findings.note_codec(&mut connection, now);
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
        if has_served || closing == Closing::Ours {
            self.clients[client].failures = 0;
            self.ensure(client, now);
        } else if was_current {
            self.failed_to_connect(client, now);
        } else {
            self.ensure(client, now);
        }
    }

    /// A connection of this client came to nothing.
    fn failed_to_connect(&mut self, client: usize, now: u64) {
        let is_timed = self.orders.ending.span().is_some();
        let attempts_max = self.orders.config.limits.connect_attempts_max;
        let is_needed = !self.source.is_over(now) || !self.clients[client].again.is_empty();
        let state = &mut self.clients[client];
        state.failures += 1;
        state.address += 1;
        if !is_needed {
            state.state = State::Done;
            return;
        }
        // A server that was there may come back before the time is over; one that never was is not waited for.
        if state.failures >= attempts_max && !(is_timed && state.answered > 0) {
            state.state = State::Dead;
            self.alive -= 1;
            let number = self.clients[client].number;
            while let Some(ticket) = self.clients[client].again.pop_front() {
                self.record_as(ticket, client, number, Outcome::Lost(Lost::Unreachable), now);
            }
            self.clients[client].wanting.clear();
            return;
        }
        let wait = (BACKOFF_NS << (state.failures - 1).min(10)).min(BACKOFF_MAX_NS);
        state.state = State::Waiting(now + wait);
        self.redials.push(Reverse((now + wait, client)));
    }

    /// Looks for what has taken too long, and whether somebody wants the run to end.
    pub(super) fn sweep(&mut self, now: u64) {
        self.orders.watch.add(&mut self.recorder.tally, self.in_flight);
        if self.orders.watch.is_stopped() {
            self.source.stop();
            self.cut = true;
            return;
        }
        let timeouts = self.orders.config.timeouts;
        let request = timeouts.request.as_nanos() as u64;
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
                self.findings.note_failure("connect: timed out".to_owned());
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
            self.findings.note_codec(&mut connection, now);
            self.findings
                .note_connection(&connection, number, closing, None, None, now);
        }
        for client in 0..self.clients.len() {
            let number = self.clients[client].number;
            while let Some(ticket) = self.clients[client].again.pop_front() {
                self.record_as(ticket, client, number, Outcome::Lost(Lost::Cut), now);
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
