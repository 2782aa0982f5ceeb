//! Whether the target answers at all, and in which protocols.

use std::{
    thread,
    time::{Duration, Instant},
};

use load::{
    arrivals::Arrivals, config::Protocol, ending::Ending, outcome::Lost, summary::Summary, target::Scheme,
    watch::Watch,
};

use crate::{config::Config, error::Error};

/// Requests of the preflight, one after the other.
const REQUESTS: u64 = 5;

/// Nobody waits longer to learn that a target is dead.
const PATIENCE: Duration = Duration::from_secs(5);

/// Nor that its answer does not end.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// More than a handshake and the head of an answer.
const ENDLESS_BYTES: u64 = 64 << 10;

/// A target that is being started answers within this.
const START_MAX: Duration = Duration::from_secs(60);

/// How often it is asked.
const LOOK: Duration = Duration::from_millis(100);

/// Answers that mean: not so fast.
const LIMITED: [u16; 2] = [429, 503];

/// What was found.
pub(super) struct Found {
    /// The one that it prefers first.
    pub(super) protocols: Vec<Protocol>,
    pub(super) fastest: Duration,
    /// The median.
    pub(super) usual: Duration,
}

/// Asks a few times.
pub(super) fn run(config: &Config) -> Result<Found, Error> {
    let began = Instant::now();
    let first = ask(config, config.load.protocol, REQUESTS).map_err(|error| unknown(config, error))?;
    if first.response.count() == 0 {
        let bytes = first.traffic.received;
        if bytes >= ENDLESS_BYTES && first.totals.lost.contains_key(&Lost::Timeout) {
            return Err(Error::Endless {
                target: config.url.clone(),
                bytes,
                within: began.elapsed().as_secs_f64(),
            });
        }
        return Err(Error::Unreachable {
            target: config.url.clone(),
            reason: reason(&first),
        });
    }
    let is_limited = first.statuses.keys().any(|status| LIMITED.contains(status));
    if first.totals.ok == 0 && !is_limited {
        let statuses: Vec<String> = first.statuses.keys().map(ToString::to_string).collect();
        return Err(Error::OnlyErrors {
            target: config.url.clone(),
            statuses: statuses.join(", "),
        });
    }
    let spoken = first.protocol.unwrap_or(Protocol::Http1);
    let mut protocols = vec![spoken];
    let other = match spoken {
        Protocol::Http2 => Protocol::Http1,
        Protocol::Http1 | Protocol::Auto => Protocol::Http2,
    };
    let is_free = config.load.protocol == Protocol::Auto;
    // In cleartext, Auto has tried HTTP/2 already.
    let is_known = other == Protocol::Http2 && config.scenario.target().scheme == Scheme::Http;
    if is_free && !is_known && ask(config, other, 1).is_ok_and(|summary| summary.response.count() > 0) {
        protocols.push(other);
    }
    Ok(Found {
        protocols,
        fastest: Duration::from_nanos(first.response.min_ns()),
        usual: Duration::from_nanos(first.response.quantile_ns(0.5)),
    })
}

/// Whether nobody answers any more.
pub(super) fn is_dead(config: &Config) -> bool {
    ask(config, config.load.protocol, 1).is_ok_and(|summary| summary.response.count() == 0)
}

/// Waits for a target that is being started. Whoever comes next finds out whether it came.
pub(super) fn wait_until_it_answers(config: &Config, interrupt: &Watch) {
    let until = Instant::now() + START_MAX;
    while Instant::now() < until && !interrupt.is_stopped() && is_dead(config) {
        thread::sleep(LOOK);
    }
}

fn ask(config: &Config, protocol: Protocol, requests: u64) -> Result<Summary, Error> {
    let mut load = config.load.clone();
    load.threads = 1;
    load.clients = 1;
    load.streams = 1;
    load.protocol = protocol;
    load.timeouts.connect = load.timeouts.connect.min(PATIENCE);
    load.timeouts.request = load.timeouts.request.min(ANSWER_MAX);
    load.limits.connect_attempts_max = 1;
    let ending = Ending::within(PATIENCE * 2, Duration::ZERO)
        .map_err(Error::Load)?
        .and_after(requests);
    load::run::run(&config.scenario, &Arrivals::Closed, &ending, &load, &Watch::new()).map_err(Error::Load)
}

/// A name without an address is nobody that answers.
fn unknown(config: &Config, error: Error) -> Error {
    match error {
        Error::Load(load::error::Error::Resolve { host, source }) => Error::Unreachable {
            target: config.url.clone(),
            reason: format!("find an address of {host}: {source}"),
        },
        other => other,
    }
}

fn reason(summary: &Summary) -> String {
    if let Some(reason) = summary.connect_failures.keys().next() {
        return reason.clone();
    }
    let lost: Vec<&str> = summary
        .totals
        .lost
        .keys()
        .map(|reason: &Lost| reason.words())
        .collect();
    if lost.is_empty() {
        "no answer came".to_owned()
    } else {
        lost.join(", ")
    }
}
