//! Telemetry against others: collectors in the test, promtool, and what a Prometheus would say.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, and their panic is the failure"
)]

mod collector;
mod dashboard;
mod otlp;
mod promtool;
mod pyroscope;
mod rotel;
mod skip;
