//! Durations with a unit: `250ms`, `5s`, `1m`, `2h`.

use std::time::Duration;

use crate::diagnostic::{Report, Text};

/// PostgreSQL keeps a `statement_timeout` in milliseconds of 32 bits with a sign.
const TIMEOUT_MS_MAX: u64 = i32::MAX as u64;

/// Reads a duration that PostgreSQL can keep as a timeout.
pub(super) fn check(text: &Text, report: &mut Report) -> Option<Duration> {
    let hint = "write an integer and its unit: \"250ms\", \"5s\", \"1m\" or \"2h\"";
    let Some(duration_ms) = milliseconds(text) else {
        report.fault(&text.span, format!("`{}` is no duration", &**text), hint);
        return None;
    };
    if !(1..=TIMEOUT_MS_MAX).contains(&duration_ms) {
        let hint = "at least \"1ms\" and at most 24 days; leave it out for no timeout";
        report.fault(&text.span, format!("`{}` is out of range", &**text), hint);
        return None;
    }
    Some(Duration::from_millis(duration_ms))
}

/// Saturates: what is too large is out of range and not unreadable.
fn milliseconds(text: &str) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .filter(|digits| *digits > 0)?;
    let unit_ms = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(
        text[..digits]
            .parse::<u64>()
            .unwrap_or(u64::MAX)
            .saturating_mul(unit_ms),
    )
}
