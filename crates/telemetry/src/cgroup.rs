//! What the container permits: CPU quota, throttling, pressure, memory. Read at a scrape, at no other time.
//!
//! Both versions are read, as both can be mounted at once, each with another controller.

mod parse;

#[cfg(target_os = "linux")]
#[path = "cgroup/linux.rs"]
mod files;
#[cfg(not(target_os = "linux"))]
#[path = "cgroup/other.rs"]
mod files;

use crate::metric::{New, Registry, read_counter, read_gauge};

/// The controllers' files of one process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// CPU time used by all in the group, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Periods in which the group could run, and in which it ran out of its quota.
    pub periods: Option<f64>,
    /// See `periods`.
    pub throttled_periods: Option<f64>,
    /// Time for which it was held back, a sum over CPUs, in seconds.
    pub throttled_seconds: Option<f64>,
    /// Cores that the quota permits; none without a quota.
    pub cpu_quota_cores: Option<f64>,
    /// Memory used.
    pub memory_bytes: Option<f64>,
    /// Memory permitted; none without a limit.
    pub memory_max_bytes: Option<f64>,
    /// Processes killed for want of memory.
    pub oom_kills: Option<f64>,
    /// Seconds in which some, or all, waited for a resource.
    pub pressure: Vec<Pressure>,
}

/// Time lost to one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Pressure {
    /// `cpu`, `memory` or `io`.
    pub resource: &'static str,
    /// `some` or `full`.
    pub who: &'static str,
    /// Wall time, in seconds.
    pub seconds: f64,
}

/// All of it now.
pub fn read() -> Readings {
    files::read()
}

/// Registers the metrics. What cannot be read has no series.
pub fn register(registry: &Registry) {
    let plain = |name, about| New {
        name,
        about,
        labels: &[],
    };
    registry.readers(
        vec![
            read_counter(plain(
                "sidequest_cgroup_cpu_seconds_total",
                "CPU time used by the container.",
            )),
            read_counter(plain(
                "sidequest_cgroup_periods_total",
                "Periods of the CPU quota in which the container ran.",
            )),
            read_counter(plain(
                "sidequest_cgroup_throttled_periods_total",
                "Periods in which the container ran out of its CPU quota.",
            )),
            read_counter(plain(
                "sidequest_cgroup_throttled_seconds_total",
                "Time for which the container was held back by its CPU quota, summed over CPUs.",
            )),
            read_gauge(plain(
                "sidequest_cgroup_cpu_quota_cores",
                "Cores that the CPU quota permits; absent without a quota.",
            )),
            read_gauge(plain(
                "sidequest_cgroup_memory_bytes",
                "Memory used by the container, its page cache included.",
            )),
            read_gauge(plain(
                "sidequest_cgroup_memory_max_bytes",
                "Memory that the container may use; absent without a limit.",
            )),
            read_counter(plain(
                "sidequest_cgroup_oom_kills_total",
                "Processes of the container killed for want of memory.",
            )),
            read_counter(New {
                name: "sidequest_cgroup_pressure_seconds_total",
                about: "Time in which some or all tasks waited for a resource (PSI).",
                labels: &["resource", "who"],
            }),
        ],
        |out| {
            let readings = read();
            let singles = [
                readings.cpu_seconds,
                readings.periods,
                readings.throttled_periods,
                readings.throttled_seconds,
                readings.cpu_quota_cores,
                readings.memory_bytes,
                readings.memory_max_bytes,
                readings.oom_kills,
            ];
            for (at, value) in singles.into_iter().enumerate() {
                if let Some(value) = value {
                    out.put(at, &[], value);
                }
            }
            for pressure in &readings.pressure {
                out.put(8, &[pressure.resource, pressure.who], pressure.seconds);
            }
        },
    );
}

#[cfg(test)]
mod tests;
