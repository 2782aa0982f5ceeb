//! What a run has shown: counts that reconcile, times, limits found, and whether to believe it.
//!
//! [`text`] writes it for people and for scripts made for h2load, [`json`] for programs.

pub mod hdr;
pub mod json;
pub mod self_check;
#[cfg(test)]
mod tests;
pub mod text;

use std::collections::BTreeMap;

use crate::{
    arrivals::Arrivals,
    config::{Config, Protocol},
    ending::Ending,
    limit::{Closing, Counted, Limit},
    outcome::{Lost, Resent},
    recorder::{ByRequest, Recorder, Slow, Times},
    sample::trace_id,
    scenario::Scenario,
    summary::self_check::SelfCheck,
    worker::Findings,
};

/// What a run has shown.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Scheme and authority that were asked.
    pub target: String,
    /// What was spoken, if anything was.
    pub protocol: Option<Protocol>,
    /// Version and cipher suite of TLS.
    pub tls: Option<(&'static str, &'static str)>,
    /// As asked for.
    pub threads: usize,
    /// As asked for.
    pub clients: u32,
    /// As asked for, on each connection.
    pub streams: u32,
    /// Whether requests waited for answers.
    pub is_closed_loop: bool,
    /// What became of bodies.
    pub bodies: Handling,
    /// Whether somebody ended the run.
    pub was_stopped: bool,
    /// From the first connection to the end.
    pub elapsed_ns: u64,
    /// The time in which requests were outstanding: what throughput is over.
    pub active_ns: u64,
    /// Requests by how they ended.
    pub totals: Totals,
    /// Answers by their status.
    pub statuses: BTreeMap<u16, u64>,
    /// Bytes.
    pub traffic: Traffic,
    /// From when a request was meant to start to the end of its answer.
    pub response: Times,
    /// From when it was sent to the end of its answer.
    pub service: Times,
    /// From when it was sent to the first byte of its answer.
    pub first_byte: Times,
    /// How long requests waited for a stream or a connection.
    pub slot_wait: Times,
    /// How much later than scheduled requests were sent, where nothing but ourselves was in the way.
    pub send_lag: Times,
    /// How long one turn of the loop took.
    pub loop_lag: Times,
    /// To connect, TLS included.
    pub connect: Times,
    /// The handshake alone.
    pub tls_handshake: Times,
    /// From dialling to the first byte of the first answer.
    pub connection_first_byte: Times,
    /// Answers a second, by client.
    pub client_rates: Vec<f64>,
    /// Connections made.
    pub connections: u64,
    /// Those that there is room for.
    pub connection_list: Vec<Connection>,
    /// How connections ended.
    pub closings: BTreeMap<Closing, Counted>,
    /// Connections that could not be made, by reason.
    pub connect_failures: BTreeMap<String, u64>,
    /// A limit that the connections tell of.
    pub limit: Option<Limit>,
    /// Requests that we held connections to, because the server had cut off two of a client there.
    pub held_to: Option<u64>,
    /// Streams that the server allows at once: the smallest number it has said.
    pub streams_allowed: Option<u32>,
    /// Later changes of it: when, and to what.
    pub streams_allowed_changes: Vec<(u64, u32)>,
    /// Time in which bodies of requests waited for a window, over all connections.
    pub flow_stalled_ns: u64,
    /// The slowest requests, the worst one first.
    pub slowest: Vec<Slowest>,
    /// By request of the scenario.
    pub by_request: Vec<RequestSummary>,
    /// Whether the rows asked for were written more slowly than requests came.
    pub was_slowed_by_samples: bool,
    /// Whether the generator was the bottleneck.
    pub self_check: SelfCheck,
}

/// What became of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Dropped by the kernel.
    Discarded,
    /// Read and forgotten.
    Read,
    /// Read and compared with what was asked for.
    Checked,
}

/// Requests by how they ended. `asked` is the sum of `ok`, `http_errors`, `failed_checks`, all of `lost`, and `unsent`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// That were to be sent.
    pub asked: u64,
    /// Answered well.
    pub ok: u64,
    /// Answered with another status.
    pub http_errors: u64,
    /// Answered with the wrong body.
    pub failed_checks: u64,
    /// Not answered, by reason; only those that there are.
    pub lost: BTreeMap<Lost, u64>,
    /// Never sent.
    pub unsent: u64,
    /// Sent again, by reason. These are none of the others.
    pub resent: BTreeMap<Resent, u64>,
    /// In the warm-up, and in none of the others.
    pub warm_up: u64,
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Received, as they came.
    pub received: u64,
    /// Sent.
    pub sent: u64,
    /// Of heads, as they came.
    pub heads: u64,
    /// Of heads, not compressed.
    pub heads_plain: u64,
    /// Of bodies.
    pub bodies: u64,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// In the order in which they were made on its thread.
    pub number: u32,
    /// Whose.
    pub client: u32,
    /// When it was dialled.
    pub dialled_ns: u64,
    /// How long TCP took.
    pub connect_ns: u64,
    /// How long TLS took.
    pub tls_ns: u64,
    /// When it was over.
    pub closed_ns: u64,
    /// Requests sent.
    pub sent: u64,
    /// Answers.
    pub answered: u64,
    /// Bytes received.
    pub received: u64,
    /// Time in which bodies waited for a window.
    pub stalled_ns: u64,
    /// How it ended.
    pub closing: Closing,
    /// What GOAWAY named.
    pub last_stream: Option<u32>,
    /// What GOAWAY said.
    pub debug: Option<String>,
}

/// One of the slowest requests.
#[derive(Clone, Debug)]
pub struct Slowest {
    /// Its number.
    pub index: u64,
    /// What was asked for.
    pub path: String,
    /// 0 if there was no answer.
    pub status: u16,
    /// From when it was meant to start.
    pub response_ns: u64,
    /// From when it was sent.
    pub service_ns: u64,
    /// Which connection carried it.
    pub connection: u32,
    /// Its trace, if there is one.
    pub trace_id: Option<u128>,
}

/// One kind of request.
#[derive(Clone, Debug)]
pub struct RequestSummary {
    /// As the scenario calls it.
    pub name: String,
    /// Answered well.
    pub ok: u64,
    /// All others that are over.
    pub other: u64,
    /// Bytes of bodies.
    pub body_bytes: u64,
    /// Response times of the answers, where there are several kinds.
    pub response: Option<Times>,
}

/// What a summary is made of.
pub(crate) struct Parts<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) arrivals: &'a Arrivals,
    pub(crate) ending: &'a Ending,
    pub(crate) config: &'a Config,
    pub(crate) protocol: Protocol,
    pub(crate) bodies: Handling,
    pub(crate) was_stopped: bool,
    pub(crate) threads: Vec<(Recorder, Findings)>,
}

impl Summary {
    /// Answered well, a second, over the time in which requests were outstanding.
    pub fn rate(&self) -> f64 {
        per_second(self.totals.ok, self.active_ns)
    }

    /// Received bytes a second, over the same time.
    pub fn bytes_rate(&self) -> f64 {
        per_second(self.traffic.received, self.active_ns)
    }

    pub(crate) fn new(parts: Parts<'_>) -> Summary {
        let scenario = parts.scenario;
        let is_closed_loop = matches!(parts.arrivals, Arrivals::Closed);
        let mut sum = Sum::new(scenario.requests().len());
        let mut busiest = 0.0_f64;
        for (recorder, findings) in parts.threads {
            busiest = busiest.max(findings.cpu as f64 / findings.counted_until.max(1) as f64);
            sum.add(recorder, findings);
        }
        let Sum {
            recorder,
            findings,
            mut slowest,
            ..
        } = sum;
        let totals = totals(&recorder, &findings);
        let active_ns = if is_closed_loop {
            findings.active
        } else {
            let until = match parts.ending.end_ns() {
                // Who never answers must not make the others slow.
                Some(end) => recorder.last_answered.max(end.min(findings.elapsed)),
                None => recorder.last_done,
            };
            until.saturating_sub(recorder.first_scheduled)
        };
        let is_http2 = findings.protocol == Some(Protocol::Http2);
        slowest.sort_unstable_by(|one, other| other.cmp(one));
        slowest.truncate(parts.config.limits.slowest_listed_max);
        let traffic = findings.traffic.since(findings.warm_up_traffic);
        let mut summary = Summary {
            target: format!(
                "{}://{}",
                scenario.target().scheme.name(),
                scenario.target().authority
            ),
            protocol: findings.protocol.or(match parts.protocol {
                Protocol::Auto => None,
                known => Some(known),
            }),
            tls: findings.tls_version.zip(findings.tls_suite),
            threads: parts.config.threads,
            clients: parts.config.clients,
            streams: parts.config.streams,
            is_closed_loop,
            bodies: parts.bodies,
            was_stopped: parts.was_stopped,
            elapsed_ns: findings.elapsed,
            active_ns,
            totals,
            statuses: recorder
                .statuses
                .iter()
                .enumerate()
                .filter(|(_, count)| **count > 0)
                .map(|(status, count)| (status as u16, *count))
                .collect(),
            traffic: Traffic {
                received: traffic.received,
                sent: traffic.sent,
                heads: traffic.heads,
                heads_plain: traffic.heads_plain,
                bodies: recorder.body_bytes,
            },
            response: recorder.response,
            service: recorder.service,
            first_byte: recorder.first_byte,
            slot_wait: recorder.slot_wait,
            send_lag: recorder.send_lag,
            loop_lag: findings.loop_lag,
            connect: findings.connect,
            tls_handshake: findings.tls,
            connection_first_byte: findings.first_byte,
            client_rates: findings.client_rates,
            connections: findings.connections,
            connection_list: connections(findings.listed, parts.config.limits.connections_listed_max),
            limit: Limit::infer(&findings.closings, findings.most_answered, is_http2),
            closings: findings.closings,
            connect_failures: findings.failures,
            held_to: findings.held_to,
            streams_allowed: findings.allowed,
            streams_allowed_changes: findings.allowed_changes,
            flow_stalled_ns: findings.stalled,
            slowest: slowest
                .into_iter()
                .map(|slow| slowest_of(slow, scenario, parts.config))
                .collect(),
            by_request: scenario
                .requests()
                .iter()
                .zip(recorder.by_request)
                .map(|(request, counted)| RequestSummary {
                    name: request.name.clone(),
                    ok: counted.ok,
                    other: counted.other,
                    body_bytes: counted.body_bytes,
                    response: counted.response,
                })
                .collect(),
            was_slowed_by_samples: recorder.stalled_by_samples,
            self_check: SelfCheck::unknown(),
        };
        let has_rate = match parts.arrivals {
            Arrivals::Closed => false,
            Arrivals::Open(schedule) => !schedule.is_at_once(),
        };
        summary.self_check = SelfCheck::of(&summary, busiest, has_rate);
        summary
    }
}

/// Everything of all threads together.
struct Sum {
    recorder: Recorder,
    findings: Findings,
    slowest: Vec<Slow>,
}

impl Sum {
    fn new(requests: usize) -> Sum {
        Sum {
            recorder: Recorder::new(requests, 0, 0, None),
            findings: Findings::new(usize::MAX),
            slowest: Vec::new(),
        }
    }

    fn add(&mut self, mut recorder: Recorder, findings: Findings) {
        self.slowest.extend(recorder.take_slowest());
        let sum = &mut self.recorder;
        sum.response.add(&recorder.response);
        sum.service.add(&recorder.service);
        sum.first_byte.add(&recorder.first_byte);
        sum.slot_wait.add(&recorder.slot_wait);
        sum.send_lag.add(&recorder.send_lag);
        add_each(&mut sum.statuses[..], &recorder.statuses[..]);
        add_each(&mut sum.lost, &recorder.lost);
        add_each(&mut sum.resent, &recorder.resent);
        sum.ok += recorder.ok;
        sum.http_errors += recorder.http_errors;
        sum.failed_checks += recorder.failed_checks;
        sum.body_bytes += recorder.body_bytes;
        sum.warm_up_requests += recorder.warm_up_requests;
        sum.first_scheduled = sum.first_scheduled.min(recorder.first_scheduled);
        sum.last_done = sum.last_done.max(recorder.last_done);
        sum.last_answered = sum.last_answered.max(recorder.last_answered);
        sum.stalled_by_samples |= recorder.stalled_by_samples;
        for (sum, one) in sum.by_request.iter_mut().zip(&recorder.by_request) {
            add_request(sum, one);
        }
        self.add_findings(findings);
    }

    fn add_findings(&mut self, findings: Findings) {
        let sum = &mut self.findings;
        sum.elapsed = sum.elapsed.max(findings.elapsed);
        let active = findings.active.saturating_sub(findings.warm_up_active);
        sum.active = sum.active.max(active);
        sum.cpu += findings.cpu;
        sum.unsent += findings.unsent;
        sum.loop_lag.add(&findings.loop_lag);
        sum.connect.add(&findings.connect);
        sum.tls.add(&findings.tls);
        sum.first_byte.add(&findings.first_byte);
        sum.connections += findings.connections;
        sum.listed.extend(findings.listed);
        for (closing, counted) in &findings.closings {
            sum.closings.entry(*closing).or_default().merge(counted);
        }
        for (reason, count) in findings.failures {
            *sum.failures.entry(reason).or_default() += count;
        }
        sum.traffic.add(findings.traffic);
        sum.warm_up_traffic.add(findings.warm_up_traffic);
        sum.stalled += findings.stalled;
        sum.protocol = sum.protocol.or(findings.protocol);
        sum.tls_version = sum.tls_version.or(findings.tls_version);
        sum.tls_suite = sum.tls_suite.or(findings.tls_suite);
        sum.allowed = match (sum.allowed, findings.allowed) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        sum.held_to = match (sum.held_to, findings.held_to) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        sum.allowed_changes.extend(findings.allowed_changes);
        sum.client_rates.extend(findings.client_rates);
        sum.most_answered = sum.most_answered.max(findings.most_answered);
    }
}

fn add_each(sum: &mut [u64], more: &[u64]) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}

fn add_request(sum: &mut ByRequest, more: &ByRequest) {
    sum.ok += more.ok;
    sum.other += more.other;
    sum.body_bytes += more.body_bytes;
    if let (Some(sum), Some(more)) = (&mut sum.response, &more.response) {
        sum.add(more);
    }
}

fn totals(recorder: &Recorder, findings: &Findings) -> Totals {
    let lost: BTreeMap<Lost, u64> = Lost::ALL
        .into_iter()
        .map(|reason| (reason, recorder.lost[reason as usize]))
        .filter(|(_, count)| *count > 0)
        .collect();
    let resent = Resent::ALL
        .into_iter()
        .map(|why| (why, recorder.resent[why as usize]))
        .filter(|(_, count)| *count > 0)
        .collect();
    let over = recorder.ok + recorder.http_errors + recorder.failed_checks + lost.values().sum::<u64>();
    Totals {
        asked: over + findings.unsent,
        ok: recorder.ok,
        http_errors: recorder.http_errors,
        failed_checks: recorder.failed_checks,
        lost,
        unsent: findings.unsent,
        resent,
        warm_up: recorder.warm_up_requests,
    }
}

impl Totals {
    /// Not answered, for whatever reason.
    pub fn lost_all(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Sent at least once.
    pub fn started(&self) -> u64 {
        self.asked - self.unsent
    }

    /// Everything that is not as it should be.
    pub fn failed(&self) -> u64 {
        self.asked - self.ok
    }
}

fn connections(listed: Vec<crate::worker::Listed>, max: usize) -> Vec<Connection> {
    let mut connections: Vec<Connection> = listed
        .into_iter()
        .map(|one| Connection {
            number: one.number,
            client: one.client,
            dialled_ns: one.dialled,
            connect_ns: one.connect,
            tls_ns: one.tls,
            closed_ns: one.closed,
            sent: one.sent,
            answered: one.answered,
            received: one.bytes_in,
            stalled_ns: one.stalled,
            closing: one.closing,
            last_stream: one.last_stream,
            debug: one.debug,
        })
        .collect();
    connections.sort_by_key(|connection| connection.dialled_ns);
    connections.truncate(max);
    connections
}

fn slowest_of(slow: Slow, scenario: &Scenario, config: &Config) -> Slowest {
    Slowest {
        index: slow.index,
        path: scenario.path_of(slow.index),
        status: slow.status,
        response_ns: slow.response,
        service_ns: slow.service,
        connection: slow.connection,
        trace_id: config.traceparent.then(|| trace_id(config.seed, slow.index)),
    }
}

fn per_second(count: u64, ns: u64) -> f64 {
    if ns == 0 {
        0.0
    } else {
        count as f64 * 1e9 / ns as f64
    }
}
