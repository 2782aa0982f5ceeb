//! Slow requests against ordinary ones: the same table, where requests could be told apart.
//!
//! The caller joins `Server-Timing` with its own times and records two experiments about the same rounds: the
//! requests at or above the 99th percentile as `<experiment>/p99`, those around the median as
//! `<experiment>/p50`.

use crate::{
    attribution::{Attribution, Row, part},
    interval::Interval,
    view::View,
};

/// Of the highest load, if its slow requests were recorded apart.
pub(crate) fn attribute(view: &View<'_>) -> Option<Attribution> {
    let high = view.high()?;
    let (ordinary, slow) = (format!("{high}/p50"), format!("{high}/p99"));
    let (low_ms, high_ms) = (view.latency(&ordinary)?, view.latency(&slow)?);
    let growth = high_ms - low_ms;
    let (before, _) = part::split(view, &ordinary, 0, low_ms);
    let (after, is_overlapping) = part::split(view, &slow, 0, high_ms);
    let mut keys: Vec<_> = before.keys().chain(after.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    let rows = keys
        .into_iter()
        .map(|key| {
            let low = before.get(&key).copied().unwrap_or(0.0);
            let high = after.get(&key).copied().unwrap_or(0.0);
            let share = if growth.abs() > 1e-9 {
                (high - low) / growth
            } else {
                0.0
            };
            Row {
                part: key.0,
                subject: key.1,
                low_ms: low,
                high_ms: high,
                growth_ms: high - low,
                share: Interval::exact(share),
                share_of_high: high / high_ms,
            }
        })
        .collect();
    Some(Attribution {
        low: ordinary,
        high: slow,
        low_ms,
        high_ms,
        growth_ms: Interval::exact(growth),
        rows,
        causes: Vec::new(),
        hold_ms: None,
        holders: Vec::new(),
        is_overlapping,
    })
}
