//! What a quest is to do. The caller owns every default.

use std::{path::PathBuf, time::Duration};

use load::scenario::Scenario;

use crate::{
    hook::{Hook, Undo},
    observer::postgres::Location,
    probe,
};

/// What a quest is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is sent.
    pub scenario: Scenario,
    /// The URL as it was given, for the report.
    pub url: String,
    /// How it is sent: connections and streams are the experiments' own.
    pub load: load::config::Config,
    /// Connections that all users share, as those of a browser share six; each has its own without it, or all one of
    /// HTTP/2.
    pub connections: Option<u32>,
    /// Where more is read.
    pub sources: Sources,
    /// What the user lets us change for a while.
    pub hooks: Vec<Hook>,
    /// What of it is changed now.
    pub undo: Undo,
    /// Proxies of ours in the path to parties, which the target was pointed at.
    pub probes: Vec<probe::Place>,
    /// What must never be exceeded.
    pub bounds: Bounds,
    /// Where evidence and report are written.
    pub out: PathBuf,
    /// When it began, for people.
    pub began: String,
    /// What everything random begins with.
    pub seed: u64,
    /// Our own version.
    pub version: String,
}

/// Where more is read than the client sees.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Pages of metrics.
    pub metrics: Vec<String>,
    /// Where it keeps its traces: our list, or Jaeger's.
    pub traces: Vec<String>,
    /// Databases.
    pub postgres: Vec<Location>,
    /// Error logs of proxies before the target.
    pub proxy_logs: Vec<PathBuf>,
    /// Pids or names of processes.
    pub processes: Vec<String>,
}

/// What must never be exceeded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// All of it together takes about this long.
    pub budget: Duration,
    /// Requests a second.
    pub rate_max: f64,
    /// Requests in flight.
    pub concurrency_max: u32,
    /// Failures, as a share of requests: beyond it an experiment is stopped.
    pub errors_max: f64,
    /// Requests of one burst.
    pub burst: u32,
    /// Whether the user has said how many: then it is what a page asks for, and its wait is a fault.
    pub is_burst_said: bool,
    /// Whether anything but GET and HEAD may be sent.
    pub allow_writes: bool,
}
