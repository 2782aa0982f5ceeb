//! The summary as JSON, with a published schema. Times are milliseconds and say so in their names.

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde::Serialize;

use crate::{
    limit::{Closing, Limit},
    outcome::{Lost, Resent},
    recorder::Times,
    summary::{Handling, Summary, self_check::Verdict, text},
};

/// Grows when a field changes its meaning or goes; not when one comes.
const VERSION: u32 = 1;

/// The result of `sidequest load`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "The result of sidequest load")]
pub struct Document {
    /// Of this form.
    version: u32,
    /// Scheme and authority that were asked.
    target: String,
    /// h2, h2c or http/1.1.
    protocol: String,
    self_check: Check,
    asked_for: Asked,
    /// Whether somebody ended the run early.
    stopped: bool,
    /// From the first connection to the end.
    elapsed_ms: f64,
    /// The time in which requests were outstanding, which rates are over.
    active_ms: f64,
    /// Requests answered well, a second.
    requests_per_second: f64,
    /// Bytes received, a second.
    bytes_per_second: f64,
    /// asked = ok + http_errors + failed_checks + the sum of lost + unsent.
    requests: Requests,
    /// Answers by status.
    status: BTreeMap<String, u64>,
    traffic: Bytes,
    /// From when a request was meant to start to the end of its answer.
    response: Distribution,
    /// From when it was sent to the end of its answer.
    service: Distribution,
    /// From when it was sent to the first byte of its answer.
    first_byte: Distribution,
    /// How long requests waited for a stream or a connection.
    slot_wait: Distribution,
    /// How much later than scheduled requests were sent, where only we were in the way.
    send_lag: Distribution,
    /// How long one turn of our loop took.
    loop_lag: Distribution,
    /// To connect, TLS included.
    connect: Distribution,
    /// The handshake of TLS.
    tls_handshake: Distribution,
    limits: Limits,
    connections: Connections,
    /// By request of the scenario.
    by_request: Vec<ByRequest>,
    /// The slowest requests, the worst one first.
    slowest: Vec<Slow>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Check {
    verdict: Verdict,
    why: String,
    /// The share of time in which our busiest thread worked.
    busy: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Asked {
    threads: usize,
    clients: u32,
    /// On each connection.
    streams: u32,
    /// Whether requests waited for answers.
    closed_loop: bool,
    bodies: HandlingName,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HandlingName {
    Discarded,
    Read,
    Checked,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Requests {
    asked: u64,
    ok: u64,
    http_errors: u64,
    failed_checks: u64,
    /// By reason; only reasons that there were.
    lost: BTreeMap<Lost, u64>,
    unsent: u64,
    /// Sent again, by reason. None of these is an error.
    resent: BTreeMap<Resent, u64>,
    /// Not counted.
    warm_up: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Bytes {
    received_bytes: u64,
    sent_bytes: u64,
    head_bytes: u64,
    head_plain_bytes: u64,
    body_bytes: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Distribution {
    count: u64,
    min_ms: f64,
    mean_ms: f64,
    sd_ms: f64,
    p50_ms: f64,
    p75_ms: f64,
    p90_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    p99_9_ms: f64,
    p99_99_ms: f64,
    max_ms: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Limits {
    /// Inferred from how connections ended.
    closes_after: Option<Limit>,
    /// Requests that we held connections of HTTP/2 to, because the server had cut off two of a client there.
    held_to: Option<u64>,
    /// Streams that the server allows at once.
    streams_allowed: Option<u32>,
    /// Later changes of it.
    streams_allowed_changes: Vec<Change>,
    /// Time in which bodies of requests waited for a window, over all connections.
    flow_stalled_ms: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Change {
    at_ms: f64,
    /// None for no limit.
    streams: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Connections {
    made: u64,
    /// Attempts that failed, by reason.
    failed: BTreeMap<String, u64>,
    closed: Vec<Closed>,
    list: Vec<One>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Closed {
    #[serde(flatten)]
    closing: Closing,
    connections: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct One {
    number: u32,
    client: u32,
    dialled_ms: f64,
    connect_ms: f64,
    tls_ms: f64,
    closed_ms: f64,
    sent: u64,
    answered: u64,
    received_bytes: u64,
    flow_stalled_ms: f64,
    #[serde(flatten)]
    closing: Closing,
    last_stream: Option<u32>,
    goaway_said: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ByRequest {
    name: String,
    ok: u64,
    other: u64,
    body_bytes: u64,
    response: Option<Distribution>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Slow {
    index: u64,
    path: String,
    /// None where there was no answer.
    status: Option<u16>,
    response_ms: f64,
    service_ms: f64,
    connection: u32,
    trace_id: Option<String>,
}

/// The schema of [`Document`].
pub fn schema() -> serde_json::Value {
    schema_for!(Document).to_value()
}

/// The summary in this form.
pub fn document(summary: &Summary) -> Document {
    let totals = &summary.totals;
    Document {
        version: VERSION,
        target: summary.target.clone(),
        protocol: text::protocol(summary).to_owned(),
        self_check: Check {
            verdict: summary.self_check.verdict,
            why: summary.self_check.why.clone(),
            busy: summary.self_check.busy,
        },
        asked_for: Asked {
            threads: summary.threads,
            clients: summary.clients,
            streams: summary.streams,
            closed_loop: summary.is_closed_loop,
            bodies: match summary.bodies {
                Handling::Discarded => HandlingName::Discarded,
                Handling::Read => HandlingName::Read,
                Handling::Checked => HandlingName::Checked,
            },
        },
        stopped: summary.was_stopped,
        elapsed_ms: ms(summary.elapsed_ns),
        active_ms: ms(summary.active_ns),
        requests_per_second: summary.rate(),
        bytes_per_second: summary.bytes_rate(),
        requests: Requests {
            asked: totals.asked,
            ok: totals.ok,
            http_errors: totals.http_errors,
            failed_checks: totals.failed_checks,
            lost: totals.lost.clone(),
            unsent: totals.unsent,
            resent: totals.resent.clone(),
            warm_up: totals.warm_up,
        },
        status: summary
            .statuses
            .iter()
            .map(|(status, count)| (status.to_string(), *count))
            .collect(),
        traffic: Bytes {
            received_bytes: summary.traffic.received,
            sent_bytes: summary.traffic.sent,
            head_bytes: summary.traffic.heads,
            head_plain_bytes: summary.traffic.heads_plain,
            body_bytes: summary.traffic.bodies,
        },
        response: distribution(&summary.response),
        service: distribution(&summary.service),
        first_byte: distribution(&summary.first_byte),
        slot_wait: distribution(&summary.slot_wait),
        send_lag: distribution(&summary.send_lag),
        loop_lag: distribution(&summary.loop_lag),
        connect: distribution(&summary.connect),
        tls_handshake: distribution(&summary.tls_handshake),
        limits: limits(summary),
        connections: connections(summary),
        by_request: summary
            .by_request
            .iter()
            .map(|request| ByRequest {
                name: request.name.clone(),
                ok: request.ok,
                other: request.other,
                body_bytes: request.body_bytes,
                response: request.response.as_ref().map(distribution),
            })
            .collect(),
        slowest: summary
            .slowest
            .iter()
            .map(|slow| Slow {
                index: slow.index,
                path: slow.path.clone(),
                status: (slow.status > 0).then_some(slow.status),
                response_ms: ms(slow.response_ns),
                service_ms: ms(slow.service_ns),
                connection: slow.connection,
                trace_id: slow.trace_id.map(|trace| format!("{trace:032x}")),
            })
            .collect(),
    }
}

fn limits(summary: &Summary) -> Limits {
    let known = |streams: u32| (streams < u32::MAX).then_some(streams);
    Limits {
        closes_after: summary.limit.clone(),
        held_to: summary.held_to,
        streams_allowed: summary.streams_allowed.and_then(known),
        streams_allowed_changes: summary
            .streams_allowed_changes
            .iter()
            .map(|(at, streams)| Change {
                at_ms: ms(*at),
                streams: known(*streams),
            })
            .collect(),
        flow_stalled_ms: ms(summary.flow_stalled_ns),
    }
}

fn connections(summary: &Summary) -> Connections {
    Connections {
        made: summary.connections,
        failed: summary.connect_failures.clone(),
        closed: summary
            .closings
            .iter()
            .map(|(closing, counted)| Closed {
                closing: *closing,
                connections: counted.connections,
            })
            .collect(),
        list: summary
            .connection_list
            .iter()
            .map(|one| One {
                number: one.number,
                client: one.client,
                dialled_ms: ms(one.dialled_ns),
                connect_ms: ms(one.connect_ns),
                tls_ms: ms(one.tls_ns),
                closed_ms: ms(one.closed_ns),
                sent: one.sent,
                answered: one.answered,
                received_bytes: one.received,
                flow_stalled_ms: ms(one.stalled_ns),
                closing: one.closing,
                last_stream: one.last_stream,
                goaway_said: one.debug.clone(),
            })
            .collect(),
    }
}

fn distribution(times: &Times) -> Distribution {
    let at = |share| ms(times.quantile_ns(share));
    Distribution {
        count: times.count(),
        min_ms: ms(times.min_ns()),
        mean_ms: times.mean_ns() / 1e6,
        sd_ms: times.deviation_ns() / 1e6,
        p50_ms: at(0.5),
        p75_ms: at(0.75),
        p90_ms: at(0.9),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        p99_9_ms: at(0.999),
        p99_99_ms: at(0.9999),
        max_ms: ms(times.max_ns()),
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}
