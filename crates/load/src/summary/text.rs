//! The summary as text: who was the bottleneck, then h2load's lines in h2load's shape, then what h2load does not say.

use std::fmt::Write as _;

use crate::{
    config::Protocol,
    limit::Closing,
    recorder::Times,
    summary::{Handling, Summary, Totals},
};

/// Shares whose times are shown.
const SHARES: [(f64, &str); 7] = [
    (0.5, "p50"),
    (0.75, "p75"),
    (0.9, "p90"),
    (0.95, "p95"),
    (0.99, "p99"),
    (0.999, "p99.9"),
    (0.9999, "p99.99"),
];

/// Lines of the list of connections.
const CONNECTIONS_SHOWN: usize = 10;

/// Kinds of requests that are shown.
const REQUESTS_SHOWN_MAX: usize = 64;

/// Everything.
pub fn text(summary: &Summary) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", summary.self_check.line());
    if let Some((version, suite)) = summary.tls {
        let _ = writeln!(out, "TLS Protocol: {}", version.replace('_', "."));
        let _ = writeln!(out, "Cipher: {suite}");
    }
    let _ = writeln!(out, "Application protocol: {}", protocol(summary));
    out.push('\n');
    like_h2load(summary, &mut out);
    if summary.response.count() > 0 {
        out.push('\n');
        percentiles(summary, &mut out);
    }
    requests(summary, &mut out);
    accounts(&summary.totals, &mut out);
    limits(summary, &mut out);
    connections(summary, &mut out);
    slowest(summary, &mut out);
    out
}

/// What is spoken, in h2load's words.
pub fn protocol(summary: &Summary) -> &'static str {
    match (summary.protocol, summary.target.starts_with("https")) {
        (Some(Protocol::Http2), true) => "h2",
        (Some(Protocol::Http2), false) => "h2c",
        (Some(Protocol::Http1), _) => "http/1.1",
        (Some(Protocol::Auto) | None, _) => "none: nothing was negotiated",
    }
}

fn like_h2load(summary: &Summary, out: &mut String) {
    let totals = &summary.totals;
    let _ = writeln!(
        out,
        "finished in {}, {:.2} req/s, {}B/s",
        duration(summary.elapsed_ns as f64),
        summary.rate(),
        bytes(summary.bytes_rate())
    );
    let lost = totals.lost_all();
    let timeouts = totals
        .lost
        .get(&crate::outcome::Lost::Timeout)
        .copied()
        .unwrap_or(0);
    let _ = writeln!(
        out,
        "requests: {} total, {} started, {} done, {} succeeded, {} failed, {} errored, {timeouts} timeout",
        totals.asked,
        totals.started(),
        totals.asked - totals.unsent,
        totals.ok,
        totals.failed(),
        lost + totals.unsent,
    );
    let class = |class: u16| -> u64 {
        summary
            .statuses
            .range(class * 100..class * 100 + 100)
            .map(|(_, count)| count)
            .sum()
    };
    let _ = writeln!(
        out,
        "status codes: {} 2xx, {} 3xx, {} 4xx, {} 5xx",
        class(2),
        class(3),
        class(4),
        class(5)
    );
    let traffic = &summary.traffic;
    let savings = if traffic.heads_plain > 0 {
        1.0 - traffic.heads as f64 / traffic.heads_plain as f64
    } else {
        0.0
    };
    let _ = writeln!(
        out,
        "traffic: {}B ({}) total, {}B ({}) headers (space savings {:.2}%), {}B ({}) data",
        bytes(traffic.received as f64),
        traffic.received,
        bytes(traffic.heads as f64),
        traffic.heads,
        savings.max(0.0) * 100.0,
        bytes(traffic.bodies as f64),
        traffic.bodies
    );
    if summary.response.count() == 0 {
        return;
    }
    let _ = writeln!(
        out,
        "                     min         max         mean         sd        +/- sd"
    );
    for (name, times) in [
        ("time for request:", &summary.service),
        ("time for connect:", &summary.connect),
        ("time to 1st byte:", &summary.connection_first_byte),
    ] {
        let _ = writeln!(
            out,
            "{name} {:>10}  {:>10}  {:>10}  {:>10}  {:>8.2}%",
            duration(times.min_ns() as f64),
            duration(times.max_ns() as f64),
            duration(times.mean_ns()),
            duration(times.deviation_ns()),
            times.within_deviation() * 100.0
        );
    }
    let rates = Spread::of(&summary.client_rates);
    let _ = writeln!(
        out,
        "req/s           : {:>10.2}  {:>10.2}  {:>10.2}  {:>10.2}  {:>8.2}%",
        rates.min,
        rates.max,
        rates.mean,
        rates.deviation,
        rates.within * 100.0
    );
}

fn percentiles(summary: &Summary, out: &mut String) {
    let _ = write!(out, "{:<17}", "");
    for (_, name) in SHARES {
        let _ = write!(out, "{name:>10}");
    }
    let _ = writeln!(out, "{:>10}", "max");
    let mut row = |name: &str, times: &Times| {
        if times.count() == 0 {
            return;
        }
        let _ = write!(out, "{name:<17}");
        for (share, _) in SHARES {
            let _ = write!(out, "{:>10}", duration(times.quantile_ns(share) as f64));
        }
        let _ = writeln!(out, "{:>10}", duration(times.max_ns() as f64));
    };
    row("response time:", &summary.response);
    row("service time:", &summary.service);
    row("to first byte:", &summary.first_byte);
    row("wait for a slot:", &summary.slot_wait);
    row("send lag:", &summary.send_lag);
    let from = if summary.is_closed_loop {
        "from when its user wanted it"
    } else {
        "from its scheduled time"
    };
    let _ = writeln!(
        out,
        "response time counts {from}, service time from when it was sent"
    );
    let bodies = match summary.bodies {
        Handling::Discarded => "bodies were dropped unread by the kernel",
        Handling::Read => "bodies were read",
        Handling::Checked => "bodies were read and checked",
    };
    let _ = writeln!(
        out,
        "{bodies}; our loop took {} a turn at most",
        duration(summary.loop_lag.max_ns() as f64)
    );
}

fn requests(summary: &Summary, out: &mut String) {
    if summary.by_request.len() < 2 {
        return;
    }
    let _ = writeln!(out, "\nby request:");
    let left = summary.by_request.len().saturating_sub(REQUESTS_SHOWN_MAX);
    for request in summary.by_request.iter().take(REQUESTS_SHOWN_MAX) {
        let (p50, p99) = request
            .response
            .as_ref()
            .map_or((0, 0), |times| (times.quantile_ns(0.5), times.quantile_ns(0.99)));
        let _ = writeln!(
            out,
            "  {:<40} {} ok, {} other, p50 {}, p99 {}, {}B",
            request.name,
            request.ok,
            request.other,
            duration(p50 as f64),
            duration(p99 as f64),
            bytes(request.body_bytes as f64)
        );
    }
    if left > 0 {
        let _ = writeln!(out, "  and {left} more, which --json has");
    }
}

/// Every request that was asked for, by what became of it.
fn accounts(totals: &Totals, out: &mut String) {
    let _ = writeln!(
        out,
        "\nasked {} = {} ok + {} HTTP errors + {} failed checks + {} lost + {} unsent",
        totals.asked,
        totals.ok,
        totals.http_errors,
        totals.failed_checks,
        totals.lost_all(),
        totals.unsent
    );
    for (reason, count) in &totals.lost {
        let _ = writeln!(out, "  lost: {count} {}", reason.words());
    }
    let resent: u64 = totals.resent.values().sum();
    let _ = writeln!(out, "sent again: {resent} (errors are none of these)");
    for (why, count) in &totals.resent {
        let _ = writeln!(out, "  sent again: {count} {}", why.words());
    }
    if totals.warm_up > 0 {
        let _ = writeln!(out, "not counted: {} in the warm-up", totals.warm_up);
    }
}

fn limits(summary: &Summary, out: &mut String) {
    if let Some(limit) = &summary.limit {
        let _ = writeln!(out, "limit: {}; {}", limit.sentence(), limit.setting());
        let resent: u64 = summary.totals.resent.values().sum();
        let lost = match summary.totals.lost_all() {
            0 => "none lost".to_owned(),
            lost => format!("{lost} lost"),
        };
        let _ = writeln!(out, "  {resent} requests re-sent, {lost}");
    }
    if let Some(requests) = summary.held_to {
        let streams = if requests == 1 {
            "1 stream was"
        } else {
            &format!("{requests} streams were")
        };
        let _ = writeln!(
            out,
            "  after two connections that were cut off there, no more than {streams} opened on each of the next"
        );
    }
    if let Some(allowed) = summary
        .streams_allowed
        .filter(|allowed| *allowed < summary.streams)
    {
        let _ = writeln!(
            out,
            "limit: asked {}, allowed {allowed} streams at once on a connection (MAX_CONCURRENT_STREAMS)",
            summary.streams
        );
    }
    for (at, streams) in &summary.streams_allowed_changes {
        let streams = if *streams == u32::MAX {
            "any number of".to_owned()
        } else {
            streams.to_string()
        };
        let _ = writeln!(
            out,
            "limit: after {} the server allowed {streams} streams at once",
            duration(*at as f64)
        );
    }
    if summary.flow_stalled_ns > 0 {
        let _ = writeln!(
            out,
            "flow control: bodies waited {} for a window, over all connections",
            duration(summary.flow_stalled_ns as f64)
        );
    }
}

fn connections(summary: &Summary, out: &mut String) {
    let _ = writeln!(out, "connections: {} made", summary.connections);
    for (reason, count) in &summary.connect_failures {
        let _ = writeln!(out, "  failed: {count} {reason}");
    }
    for (closing, counted) in &summary.closings {
        let _ = writeln!(out, "  {} {}", counted.connections, closing.words());
    }
    // One that worked to the end is nothing to read about.
    let ended = summary
        .connection_list
        .iter()
        .filter(|connection| connection.closing != Closing::Ours);
    for connection in ended.take(CONNECTIONS_SHOWN) {
        let _ = write!(
            out,
            "  connection {}: {} of {} answered, {} after {}",
            connection.number,
            connection.answered,
            connection.sent,
            connection.closing.words(),
            duration(connection.closed_ns.saturating_sub(connection.dialled_ns) as f64)
        );
        if let Some(last) = connection.last_stream {
            let _ = write!(out, ", last stream {last}");
        }
        if let Some(debug) = &connection.debug {
            let _ = write!(out, ", it said `{debug}`");
        }
        out.push('\n');
    }
}

fn slowest(summary: &Summary, out: &mut String) {
    if summary.slowest.is_empty() {
        return;
    }
    let _ = writeln!(out, "slowest:");
    for slow in &summary.slowest {
        let _ = write!(
            out,
            "  {:>9} response, {:>9} service, {} {}, connection {}",
            duration(slow.response_ns as f64),
            duration(slow.service_ns as f64),
            if slow.status == 0 {
                "---".to_owned()
            } else {
                slow.status.to_string()
            },
            slow.path,
            slow.connection
        );
        if let Some(trace) = slow.trace_id {
            let _ = write!(out, ", trace {trace:032x}");
        }
        out.push('\n');
    }
}

/// Smallest, largest, mean and deviation of some numbers.
struct Spread {
    min: f64,
    max: f64,
    mean: f64,
    deviation: f64,
    within: f64,
}

impl Spread {
    fn of(numbers: &[f64]) -> Spread {
        let count = numbers.len() as f64;
        if numbers.is_empty() {
            return Spread {
                min: 0.0,
                max: 0.0,
                mean: 0.0,
                deviation: 0.0,
                within: 0.0,
            };
        }
        let mean = numbers.iter().sum::<f64>() / count;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        let deviation = if count > 1.0 {
            (squares / (count - 1.0)).sqrt()
        } else {
            0.0
        };
        let within = numbers
            .iter()
            .filter(|number| (**number - mean).abs() <= deviation)
            .count();
        Spread {
            min: numbers.iter().copied().fold(f64::INFINITY, f64::min),
            max: numbers.iter().copied().fold(0.0, f64::max),
            mean,
            deviation,
            within: within as f64 / count,
        }
    }
}

/// A time as h2load writes it: `1.23s`, `4.56ms`, `789us`.
pub fn duration(ns: f64) -> String {
    let us = ns / 1e3;
    if us >= 1e6 {
        format!("{:.2}s", us / 1e6)
    } else if us >= 1e3 {
        format!("{:.2}ms", us / 1e3)
    } else {
        format!("{us:.0}us")
    }
}

/// Bytes as h2load writes them, without the B: `55.10M`.
pub fn bytes(bytes: f64) -> String {
    const STEP: f64 = 1024.0;
    if bytes >= STEP * STEP * STEP {
        format!("{:.2}G", bytes / (STEP * STEP * STEP))
    } else if bytes >= STEP * STEP {
        format!("{:.2}M", bytes / (STEP * STEP))
    } else if bytes >= STEP {
        format!("{:.2}K", bytes / STEP)
    } else {
        format!("{bytes:.0}")
    }
}
