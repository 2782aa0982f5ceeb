//! What this crate counts about itself. Handles are resolved at start; a request adds to a few numbers.

use std::time::Duration;

use telemetry::{
    metric::{
        New, Registry,
        histogram::{Histogram, SECONDS},
        number::{Counter, Gauge},
    },
    trace::id::TraceId,
};

use crate::{problem::Kind, router::Name};

/// All counters of the listeners.
#[derive(Debug)]
pub(crate) struct Metric {
    /// By route; the last is "no route".
    routes: Vec<Route>,
    body_bytes: Counter,
    pub(crate) connections: Counter,
    pub(crate) connections_open: Gauge,
    pub(crate) connections_failed: Counter,
    pub(crate) connections_stalled: Counter,
    pub(crate) written_bytes: Counter,
    pub(crate) writes: Counter,
    /// In the order of [`Limit::ALL`].
    limits: [Counter; Limit::ALL.len()],
    pub(crate) panics: Counter,
}

#[derive(Debug)]
struct Route {
    /// By status, in the order of [`STATUSES`]; the last is "other".
    requests: Vec<Counter>,
    seconds: Histogram,
}

/// What a client can come up against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    InFlight,
    Connections,
    Streams,
    UrlBytes,
    HeaderBytes,
    BodyBytes,
    /// Ids or fields in one request.
    Members,
    Transfers,
    RequestTime,
}

impl Limit {
    pub(crate) const ALL: [Limit; 9] = [
        Limit::InFlight,
        Limit::Connections,
        Limit::Streams,
        Limit::UrlBytes,
        Limit::HeaderBytes,
        Limit::BodyBytes,
        Limit::Members,
        Limit::Transfers,
        Limit::RequestTime,
    ];

    /// As metrics are labelled with it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Limit::InFlight => "in_flight",
            Limit::Connections => "connections",
            Limit::Streams => "streams",
            Limit::UrlBytes => "url_bytes",
            Limit::HeaderBytes => "header_bytes",
            Limit::BodyBytes => "body_bytes",
            Limit::Members => "members",
            Limit::Transfers => "transfers",
            Limit::RequestTime => "request_time",
        }
    }

    /// The limit of which a problem tells, where its kind alone says so.
    pub(crate) fn of(kind: Kind) -> Option<Limit> {
        // What is overloaded is counted where it is known.
        let known = [
            (Kind::UrlTooLong, Limit::UrlBytes),
            (Kind::HeaderTooLarge, Limit::HeaderBytes),
            (Kind::BodyTooLarge, Limit::BodyBytes),
            (Kind::TooMany, Limit::Members),
            (Kind::DeadlineExceeded, Limit::RequestTime),
        ];
        known
            .into_iter()
            .find_map(|(of, limit)| (of == kind).then_some(limit))
    }
}

/// What is sent; 0 is a client that left before there was an answer. Others are counted as "other".
const STATUSES: [u16; 28] = [
    200, 0, 201, 202, 204, 206, 303, 304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 414, 415,
    422, 428, 429, 431, 500, 503, 504,
];

impl Metric {
    pub(crate) fn new(registry: &Registry) -> Metric {
        let requests = registry.sparse_counters(New {
            name: "sidequest_http_requests_total",
            about: "Requests ended, by route and status; `abandoned` is a client that left without an answer.",
            labels: &["method", "route", "status"],
        });
        let seconds = registry.times(
            New {
                name: "sidequest_http_request_seconds",
                about: "Time from the head of a request to the last byte of its answer, by route.",
                labels: &["method", "route"],
            },
            SECONDS,
        );
        // Of several routes with one path the method tells which.
        let routes = Name::ALL
            .iter()
            .map(|name| (name.route().method.name(), name.pattern()))
            .chain([("none", "none")]);
        let routes = routes.map(|(method, pattern)| Route {
            requests: STATUSES
                .iter()
                .map(|status| match status {
                    0 => "abandoned".to_owned(),
                    status => status.to_string(),
                })
                .chain(["other".to_owned()])
                .map(|status| requests.with(&[method, pattern, &status]))
                .collect(),
            seconds: seconds.with(&[method, pattern]).0,
        });
        let limits = registry.counters(New {
            name: "sidequest_http_limit_hits_total",
            about: "How often a limit bound, by limit.",
            labels: &["limit"],
        });
        Metric {
            routes: routes.collect(),
            body_bytes: registry.counter(
                "sidequest_http_body_bytes_total",
                "Bytes of answers' bodies as sent.",
            ),
            connections: registry.counter("sidequest_http_connections_total", "Connections accepted."),
            connections_open: registry.gauge("sidequest_http_connections_open", "Connections open now."),
            connections_failed: registry.counter(
                "sidequest_http_connections_failed_total",
                "Connections that ended with an error, TLS handshakes included.",
            ),
            connections_stalled: registry.counter(
                "sidequest_http_connections_stalled_total",
                "Connections cut because their client read nothing.",
            ),
            written_bytes: registry.counter(
                "sidequest_http_written_bytes_total",
                "Bytes written to sockets before TLS, by connections that have ended.",
            ),
            writes: registry.counter("sidequest_http_writes_total", "Writes that carried them."),
            limits: Limit::ALL.map(|limit| limits.with(&[limit.name()])),
            panics: registry.counter("sidequest_http_panics_total", "Requests that ended in a panic."),
        }
    }

    /// A limit has bound.
    pub(crate) fn bound(&self, limit: Limit) {
        self.limits[limit as usize].increment();
    }

    /// A request has ended. If its trace is kept, that explains its bucket.
    pub(crate) fn ended(&self, ended: &Ended) {
        let route = ended
            .route
            .and_then(|route| Name::ALL.iter().position(|known| *known == route))
            .unwrap_or(Name::ALL.len());
        let route = &self.routes[route];
        let status = STATUSES
            .iter()
            .position(|known| *known == ended.status)
            .unwrap_or(STATUSES.len());
        route.requests[status].increment();
        route.seconds.observe(ended.took);
        if let Some(trace) = ended.trace {
            route.seconds.explain(ended.took, trace);
        }
        self.body_bytes.add(ended.body_bytes);
    }
}

/// How a request ended.
pub(crate) struct Ended {
    pub(crate) route: Option<Name>,
    /// 0: the client left before there was an answer.
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) body_bytes: u64,
    /// Its trace, if that is kept.
    pub(crate) trace: Option<TraceId>,
}
