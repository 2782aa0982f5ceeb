//! The four baselines that the benchmark is scored against, over the same evidence.
//!
//! They are what others do: a robust outlier score, the fullest resource, the biggest span, and the rule that knows
//! that throughput stands still and no more.

use std::collections::BTreeSet;

use crate::{
    bottleneck::Bottleneck, evidence::Evidence, interval::mean, predict::resource, signal::Signal, view::View,
};

/// BARO's scorer: the signal whose value at high load lies farthest from its median at lower load, in units of its
/// spread.
pub fn robust_score(evidence: &Evidence) -> Option<Bottleneck> {
    let view = View::new(evidence);
    let high = view.high()?;
    let before: Vec<&str> = view.ramp.iter().copied().filter(|step| *step != high).collect();
    let mut best: Option<(f64, Bottleneck)> = None;
    for signal in Signal::ALL {
        let subjects: BTreeSet<&str> = view
            .subjects(high, *signal)
            .into_iter()
            .map(|(subject, _)| subject)
            .collect();
        for subject in subjects {
            let Some(named) = names(*signal, subject) else {
                continue;
            };
            let mut normal: Vec<f64> = before
                .iter()
                .filter_map(|step| view.rounds(step, *signal, subject))
                .flat_map(|rounds| rounds.values().copied())
                .collect();
            normal.sort_by(f64::total_cmp);
            let at =
                |share: f64| normal.get((share * normal.len().saturating_sub(1) as f64).round() as usize);
            let (Some(median), Some(low), Some(high_quarter)) = (at(0.5), at(0.25), at(0.75)) else {
                continue;
            };
            let spread = (high_quarter - low).max(1e-3 * median.abs()).max(1e-9);
            let Some(value) = view.value(high, *signal, subject) else {
                continue;
            };
            let score = (value - median) / spread;
            if best.is_none_or(|(known, _)| score > known) && score > 0.0 {
                best = Some((score, named));
            }
        }
    }
    best.map(|(_, bottleneck)| bottleneck)
}

/// "The highest utilisation wins."
pub fn highest_utilisation(evidence: &Evidence) -> Option<Bottleneck> {
    let view = View::new(evidence);
    resource::all(&view)
        .into_iter()
        .filter_map(|resource| {
            let (_, busy) = resource.points.last()?;
            Some((busy / resource.available, resource.bottleneck))
        })
        .filter(|(share, _)| share.is_finite())
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
        .map(|(_, bottleneck)| bottleneck)
}

/// "The biggest span wins": the naive reading of traces. It must fail where the server itself is starved.
pub fn biggest_span(evidence: &Evidence) -> Option<Bottleneck> {
    let view = View::new(evidence);
    let (low, high) = (view.low()?, view.high()?);
    [
        (Signal::AppPoolWaitMs, Bottleneck::D1),
        (Signal::AppDbMs, Bottleneck::D2),
        (Signal::AppDownstreamMs, Bottleneck::S7),
        (Signal::AppLockMs, Bottleneck::S2),
        (Signal::AppSerialiseMs, Bottleneck::S6),
        (Signal::ClientQueuedMs, Bottleneck::C1),
        (Signal::ClientStreamWaitMs, Bottleneck::P2),
        (Signal::ClientTlsMs, Bottleneck::P6),
        (Signal::ClientTransferMs, Bottleneck::N2),
    ]
    .into_iter()
    .filter_map(|(signal, bottleneck)| {
        let grown = view.value(high, signal, "")? - view.value(low, signal, "").unwrap_or(0.0);
        Some((grown, bottleneck))
    })
    .filter(|(grown, _)| *grown > 0.0)
    .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
    .map(|(_, bottleneck)| bottleneck)
}

/// "Requests in flight grow and the rate is flat": it knows that there is a limit, and none of the names, so it
/// says S1, the most common one; X0 if there is none.
pub fn throughput_limit(evidence: &Evidence) -> Option<Bottleneck> {
    let view = View::new(evidence);
    let steps: Vec<(f64, f64)> = view
        .ramp
        .iter()
        .filter_map(|step| Some((view.users(step)?, mean(&view.rates(step))?)))
        .collect();
    let [.., (users, rate), (more_users, more_rate)] = steps.as_slice() else {
        return None;
    };
    let gained = (more_rate / rate - 1.0) / (more_users / users - 1.0);
    Some(if gained < 0.5 {
        Bottleneck::S1
    } else {
        Bottleneck::X0
    })
}

/// What an outlier in a signal would be called.
fn names(signal: Signal, subject: &str) -> Option<Bottleneck> {
    let named = match signal {
        Signal::ClientQueuedMs => Bottleneck::C1,
        Signal::ClientStreamWaitMs => Bottleneck::P2,
        Signal::ClientTlsMs | Signal::ClientHandshakes => Bottleneck::P6,
        Signal::ClientGoAways => Bottleneck::P1,
        Signal::ClientTransferMs => Bottleneck::N2,
        Signal::GeneratorLoopLagMs | Signal::GeneratorDelayShare => Bottleneck::C2,
        Signal::AppPoolWaitMs => Bottleneck::D1,
        Signal::AppDbMs | Signal::PgStatementMs => Bottleneck::D2,
        Signal::AppLockMs => Bottleneck::S2,
        Signal::AppDownstreamMs => Bottleneck::S7,
        Signal::AppSerialiseMs => Bottleneck::S6,
        Signal::AppGcMs => Bottleneck::S5,
        Signal::PgIdleInTransaction => Bottleneck::D7,
        Signal::CgroupThrottledMs if subject == "server" => Bottleneck::S3,
        Signal::CgroupThrottledMs if subject == "database" => Bottleneck::D9b,
        Signal::ProcessCpuMs if subject == "server" => Bottleneck::S1,
        Signal::ProcessCpuMs if subject == "database" => Bottleneck::D9,
        Signal::PgActiveWait if subject.starts_with("Lock/") => Bottleneck::D5,
        Signal::PgActiveWait if subject == "IO/DataFileRead" => Bottleneck::D10,
        Signal::PgActiveWait if subject.contains("WAL") => Bottleneck::D11,
        Signal::PgActiveWait if subject.starts_with("LWLock/") => Bottleneck::D13,
        Signal::HostListenDrops => Bottleneck::P7,
        Signal::TcpRetransmits => Bottleneck::N3,
        _ => return None,
    };
    Some(named)
}
