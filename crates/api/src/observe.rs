//! What the binary hands down for looking at the server, and what all of it is called.

use std::sync::Arc;

use telemetry::{
    log::Level,
    metric::{New, Registry, family::Description, read_gauge},
    profile::Profiler,
    trace::tracer::Tracer,
};

use crate::{
    config::Config,
    limit::Gate,
    metric::{Limit, Metric},
};

/// The means of looking. The admin listener shows what they hold.
#[derive(Clone)]
pub struct Observe {
    /// Where metrics are registered.
    pub registry: Arc<Registry>,
    /// Records traces.
    pub tracer: Tracer,
    /// Takes profiles.
    pub profiler: Profiler,
    /// What is logged; none where the log is not ours to change.
    pub log: Option<Level>,
    /// What the server was started with, as JSON without secrets.
    pub config: Arc<str>,
}

/// Registers what is read where it stands: the gate and the limits.
pub(crate) fn register(registry: &Registry, gate: Arc<Gate>, limits: [(Limit, f64); Limit::ALL.len()]) {
    registry.readers(
        vec![
            read_gauge(New {
                name: "sidequest_http_in_flight",
                about: "Requests in work, to the last byte of their answer.",
                labels: &[],
            }),
            read_gauge(New {
                name: "sidequest_http_limit_max",
                about: "What a limit permits, by limit.",
                labels: &["limit"],
            }),
        ],
        move |out| {
            out.put(0, &[], gate.in_flight() as f64);
            for (limit, max) in limits {
                out.put(1, &[limit.name()], max);
            }
        },
    );
}

/// What the limits permit; of bodies and times it is that of an ordinary request.
pub(crate) fn limits(config: &Config) -> [(Limit, f64); Limit::ALL.len()] {
    Limit::ALL.map(|limit| {
        let max = match limit {
            Limit::InFlight => config.in_flight_max.into(),
            Limit::Connections => config.connections_max.into(),
            Limit::Streams => config.streams_max.into(),
            Limit::UrlBytes => config.url_bytes_max as f64,
            Limit::HeaderBytes => config.header_bytes_max as f64,
            Limit::BodyBytes => config.body_bytes_max as f64,
            Limit::Members => config.ids_max as f64,
            Limit::Transfers => config.transfers_max as f64,
            Limit::RequestTime => config.request_timeout.as_secs_f64(),
        };
        (limit, max)
    })
}

/// All that this crate and those below it register, for the reference.
pub fn descriptions() -> Vec<Description> {
    let registry = Registry::new();
    let _ = Metric::new(&registry);
    register(&registry, Gate::new(1), Limit::ALL.map(|limit| (limit, 1.0)));
    store::metric::register(&registry, Vec::new());
    analysis::metric::register(&registry, Arc::default(), || 0);
    registry.descriptions()
}
