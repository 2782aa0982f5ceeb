//! A connection while it lives: dialled, greeted, written; what is read is `reading`'s, how it ends `closing`'s.

use super::{
    Worker,
    client::State,
    connection::{Codec, Connection, Facts, Http1, Phase},
};
use crate::{
    config::Protocol,
    dial,
    http1::Reader,
    http2::{Options, Session},
    limit::Closing,
    poll::{Happened, Interest},
};

/// Connections of one client that take no more requests and still have some under way.
const LEAVING_MAX: u32 = 16;

/// Why a connection is over.
pub(super) type Over = Result<(), Closing>;

impl Worker<'_> {
    /// Makes a connection for a client that needs one.
    pub(super) fn connect(&mut self, client: usize, now: u64) {
        let peer = &self.orders.peers[self.addresses.of(self.clients[client].addresses_failed)];
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
        self.connecting += 1;
        let state = &mut self.clients[client];
        if state.began == 0 {
            state.began = now;
        }
        state.state = State::Up;
        state.connection = Some(slot);
        let requests_max = state.requests_max;
        if let Some(max) = requests_max {
            self.findings.note_held(max);
        }
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
            requests_max,
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
        if leaving {
            if self.clients[client].connection == Some(slot) {
                self.clients[client].connection = None;
                self.clients[client].leaving += 1;
                self.ensure(client, now);
            }
            self.hand_over(client, now);
        }
    }

    /// What a leaving connection gave back, and the users that it has answered, go to the one that took its place,
    /// which may have nothing else to wake it.
    pub(super) fn hand_over(&mut self, client: usize, now: u64) {
        if !self.is_wanted(client, now) {
            return;
        }
        let Some(slot) = self.clients[client].connection else {
            return;
        };
        let Some(mut connection) = self.connections[slot].take() else {
            return;
        };
        let mut over = Ok(());
        if self.room(&connection) > 0 {
            self.fill(&mut connection, now);
            over = self.write_out(&mut connection, now);
        }
        self.put_back(slot, connection, over, now);
    }

    /// The socket says how connecting went.
    fn connected(&mut self, connection: &mut Connection, now: u64) -> Over {
        if let Err(error) = dial::outcome(&connection.socket) {
            self.findings.note_failure(format!("connect: {error}"));
            return Err(Closing::Reset);
        }
        self.findings.connections += 1;
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
        self.addresses
            .found(self.clients[connection.client].addresses_failed);
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
}
