//! How is the evidence of a bottleneck gathered and told? Observers, experiments, report.
//!
//! [`investigate::investigate`] loads a target, observes all it may, writes the evidence down and lets `diagnosis`
//! judge it. [`recording::read`] reads the evidence again, on any machine. [`report`] tells the verdict.
//! Our own server is investigated like any stranger's.

pub mod bound;
pub mod config;
pub mod error;
pub mod investigate;
pub mod recording;
pub mod report;

mod collect;
mod counter;
mod experiment;
mod fetch;
pub mod hook;
pub mod observer;
mod playbook;
pub mod probe;
mod tls;
mod traces;
mod watch;
