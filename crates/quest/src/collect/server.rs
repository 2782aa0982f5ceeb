//! What the server says of itself, by its metrics page or by `Server-Timing`.

use diagnosis::signal::Signal;

use super::Collector;
use crate::{observer::Window, watch::Parties};

/// What a page's counters mean, each a time divided by requests.
const PER_REQUEST: &[(&str, Signal)] = &[
    ("handler_seconds", Signal::AppHandlerMs),
    ("queue_seconds", Signal::AppQueueMs),
    ("pool_wait_seconds", Signal::AppPoolWaitMs),
    ("pool_hold_seconds", Signal::AppPoolHoldMs),
    ("database_seconds", Signal::AppDbMs),
    ("downstream_seconds", Signal::AppDownstreamMs),
    ("serialise_seconds", Signal::AppSerialiseMs),
    ("lock_seconds", Signal::AppLockMs),
    ("pause_seconds", Signal::AppGcMs),
];

/// What its gauges mean, as means over time.
const LEVELS: &[(&str, Signal)] = &[
    ("in_flight", Signal::AppInFlight),
    ("pool_in_use", Signal::AppPoolInUse),
    ("downstream_in_flight", Signal::AppDownstreamInFlight),
];

/// Names in `Server-Timing`, and what they usually mean. What means one thing to a server and another to the proxy
/// before it (`upstream`, `http`), or any wait at all (`wait`, `acquire`), is not here.
const TIMINGS: &[(&[&str], Signal)] = &[
    (&["total", "app", "handler", "request"], Signal::AppHandlerMs),
    (&["db", "sql", "database", "postgres", "query"], Signal::AppDbMs),
    (&["pool", "lease"], Signal::AppPoolWaitMs),
    (&["queue"], Signal::AppQueueMs),
    (
        &["serialise", "serialize", "render", "encode"],
        Signal::AppSerialiseMs,
    ),
    (&["downstream"], Signal::AppDownstreamMs),
];

pub(super) fn observe(collector: &mut Collector<'_>, window: &Window, ok: f64, parties: &Parties) {
    if window.readings == 0 {
        return;
    }
    // The server's own count is of the same time as its sums; ours is a little longer or shorter.
    let requests = window
        .growth("handler_count")
        .filter(|count| *count > 0.0)
        .unwrap_or(ok);
    collector.growth(Signal::AppRequests, "", window, "handler_count", 1.0);
    for (key, signal) in PER_REQUEST {
        collector.ratio(*signal, window, key, requests, 1e3);
    }
    for (key, signal) in LEVELS {
        collector.maybe(*signal, "", window.mean(key));
    }
    collector.maybe(Signal::AppPoolMax, "", window.last.get("pool_max").copied());
    if requests > 0.0 {
        collector.maybe(
            Signal::AppStatements,
            "",
            window.growth("database_count").map(|count| count / requests),
        );
        collector.maybe(
            Signal::AppResponseBytes,
            "",
            window.growth("response_bytes").map(|bytes| bytes / requests),
        );
    }
    if parties.server.is_none() {
        remote(collector, window);
    }
}

/// Of a server that runs elsewhere, its page is all there is.
fn remote(collector: &mut Collector<'_>, window: &Window) {
    for (key, signal, scale) in [
        ("cpu_seconds", Signal::ProcessCpuMs, 1e3),
        ("cgroup_periods", Signal::CgroupPeriods, 1.0),
        ("cgroup_throttled_periods", Signal::CgroupThrottledPeriods, 1.0),
        ("cgroup_throttled_seconds", Signal::CgroupThrottledMs, 1e3),
        ("cgroup_oom_kills", Signal::CgroupOomKills, 1.0),
    ] {
        collector.growth(signal, "server", window, key, scale);
    }
    for (key, signal) in [
        ("cgroup_quota_cores", Signal::CgroupQuotaCores),
        ("descriptors_open", Signal::ProcessFiles),
        ("descriptors_max", Signal::ProcessFilesMax),
        ("memory_bytes", Signal::ProcessResidentBytes),
    ] {
        collector.maybe(
            signal,
            "server",
            window.last.get(key).copied().filter(|value| *value > 0.0),
        );
    }
}

/// Means of the few answers that our own trickle has seen.
pub(super) fn timing(collector: &mut Collector<'_>, window: &Window) {
    let Some(probes) = window.growth("probes").filter(|probes| *probes >= 2.0) else {
        return;
    };
    for (names, signal) in TIMINGS {
        let sum: Option<f64> = names.iter().find_map(|name| window.growth(name));
        collector.maybe(*signal, "", sum.map(|sum| sum / probes * 1e3));
    }
}

#[cfg(test)]
mod tests;
