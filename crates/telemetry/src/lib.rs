//! What this process says about itself: metrics, traces, logs, profiles.
//!
//! The floor under the other crates: it knows none of them, reads no environment, and what is off costs nothing.

pub mod cgroup;
pub mod error;
pub mod log;
pub mod metric;
pub mod otlp;
pub mod process;
pub mod profile;
pub mod push;
pub mod rate;
pub mod runtime;
pub mod trace;

mod protobuf;
