//! The settings of telemetry, checked: what is kept of traces, and who is told.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, bail};
use telemetry::{
    otlp::{self, Headers, Protocol, Resource},
    profile::{Window, pyroscope},
    push::endpoint::{Authorities, Endpoint},
    trace::tracer,
};

use super::span;
use crate::args::{OtlpProtocol, Share, Span};

pub(super) const SHARE: f64 = 0.01;
pub(super) const SLOW: &str = "500ms";
pub(super) const STATEMENTS_SLOW: &str = "500ms";
pub(super) const PROFILE_INTERVAL: &str = "15s";

/// Telling a profile costs some 160 ms, which is 1 % of it.
const PROFILE_CPU_MIN: Duration = Duration::from_secs(15);
const PROFILE_AGE_MAX: Duration = Duration::from_secs(600);

/// Of some 20 kB each at worst, so 10 MB.
const RING_TRACES_MAX: usize = 512;
/// When everything is slow, so many a second tell as much as all.
const KEPT_PER_SECOND_MAX: u32 = 50;
const QUEUE_TRACES_MAX: usize = 512;
const BATCH_TRACES_MAX: usize = 64;
/// Half of what servers of gRPC take.
const BATCH_BYTES_MAX: usize = 2 << 20;
const BATCH_DELAY: Duration = Duration::from_secs(1);
const PUSH_TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPTS_MAX: u32 = 5;
const BACKOFF: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// Of a file of headers.
const HEADERS_BYTES_MAX: u64 = 64 << 10;

/// What was said about telemetry.
pub(super) struct Given {
    pub(super) no_traces: Option<bool>,
    pub(super) share: Option<Share>,
    pub(super) slow: Option<Span>,
    pub(super) otlp: Option<String>,
    pub(super) otlp_protocol: Option<OtlpProtocol>,
    pub(super) otlp_headers: Option<std::path::PathBuf>,
    pub(super) statements_slow: Option<Span>,
    pub(super) sql_comments: Option<bool>,
    pub(super) pyroscope: Option<String>,
    pub(super) pyroscope_headers: Option<std::path::PathBuf>,
    pub(super) profile_interval: Option<Span>,
}

/// What is kept of traces, and who is told.
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) traces: tracer::Config,
    pub(crate) statements_slow: Duration,
    pub(crate) sql_comments: bool,
    pub(crate) otlp: Option<otlp::Config>,
    pub(crate) pyroscope: Option<pyroscope::Config>,
}

impl Telemetry {
    pub(super) fn new(given: Given) -> anyhow::Result<Telemetry> {
        if given.otlp.is_none() && (given.otlp_protocol.is_some() || given.otlp_headers.is_some()) {
            bail!("find the collector of traces: give --otlp URL too");
        }
        if given.pyroscope.is_none() && given.pyroscope_headers.is_some() {
            bail!("find the Pyroscope: give --pyroscope URL too");
        }
        let headers = |file: Option<&Path>, of| file.map(|file| read_headers(file, of)).transpose();
        let otlp_headers = headers(given.otlp_headers.as_deref(), "the collector")?;
        let pyroscope_headers = headers(given.pyroscope_headers.as_deref(), "Pyroscope")?;
        let otlp = given
            .otlp
            .map(|url| exporter(&url, given.otlp_protocol, otlp_headers.unwrap_or_default()))
            .transpose()?;
        let interval = given.profile_interval.unwrap_or_else(|| span(PROFILE_INTERVAL)).0;
        let pyroscope = given
            .pyroscope
            .map(|url| {
                anyhow::Ok(pyroscope::Config {
                    endpoint: Endpoint::parse(&url, &Authorities::System)?,
                    application: "sidequest".to_owned(),
                    window: Window {
                        age_min: interval,
                        cpu_min: PROFILE_CPU_MIN,
                        age_max: PROFILE_AGE_MAX.max(interval),
                    },
                    timeout: PUSH_TIMEOUT,
                    headers: pyroscope_headers.unwrap_or_default(),
                })
            })
            .transpose()?;
        Ok(Telemetry {
            traces: tracer::Config {
                enabled: !given.no_traces.unwrap_or(false),
                share: given.share.map_or(SHARE, |share| share.0),
                slow: given.slow.unwrap_or_else(|| span(SLOW)).0,
                follow_parent: true,
                ring_traces_max: RING_TRACES_MAX,
                kept_per_second_max: KEPT_PER_SECOND_MAX,
            },
            statements_slow: given.statements_slow.unwrap_or_else(|| span(STATEMENTS_SLOW)).0,
            sql_comments: given.sql_comments.unwrap_or(false),
            otlp,
            pyroscope,
        })
    }
}

impl super::Config {
    /// With a collector and a Pyroscope that are never spoken to, for the reference.
    pub(crate) fn with_everything_on() -> anyhow::Result<Telemetry> {
        Telemetry::new(Given {
            no_traces: None,
            share: None,
            slow: None,
            otlp: Some("http://localhost:4318".to_owned()),
            otlp_protocol: None,
            otlp_headers: None,
            statements_slow: None,
            sql_comments: None,
            pyroscope: Some("http://localhost:4040".to_owned()),
            pyroscope_headers: None,
            profile_interval: None,
        })
    }
}

fn exporter(url: &str, protocol: Option<OtlpProtocol>, headers: Headers) -> anyhow::Result<otlp::Config> {
    Ok(otlp::Config {
        endpoint: Endpoint::parse(url, &Authorities::System)?,
        protocol: match protocol.unwrap_or(OtlpProtocol::Http) {
            OtlpProtocol::Http => Protocol::Http,
            OtlpProtocol::Grpc => Protocol::Grpc,
        },
        headers,
        resource: Resource {
            service: "sidequest".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            attributes: vec![("process.pid".to_owned(), std::process::id().to_string())],
        },
        queue_traces_max: QUEUE_TRACES_MAX,
        batch_traces_max: BATCH_TRACES_MAX,
        batch_bytes_max: BATCH_BYTES_MAX,
        delay: BATCH_DELAY,
        timeout: PUSH_TIMEOUT,
        attempts_max: ATTEMPTS_MAX,
        backoff: BACKOFF,
        backoff_max: BACKOFF_MAX,
    })
}

fn read_headers(path: &Path, of: &str) -> anyhow::Result<Headers> {
    let what = || format!("read the headers for {of} from {}", path.display());
    let length = std::fs::metadata(path).with_context(what)?.len();
    if length > HEADERS_BYTES_MAX {
        bail!("{}: more than {HEADERS_BYTES_MAX} bytes", what());
    }
    let text = std::fs::read_to_string(path).with_context(what)?;
    let mut pairs = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The line is in no message: it may hold a key.
        let Some((name, value)) = line.split_once(':') else {
            bail!("{}: line {} has no colon", what(), number + 1);
        };
        pairs.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Headers::new(&pairs).with_context(what)
}
