//! What this crate counts about itself, and its Prometheus text.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::router::Name;

/// All counters of the listeners.
#[derive(Debug, Default)]
pub(crate) struct Metric {
    /// By route (the last is "no route"), then by status.
    requests: [[Counter; STATUSES.len() + 1]; Name::ALL.len() + 1],
    request_us: [Counter; Name::ALL.len() + 1],
    body_bytes: Counter,
    pub(crate) connections: Counter,
    pub(crate) connections_open: Counter,
    pub(crate) connections_failed: Counter,
    pub(crate) connections_stalled: Counter,
    pub(crate) written_bytes: Counter,
    pub(crate) writes: Counter,
    pub(crate) limit_in_flight: Counter,
    pub(crate) limit_connections: Counter,
    pub(crate) limit_streams: Counter,
    pub(crate) panics: Counter,
}

/// A relaxed number.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is sent; 0 is a client that left before there was an answer. Others are counted as "other".
const STATUSES: [u16; 22] = [
    200, 201, 204, 303, 304, 400, 404, 405, 408, 409, 412, 413, 414, 415, 422, 428, 431, 500, 502, 503, 504,
    0,
];

impl Metric {
    /// A request has ended.
    pub(crate) fn ended(&self, route: Option<Name>, status: Option<u16>, took: Duration, body_bytes: u64) {
        let route = index(route);
        let status = STATUSES
            .iter()
            .position(|known| *known == status.unwrap_or(0))
            .unwrap_or(STATUSES.len());
        self.requests[route][status].add(1);
        self.request_us[route].add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.body_bytes.add(body_bytes);
    }

    /// Appends the counters as Prometheus text.
    pub(crate) fn write(&self, out: &mut String) {
        head(
            out,
            "sidequest_http_requests_total",
            "counter",
            "Requests ended, by route and status.",
        );
        for (route, counts) in self.requests.iter().enumerate() {
            for (at, count) in counts.iter().enumerate().filter(|(_, count)| count.get() > 0) {
                let status = match STATUSES.get(at) {
                    Some(0) => "abandoned".to_owned(),
                    Some(status) => status.to_string(),
                    None => "other".to_owned(),
                };
                let _ = writeln!(
                    out,
                    "sidequest_http_requests_total{{{},status=\"{status}\"}} {}",
                    labels(route),
                    count.get()
                );
            }
        }
        head(
            out,
            "sidequest_http_request_seconds_total",
            "counter",
            "Time from the head of a request to the last byte of its answer, by route.",
        );
        for (route, us) in self.request_us.iter().enumerate().filter(|(_, us)| us.get() > 0) {
            let _ = writeln!(
                out,
                "sidequest_http_request_seconds_total{{{}}} {}",
                labels(route),
                us.get() as f64 / 1e6
            );
        }
        head(
            out,
            "sidequest_http_limit_hits_total",
            "counter",
            "How often a limit bound, by limit.",
        );
        for (limit, count) in [
            ("in_flight", &self.limit_in_flight),
            ("connections", &self.limit_connections),
            ("streams", &self.limit_streams),
        ] {
            let _ = writeln!(
                out,
                "sidequest_http_limit_hits_total{{limit=\"{limit}\"}} {}",
                count.get()
            );
        }
        for (name, kind, about, count) in [
            (
                "sidequest_http_body_bytes_total",
                "counter",
                "Bytes of answers' bodies as sent.",
                &self.body_bytes,
            ),
            (
                "sidequest_http_connections_total",
                "counter",
                "Connections accepted.",
                &self.connections,
            ),
            (
                "sidequest_http_connections_open",
                "gauge",
                "Connections open now.",
                &self.connections_open,
            ),
            (
                "sidequest_http_connections_failed_total",
                "counter",
                "Connections that ended with an error, TLS handshakes included.",
                &self.connections_failed,
            ),
            (
                "sidequest_http_connections_stalled_total",
                "counter",
                "Connections cut because their client read nothing.",
                &self.connections_stalled,
            ),
            (
                "sidequest_http_written_bytes_total",
                "counter",
                "Bytes written to sockets before TLS, by connections that have ended.",
                &self.written_bytes,
            ),
            (
                "sidequest_http_writes_total",
                "counter",
                "Writes that carried them.",
                &self.writes,
            ),
            (
                "sidequest_http_panics_total",
                "counter",
                "Requests that ended in a panic.",
                &self.panics,
            ),
        ] {
            single(out, name, kind, about, count.get());
        }
    }
}

/// A metric without labels.
pub(crate) fn single(out: &mut String, name: &str, kind: &str, about: &str, value: u64) {
    head(out, name, kind, about);
    let _ = writeln!(out, "{name} {value}");
}

/// The two comment lines of a metric.
pub(crate) fn head(out: &mut String, name: &str, kind: &str, about: &str) {
    let _ = writeln!(out, "# HELP {name} {about}\n# TYPE {name} {kind}");
}

fn index(route: Option<Name>) -> usize {
    route
        .and_then(|route| Name::ALL.iter().position(|known| *known == route))
        .unwrap_or(Name::ALL.len())
}

/// Of several routes with one path the method tells which.
fn labels(route: usize) -> String {
    let (method, route) = Name::ALL.get(route).map_or(("none", "none"), |name| {
        (name.route().method.name(), name.pattern())
    });
    format!("method=\"{method}\",route=\"{route}\"")
}
