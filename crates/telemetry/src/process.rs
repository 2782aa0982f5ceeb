//! The process and its build: the names that every Prometheus client has, so that dashboards fit.

#[cfg(target_os = "linux")]
#[path = "process/linux.rs"]
mod files;
#[cfg(not(target_os = "linux"))]
#[path = "process/other.rs"]
mod files;

use crate::metric::{New, Registry, read_counter, read_gauge};

/// What the system says about this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Readings {
    /// User and system time, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Memory in RAM.
    pub resident_bytes: Option<f64>,
    /// Address space.
    pub virtual_bytes: Option<f64>,
    /// Files and sockets open.
    pub open_fds: Option<f64>,
    /// Permitted.
    pub max_fds: Option<f64>,
    /// Threads.
    pub threads: Option<f64>,
    /// Since 1970, in seconds.
    pub start_time_seconds: Option<f64>,
    /// Time that threads were ready to run and had no CPU, in seconds, of the threads that live.
    pub run_delay_seconds: Option<f64>,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Build {
    /// The product's version.
    pub version: String,
    /// `release` or `debug`.
    pub profile: &'static str,
}

/// Registers the metrics. What cannot be read has no series.
pub fn register(registry: &Registry, build: Build) {
    let plain = |name, about| New {
        name,
        about,
        labels: &[],
    };
    registry.readers(
        vec![
            read_counter(plain(
                "process_cpu_seconds_total",
                "User and system CPU time of the process.",
            )),
            read_gauge(plain("process_resident_memory_bytes", "Memory in RAM.")),
            read_gauge(plain("process_virtual_memory_bytes", "Address space.")),
            read_gauge(plain("process_open_fds", "Files and sockets open.")),
            read_gauge(plain("process_max_fds", "Files and sockets permitted.")),
            read_gauge(plain("process_threads", "Threads.")),
            read_gauge(plain(
                "process_start_time_seconds",
                "When the process began, in seconds since 1970.",
            )),
            read_counter(plain(
                "sidequest_process_run_delay_seconds_total",
                "Time that threads were ready to run and had no CPU.",
            )),
        ],
        |out| {
            let readings = files::read();
            let all = [
                readings.cpu_seconds,
                readings.resident_bytes,
                readings.virtual_bytes,
                readings.open_fds,
                readings.max_fds,
                readings.threads,
                readings.start_time_seconds,
                readings.run_delay_seconds,
            ];
            for (at, value) in all.into_iter().enumerate() {
                if let Some(value) = value {
                    out.put(at, &[], value);
                }
            }
        },
    );
    let info = read_gauge(New {
        name: "sidequest_build_info",
        about: "Always 1; its labels say what runs.",
        labels: &["version", "profile"],
    });
    registry.readers(vec![info], move |out| {
        out.put(0, &[&build.version, build.profile], 1.0);
    });
}
