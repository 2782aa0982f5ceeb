//! What the load generator saw of its requests, and of itself.

use std::collections::BTreeMap;

use diagnosis::{experiment::Purpose, observation::Reading, signal::Signal};
use load::{
    config::Protocol,
    limit::Closing,
    outcome::{Lost, Resent},
};

use super::Collector;
use crate::experiment::{COURSE_STEP, Drive, Experiment, Outcomes, class_end_ms};

pub(super) fn observe(collector: &mut Collector<'_>, experiment: &Experiment, outcomes: &Outcomes) {
    let (summary, tally) = (&outcomes.summary, &outcomes.tally);
    let totals = &summary.totals;
    collector.value(Signal::ClientRequests, "", tally.all as f64);
    collector.value(Signal::ClientOk, "", tally.ok as f64);
    collector.value(Signal::ClientErrors, "", tally.failed as f64);
    if tally.failed > 0 {
        collector.value(Signal::ClientErrorMs, "", tally.failed_ms / tally.failed as f64);
    }
    let seconds = outcomes.seconds;
    if seconds > 0.0 {
        match moments(experiment, outcomes) {
            Some(moments) => collector.reading(Signal::ClientRate, "", Reading::Sampled(moments), ""),
            None => collector.value(Signal::ClientRate, "", tally.ok as f64 / seconds),
        }
    }
    if outcomes.in_flight.len() > 1 {
        collector.reading(
            Signal::ClientInFlight,
            "",
            Reading::Gauge(outcomes.in_flight.clone()),
            "",
        );
    }
    parts(collector, experiment, outcomes);
    for (status, (count, ms)) in &tally.statuses {
        if *status > 0 && *count > 0 {
            let status = status.to_string();
            collector.value(Signal::ClientStatus, &status, *count as f64);
            collector.value(Signal::ClientStatusMs, &status, ms / *count as f64);
        }
    }
    for (ms, count) in &tally.piles {
        if tally.all > 0 {
            let share = *count as f64 / tally.all as f64;
            collector.value(Signal::ClientPileShare, &ms.to_string(), share);
        }
    }
    let lost = |reasons: &[Lost]| -> f64 {
        reasons
            .iter()
            .filter_map(|reason| totals.lost.get(reason))
            .sum::<u64>() as f64
    };
    collector.value(Signal::ClientTimeouts, "", lost(&[Lost::Timeout]));
    collector.value(
        Signal::ClientResets,
        "",
        lost(&[Lost::ConnectionReset, Lost::StreamReset, Lost::Closed]),
    );
    let resent: u64 = totals.resent.values().sum();
    collector.value(Signal::ClientResent, "", resent as f64 * outcomes.counted_share);
    for (reason, count) in &summary.connect_failures {
        collector.value(Signal::ClientConnectFailures, reason_name(reason), *count as f64);
    }
    let received = summary.traffic.received as f64 * outcomes.counted_share;
    collector.value(Signal::ClientReceivedBytes, "", received);
    goaways(collector, outcomes);
    generator(collector, experiment, outcomes);
}

/// Steps of the course over which a rate is told where its change in time matters.
const STEPS_A_MOMENT: u64 = 5;

/// The rate of a load that was held, moment by moment; without the first and the last, which are cut.
fn moments(experiment: &Experiment, outcomes: &Outcomes) -> Option<Vec<[f64; 3]>> {
    let mut moments: BTreeMap<u64, u64> = BTreeMap::new();
    for (step, (count, _)) in &outcomes.tally.course {
        *moments.entry(step / STEPS_A_MOMENT).or_default() += count;
    }
    let (first, last) = (*moments.keys().next()? + 1, *moments.keys().next_back()?);
    let span_ms = COURSE_STEP.as_secs_f64() * 1e3 * STEPS_A_MOMENT as f64;
    let start = outcomes.start.as_secs_f64() * 1e3;
    let rate = |at: u64| moments.get(&at).copied().unwrap_or(0) as f64 / span_ms * 1e3;
    // Times are those of the evidence: the run began with its warm-up.
    let of = |at: u64| [start + (at + 1 - first) as f64 * span_ms, span_ms, rate(at)];
    (experiment.purpose == Purpose::Hold && first < last).then(|| (first..last).map(of).collect())
}

/// The parts of mean latency, which add up to it.
fn parts(collector: &mut Collector<'_>, experiment: &Experiment, outcomes: &Outcomes) {
    let (summary, tally) = (&outcomes.summary, &outcomes.tally);
    if tally.ok == 0 {
        return;
    }
    let ok = tally.ok as f64;
    collector.value(Signal::ClientLatencyMs, "", tally.latency_ms / ok);
    collector.maybe(Signal::ClientP50Ms, "", tally.quantile_ms(0.5));
    collector.maybe(Signal::ClientP99Ms, "", tally.quantile_ms(0.99));
    course(collector, outcomes);
    for (class, count) in &tally.classes {
        let end = format!("{:.4}", class_end_ms(*class));
        collector.value(Signal::ClientLatencyClass, &end, *count as f64);
    }
    // What was waited before sending is connecting first, then waiting for a connection or a stream.
    let wait = tally.wait_ms / ok;
    let spread = |times: &load::recorder::Times| times.mean_ns() * times.count() as f64 / 1e6 / ok;
    let tls = spread(&summary.tls_handshake).min(wait);
    let connect = (spread(&summary.connect) - tls).clamp(0.0, wait - tls);
    let waited = wait - tls - connect;
    collector.value(Signal::ClientConnectMs, "", connect);
    if summary.tls_handshake.count() > 0 {
        collector.value(Signal::ClientTlsMs, "", tls);
        collector.value(Signal::ClientHandshakes, "", summary.tls_handshake.count() as f64);
    }
    let is_http2 = summary.protocol == Some(Protocol::Http2);
    let (queued, stream_wait) = if is_http2 { (0.0, waited) } else { (waited, 0.0) };
    collector.value(Signal::ClientQueuedMs, "", queued);
    collector.value(Signal::ClientStreamWaitMs, "", stream_wait);
    collector.value(Signal::ClientFirstByteMs, "", tally.first_byte_ms / ok);
    collector.value(Signal::ClientTransferMs, "", tally.transfer_ms / ok);
    collector.value(Signal::ClientBodyBytes, "", tally.body_bytes as f64 / ok);
    collector.value(Signal::ClientConnections, "", f64::from(experiment.clients));
    collector.value(Signal::ClientConnectionsMade, "", summary.connections as f64);
    if let Some(allowed) = summary.streams_allowed {
        collector.value(Signal::ClientStreamsAllowed, "", f64::from(allowed));
    }
    if let Some(window) = experiment.window {
        collector.value(Signal::ClientWindowBytes, "", f64::from(window));
    }
}

/// Latency over time, each point at the middle of its step.
fn course(collector: &mut Collector<'_>, outcomes: &Outcomes) {
    let start = outcomes.load_start.as_secs_f64() * 1e3;
    let step_ms = COURSE_STEP.as_secs_f64() * 1e3;
    let points: Vec<[f64; 2]> = outcomes
        .tally
        .course
        .iter()
        .map(|(step, (count, ms))| [start + (*step as f64 + 0.5) * step_ms, ms / *count as f64])
        .collect();
    if !points.is_empty() {
        collector.reading(Signal::ClientCourseMs, "", Reading::Gauge(points), "");
    }
}

/// Connections that the server left, and after how many requests.
fn goaways(collector: &mut Collector<'_>, outcomes: &Outcomes) {
    let summary = &outcomes.summary;
    let start = outcomes.start.as_secs_f64() * 1e3;
    let mut carried = Vec::new();
    for (closing, counted) in &summary.closings {
        let code = match closing {
            Closing::GoAway => 0,
            Closing::GoAwayError(code) => *code,
            Closing::Ours
            | Closing::SaidClose
            | Closing::Bare
            | Closing::Reset
            | Closing::Malformed
            | Closing::Timeout
            | Closing::Idle => continue,
        };
        collector.value(
            Signal::ClientGoAways,
            &code.to_string(),
            counted.connections as f64,
        );
    }
    for connection in &summary.connection_list {
        if connection.closing == Closing::GoAway {
            // The stream that the server names last tells more exactly than what was answered by then.
            let answered = connection
                .last_stream
                .filter(|last| last % 2 == 1 && *last < 0x7fff_ffff)
                .map_or(connection.answered as f64, |last| f64::from(last / 2 + 1));
            carried.push([start + connection.closed_ns as f64 / 1e6, answered]);
        }
    }
    if !carried.is_empty() {
        let resent = summary
            .totals
            .resent
            .get(&Resent::AboveGoAway)
            .copied()
            .unwrap_or(0);
        let note = format!(
            "{resent} requests above the last stream were sent again by us, and lost by a client that does not"
        );
        collector.reading(Signal::ClientGoAwayRequests, "", Reading::Gauge(carried), &note);
    }
}

fn generator(collector: &mut Collector<'_>, experiment: &Experiment, outcomes: &Outcomes) {
    let summary = &outcomes.summary;
    collector.value(Signal::GeneratorCpuShare, "", summary.self_check.busy);
    collector.value(
        Signal::GeneratorLoopLagMs,
        "",
        summary.loop_lag.quantile_ns(0.99) as f64 / 1e6,
    );
    match experiment.drive {
        Drive::Rate(..) => {
            collector.value(Signal::GeneratorLateMs, "", summary.send_lag.mean_ns() / 1e6);
        }
        Drive::Closed(_) | Drive::Burst(_) => {}
    }
}

/// The names that the diagnosis knows, where the system's words tell one.
fn reason_name(reason: &str) -> &str {
    let lower = reason.to_ascii_lowercase();
    if lower.contains("assign requested address") || lower.contains("not available") {
        "EADDRNOTAVAIL"
    } else if lower.contains("too many open files") {
        "EMFILE"
    } else if lower.contains("refused") {
        "refused"
    } else if lower.contains("timed out") || lower.contains("timeout") {
        "timeout"
    } else {
        reason
    }
}
