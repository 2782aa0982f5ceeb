//! **The one loop**: a thread, its connections, and what it learns. It shares nothing with the others.
//!
//! Level-triggered: a read that was shorter than the buffer is not tried again, and the kernel is told nothing in the
//! steady state. Answers are followed by the next requests at once, in the same turn, with one write for all of them.
//! When requests start is decided by the [`Source`], how they are written by the codecs; the loop is the same for all.

mod address;
mod begin;
pub(crate) mod client;
mod closing;
pub(crate) mod connection;
pub(crate) mod exchange;
mod facts;
mod http1;
mod http2;
mod lifecycle;
mod reading;
mod source;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    io,
    ops::Range,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

pub(crate) use self::{
    facts::{Bytes, Findings, Listed},
    source::total,
};
use crate::{
    config::{Config, Protocol},
    dial::Peer,
    ending::Ending,
    outcome::Outcome,
    poll::Poll,
    recorder::Recorder,
    sample::{Sample, Ticket},
    scenario::Scenario,
    tls::Dialect,
    watch::Watch,
    worker::{
        address::Addresses,
        client::Client,
        connection::Connection,
        exchange::{Scratch, Wording},
        source::Source,
    },
};

/// Bytes read at once. A body of 155 kB takes one read instead of twenty.
const BUFFER_BYTES: usize = 256 * 1_024;

/// How often timeouts are looked for and the [`Watch`] is told.
const SWEEP: Duration = Duration::from_millis(100);

/// What all threads are given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orders<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) config: &'a Config,
    pub(crate) ending: &'a Ending,
    pub(crate) wording: &'a Wording,
    pub(crate) peers: &'a [Peer],
    pub(crate) dialect: Option<&'a Dialect>,
    /// What is spoken; in TLS, ALPN may still decide.
    pub(crate) protocol: Protocol,
    pub(crate) watch: &'a Watch,
}

/// One thread.
pub(crate) struct Worker<'a> {
    orders: Orders<'a>,
    /// The zero of all times, the same for all threads.
    began: Instant,
    poll: Poll,
    source: Source,
    clients: Vec<Client>,
    connections: Vec<Option<Box<Connection>>>,
    free: Vec<usize>,
    /// Clients that could take a scheduled request, the one that has waited longest first.
    ready: VecDeque<usize>,
    /// Clients that connect again, by their time.
    redials: BinaryHeap<Reverse<(u64, usize)>>,
    recorder: Recorder,
    findings: Findings,
    buffer: Vec<u8>,
    plain: Vec<u8>,
    scratch: Scratch,
    in_flight: u64,
    connecting: u64,
    connections_made: u32,
    addresses: Addresses,
    tokens: u64,
    /// When a scheduled request could not be sent for want of room, if that is so.
    starved_since: Option<u64>,
    /// How many clients are not [`Dead`](client::State::Dead).
    alive: usize,
    next_sweep: u64,
    sweep_ns: u64,
    /// Time in which requests were under way, or a connection for them was being made.
    active: u64,
    /// When requests were last answered, as far as [`Worker::count`] has seen.
    answered_at: u64,
    cut: bool,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(
        orders: Orders<'a>,
        source: Source,
        thread: usize,
        numbers: Range<u32>,
    ) -> io::Result<Worker<'a>> {
        let config = orders.config;
        Ok(Worker {
            poll: Poll::new()?,
            // Every n-th number, so that no two threads give the same.
            connections_made: thread as u32,
            source,
            clients: numbers.clone().map(Client::new).collect(),
            connections: Vec::new(),
            free: Vec::new(),
            ready: VecDeque::new(),
            redials: BinaryHeap::new(),
            recorder: Recorder::new(
                orders.scenario.requests().len(),
                config.limits.slowest_listed_max,
                orders.ending.warm_up_ns(),
                config.samples.clone(),
            ),
            findings: Findings::new(config.limits.connections_listed_max),
            buffer: vec![0; BUFFER_BYTES],
            plain: if orders.dialect.is_some() {
                vec![0; BUFFER_BYTES]
            } else {
                Vec::new()
            },
            scratch: Scratch::default(),
            in_flight: 0,
            connecting: 0,
            addresses: Addresses::new(orders.peers.len()),
            tokens: 0,
            starved_since: None,
            alive: numbers.len(),
            next_sweep: 0,
            // Fine enough for the shortest timeout.
            sweep_ns: (config.timeouts.request.min(config.timeouts.connect) / 8)
                .clamp(Duration::from_millis(1), SWEEP)
                .as_nanos() as u64,
            active: 0,
            answered_at: 0,
            cut: false,
            began: Instant::now(),
            orders,
        })
    }

    pub(crate) fn source(
        arrivals: &crate::arrivals::Arrivals,
        ending: &Ending,
        numbers: Range<u32>,
        clients: u32,
    ) -> Source {
        Source::new(arrivals, ending, numbers, clients)
    }

    /// Runs to the end, and says what was learned.
    pub(crate) fn run(mut self, began: Instant) -> io::Result<(Recorder, Findings)> {
        self.began = began;
        let began = self.now();
        let cpu_began = cpu_ns();
        let end = self.orders.ending.end_ns().unwrap_or(u64::MAX);
        let mut is_warm_up = self.orders.ending.warm_up_ns() > 0;
        for client in 0..self.clients.len() {
            if !self.source.is_open_loop() {
                let users = self.orders.config.streams as usize;
                self.clients[client]
                    .wanting
                    .extend(std::iter::repeat_n(began, users));
            }
            self.connect(client, began);
        }
        let mut now = began;
        while !self.is_over(now) {
            let (at_most, precise) = self.patience(now);
            let (before, is_active) = (now, self.in_flight + self.connecting > 0);
            let events = self.poll.wait(at_most, precise)?;
            let woken = self.now();
            for at in 0..events {
                if let Some(happened) = self.poll.happened(at) {
                    self.happened(happened);
                }
            }
            now = self.now();
            if events > 0 {
                self.findings.loop_lag.record(now - woken);
            }
            self.turn(now);
            now = self.now();
            if is_active {
                self.active += now - before;
            }
            // What is waited for in vain after the end is no time of the measurement.
            if before < end || self.recorder.last_answered > self.answered_at {
                self.answered_at = self.recorder.last_answered;
                self.findings.active = self.active;
                self.findings.counted_until = now;
            }
            if is_warm_up && now >= self.orders.ending.warm_up_ns() {
                is_warm_up = false;
                self.findings.warm_up_traffic = self.traffic();
                // This turn began within it, and ends behind it.
                let behind = if is_active {
                    now - self.orders.ending.warm_up_ns()
                } else {
                    0
                };
                self.findings.warm_up_active = self.active.saturating_sub(behind);
            }
        }
        self.close_all(now);
        if is_warm_up {
            self.findings.warm_up_traffic = self.traffic();
            self.findings.warm_up_active = self.active;
        }
        // From the zero of the schedule, so that no time of a request is longer.
        self.findings.elapsed = now;
        self.findings.cpu = cpu_ns().saturating_sub(cpu_began);
        self.findings.unsent = self.source.unsent(now);
        self.findings.note_clients(&self.clients, now);
        self.recorder.finish();
        self.recorder.tally.bytes_so_far = self.findings.traffic.received;
        self.orders.watch.add(&mut self.recorder.tally, 0);
        Ok((self.recorder, self.findings))
    }

    #[inline]
    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// What is due whether something happened or not.
    fn turn(&mut self, now: u64) {
        while let Some(Reverse((at, client))) = self.redials.peek().copied() {
            if at > now {
                break;
            }
            self.redials.pop();
            self.connect(client, now);
        }
        if self.source.is_open_loop() {
            self.dispatch(now);
        }
        if now >= self.next_sweep {
            self.next_sweep = now + self.sweep_ns;
            self.sweep(now);
        }
    }

    /// How long to wait at most, and whether a millisecond more would be too much.
    fn patience(&self, now: u64) -> (Duration, bool) {
        let mut until = self.next_sweep;
        if let Some(Reverse((at, _))) = self.redials.peek() {
            until = until.min(*at);
        }
        let mut precise = false;
        if let Some(at) = self.source.next_at().filter(|at| *at < until)
            && (at > now || !self.ready.is_empty())
        {
            until = at;
            precise = true;
        }
        (Duration::from_nanos(until.saturating_sub(now)), precise)
    }

    fn is_over(&self, now: u64) -> bool {
        if self.cut {
            return true;
        }
        if self.in_flight > 0 {
            return false;
        }
        self.alive == 0
            || self.source.is_over(now) && self.clients.iter().all(|client| client.again.is_empty())
    }

    /// Sends what is due on the clients that have room, in turn.
    fn dispatch(&mut self, now: u64) {
        let mut touched = Vec::new();
        while self.source.has(now) {
            let Some(client) = self.ready.pop_front() else {
                self.starved_since.get_or_insert(now);
                break;
            };
            self.clients[client].is_listed = false;
            let Some(slot) = self.clients[client].connection else {
                continue;
            };
            let Some(mut connection) = self.connections[slot].take() else {
                continue;
            };
            if self.room(&connection) > 0 {
                self.begin_next(&mut connection, now);
                if self.room(&connection) > 0 {
                    self.list(client);
                }
                if touched.last() != Some(&slot) {
                    touched.push(slot);
                }
            }
            self.connections[slot] = Some(connection);
        }
        if !self.source.has(now) {
            self.starved_since = None;
        }
        touched.sort_unstable();
        touched.dedup();
        for slot in touched {
            if let Some(mut connection) = self.connections[slot].take() {
                let end = self.write_out(&mut connection, now);
                self.put_back(slot, connection, end, now);
            }
        }
    }

    /// Bytes of all connections so far.
    fn traffic(&self) -> Bytes {
        let mut sum = self.findings.traffic;
        for connection in self.connections.iter().flatten() {
            sum.add(connection.bytes());
        }
        sum
    }

    /// A client that could take a scheduled request.
    fn list(&mut self, client: usize) {
        if self.source.is_open_loop() && !self.clients[client].is_listed {
            self.clients[client].is_listed = true;
            self.ready.push_back(client);
        }
    }

    /// A request is over, answered or not.
    #[inline]
    fn record(&mut self, ticket: &Ticket, connection: &Connection, outcome: Outcome, now: u64) {
        self.record_as(ticket, connection.client, connection.number, outcome, now);
    }

    fn record_as(&mut self, ticket: &Ticket, client: usize, connection: u32, outcome: Outcome, now: u64) {
        let sent = if ticket.sent == 0 { now } else { ticket.sent };
        let first_byte = if ticket.first_byte == 0 {
            now
        } else {
            ticket.first_byte
        };
        let sample = Sample {
            index: ticket.index,
            connection,
            scheduled_ns: ticket.scheduled,
            sent_ns: sent,
            first_byte_ns: first_byte,
            done_ns: now,
            body_bytes: ticket.body_bytes,
            status: ticket.status,
            resent: ticket.resent,
            outcome,
        };
        self.recorder.record(&sample, ticket.request);
        if outcome != Outcome::Ok && self.orders.ending.is_at_failure() {
            self.orders.watch.fail();
            self.source.stop();
        }
        let client = &mut self.clients[client];
        match outcome {
            Outcome::Ok | Outcome::HttpError | Outcome::FailedCheck => {
                client.answered += 1;
                client.last_answer = now;
            }
            Outcome::Lost(_) => {}
        }
        if !self.source.is_open_loop() {
            client.wanting.push_back(now);
        }
    }
}

fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
