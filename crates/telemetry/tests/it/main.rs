//! Telemetry against others: collectors in the test, promtool, and what a Prometheus would say.

mod collector;
mod otlp;
mod promtool;
mod pyroscope;
mod skip;
