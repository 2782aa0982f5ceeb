//! How is the evidence of a bottleneck gathered and told? Observers, experiments, report.

pub mod fetch;
pub mod observer;
mod tls;
