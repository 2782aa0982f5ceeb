//! What one thread learns beside its requests: connections, how they ended, and whether it was fast enough itself.

use std::collections::BTreeMap;

use crate::{
    config::Protocol,
    limit::{Closing, Counted},
    recorder::Times,
    worker::{
        client::Client,
        connection::{Codec, Connection, Facts},
    },
};

/// Everything one thread knows that is not a request.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) elapsed: u64,
    /// Time in which requests were under way, or a connection for them was being made; after the end of a duration,
    /// only until the last answer.
    pub(crate) active: u64,
    /// Of that, before the measurement began.
    pub(crate) warm_up_active: u64,
    /// Until when that was counted.
    pub(crate) counted_until: u64,
    pub(crate) cpu: u64,
    pub(crate) unsent: u64,
    pub(crate) loop_lag: Times,
    pub(crate) connect: Times,
    pub(crate) tls: Times,
    pub(crate) first_byte: Times,
    pub(crate) connections: u64,
    pub(crate) listed: Vec<Listed>,
    listed_max: usize,
    pub(crate) closings: BTreeMap<Closing, Counted>,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) traffic: Bytes,
    /// Of that, before the measurement began.
    pub(crate) warm_up_traffic: Bytes,
    pub(crate) stalled: u64,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) tls_version: Option<&'static str>,
    pub(crate) tls_suite: Option<&'static str>,
    /// The smallest number of streams that a server allowed, and when it was first said.
    pub(crate) allowed: Option<u32>,
    /// Later changes: time and number, as many as are worth reading.
    pub(crate) allowed_changes: Vec<(u64, u32)>,
    /// Requests a second of each client.
    pub(crate) client_rates: Vec<f64>,
    /// The smallest number of requests that a connection was held to, because others were cut off there.
    pub(crate) held_to: Option<u64>,
    /// Connections that answered no more than this may have been cut off at it.
    pub(crate) most_answered: u64,
}

/// Bytes, as they went over the wire.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bytes {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) heads: u64,
    /// Of heads, not compressed.
    pub(crate) heads_plain: u64,
}

impl Bytes {
    pub(crate) fn add(&mut self, more: Bytes) {
        self.received += more.received;
        self.sent += more.sent;
        self.heads += more.heads;
        self.heads_plain += more.heads_plain;
    }

    pub(crate) fn since(self, before: Bytes) -> Bytes {
        Bytes {
            received: self.received - before.received,
            sent: self.sent - before.sent,
            heads: self.heads - before.heads,
            heads_plain: self.heads_plain - before.heads_plain,
        }
    }
}

/// Changes of the allowed streams that are kept.
const CHANGES_MAX: usize = 16;

/// Different reasons of failed connections that are told apart.
const FAILURES_MAX: usize = 16;

/// One connection, when it is over.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) number: u32,
    pub(crate) client: u32,
    pub(crate) dialled: u64,
    pub(crate) connect: u64,
    pub(crate) tls: u64,
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) closed: u64,
    pub(crate) bytes_in: u64,
    pub(crate) stalled: u64,
    pub(crate) closing: Closing,
    pub(crate) last_stream: Option<u32>,
    pub(crate) debug: Option<String>,
}

impl Findings {
    pub(crate) fn new(listed_max: usize) -> Findings {
        Findings {
            elapsed: 0,
            active: 0,
            warm_up_active: 0,
            counted_until: 0,
            cpu: 0,
            unsent: 0,
            loop_lag: Times::new(),
            connect: Times::new(),
            tls: Times::new(),
            first_byte: Times::new(),
            connections: 0,
            listed: Vec::new(),
            listed_max,
            closings: BTreeMap::new(),
            failures: BTreeMap::new(),
            traffic: Bytes::default(),
            warm_up_traffic: Bytes::default(),
            stalled: 0,
            protocol: None,
            tls_version: None,
            tls_suite: None,
            allowed: None,
            allowed_changes: Vec::new(),
            client_rates: Vec::new(),
            held_to: None,
            most_answered: 0,
        }
    }

    /// A connection is sent no more than so many requests.
    pub(crate) fn note_held(&mut self, requests: u64) {
        self.held_to = Some(self.held_to.map_or(requests, |before| before.min(requests)));
    }

    /// A connection could not be made.
    pub(crate) fn note_failure(&mut self, reason: String) {
        if self.failures.len() >= FAILURES_MAX && !self.failures.contains_key(&reason) {
            *self.failures.entry("other reasons".to_owned()).or_default() += 1;
            return;
        }
        *self.failures.entry(reason).or_default() += 1;
    }

    /// An answer's first byte is there. The connection's first is counted: what the server says unasked, such as the
    /// SETTINGS of HTTP/2, is none.
    #[inline]
    pub(crate) fn note_first_byte(&mut self, facts: &mut Facts, now: u64) {
        if facts.first_byte == 0 {
            facts.first_byte = now;
            self.first_byte.record(now.saturating_sub(facts.dialled));
        }
    }

    /// The server has said how many streams it allows.
    pub(crate) fn note_allowed(&mut self, streams: u32, now: u64, is_change: bool) {
        self.allowed = Some(self.allowed.map_or(streams, |before| before.min(streams)));
        if is_change && self.allowed_changes.len() < CHANGES_MAX {
            self.allowed_changes.push((now, streams));
        }
    }

    /// A connection is over.
    pub(crate) fn note_connection(
        &mut self,
        connection: &Connection,
        client: u32,
        closing: Closing,
        last_stream: Option<u32>,
        debug: Option<String>,
        now: u64,
    ) {
        let facts = &connection.facts;
        self.traffic.add(connection.bytes());
        let stalled = match &connection.codec {
            Codec::Http2(session) => session.stalled_ns(now),
            Codec::None | Codec::Http1(_) => 0,
        };
        self.stalled += stalled;
        if facts.ready == 0 {
            return;
        }
        self.most_answered = self.most_answered.max(facts.answered);
        self.closings.entry(closing).or_default().add(facts.answered);
        if self.listed.len() < self.listed_max {
            self.listed.push(Listed {
                number: connection.number,
                client,
                dialled: facts.dialled,
                connect: facts.connected.saturating_sub(facts.dialled),
                tls: facts.ready.saturating_sub(facts.connected),
                sent: facts.sent,
                answered: facts.answered,
                closed: now,
                bytes_in: facts.bytes_in,
                stalled,
                closing,
                last_stream,
                debug,
            });
        }
    }

    pub(crate) fn note_clients(&mut self, clients: &[Client], now: u64) {
        self.client_rates = clients
            .iter()
            .map(|client| {
                let end = if client.last_answer > 0 {
                    client.last_answer
                } else {
                    now
                };
                let span = end.saturating_sub(client.began) as f64 / 1e9;
                if span > 0.0 {
                    client.answered as f64 / span
                } else {
                    0.0
                }
            })
            .collect();
    }
}
