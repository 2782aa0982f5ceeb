//! What the machine says of the parties on it, and of itself.

use diagnosis::signal::Signal;

use super::Collector;
use crate::{observer::Window, watch::Parties};

pub(super) fn observe(collector: &mut Collector<'_>, window: &Window, parties: &Parties) {
    if window.readings == 0 || window.seconds <= 0.0 {
        return;
    }
    let cores = window.last.get("host/cores").copied().unwrap_or(1.0).max(1.0);
    for party in parties.local() {
        of_party(collector, window, party, cores);
        of_host(collector, window, party, cores);
    }
    if let Some((_, delay)) = busiest(window, "client") {
        collector.value(Signal::GeneratorDelayShare, "", delay / window.seconds);
    }
}

fn of_party(collector: &mut Collector<'_>, window: &Window, party: &str, cores: f64) {
    let key = |name: &str| format!("{party}/{name}");
    for (name, signal, scale) in [
        ("run_seconds", Signal::ProcessCpuMs, 1e3),
        ("major_faults", Signal::ProcessFaults, 1.0),
        ("cgroup_periods", Signal::CgroupPeriods, 1.0),
        ("cgroup_throttled_periods", Signal::CgroupThrottledPeriods, 1.0),
        ("cgroup_throttled_seconds", Signal::CgroupThrottledMs, 1e3),
        ("cgroup_cpu_pressure_full_seconds", Signal::CgroupCpuFullMs, 1e3),
        (
            "cgroup_memory_pressure_full_seconds",
            Signal::CgroupMemoryFullMs,
            1e3,
        ),
        ("cgroup_io_pressure_full_seconds", Signal::CgroupIoFullMs, 1e3),
        ("cgroup_memory_limit_hits", Signal::CgroupMemoryFailures, 1.0),
        ("cgroup_oom_kills", Signal::CgroupOomKills, 1.0),
    ] {
        collector.growth(signal, party, window, &key(name), scale);
    }
    let last = |name: &str| window.last.get(&key(name)).copied();
    let quota = last("cgroup_quota_cores");
    collector.maybe(Signal::CgroupQuotaCores, party, quota);
    let allowed = last("cores").filter(|allowed| *allowed >= 1.0).unwrap_or(cores);
    collector.value(Signal::ProcessCores, party, allowed.min(cores));
    collector.maybe(Signal::ProcessResidentBytes, party, last("memory_bytes"));
    collector.maybe(Signal::ProcessFiles, party, last("descriptors_open"));
    collector.maybe(Signal::ProcessFilesMax, party, last("descriptors_max"));
    collector.maybe(
        Signal::ProcessThreadsRunning,
        party,
        window.mean(&key("runnable")),
    );
    if let Some((run, delay)) = busiest(window, party) {
        collector.value(Signal::ProcessBusiestShare, party, run / window.seconds);
        collector.value(Signal::ProcessDelayShare, party, delay / window.seconds);
    }
}

/// Seconds that the busiest thread ran, and that it waited for a CPU.
fn busiest(window: &Window, party: &str) -> Option<(f64, f64)> {
    let prefix = format!("{party}/thread/");
    window
        .grown
        .iter()
        .filter_map(|(key, run)| {
            let thread = key.strip_prefix(&prefix)?.strip_suffix("/run_seconds")?;
            let delay = window.growth(&format!("{prefix}{thread}/run_delay_seconds"))?;
            Some((*run, delay))
        })
        .max_by(|one, other| (one.0 + one.1).total_cmp(&(other.0 + other.1)))
}

fn of_host(collector: &mut Collector<'_>, window: &Window, party: &str, cores: f64) {
    let share = |key: &str| window.growth(key).map(|seconds| seconds / window.seconds);
    for (key, signal) in [
        ("host/cpu_pressure_some_seconds", Signal::PressureCpuShare),
        ("host/memory_pressure_full_seconds", Signal::PressureMemoryShare),
        ("host/io_pressure_full_seconds", Signal::PressureIoShare),
    ] {
        collector.maybe(signal, party, share(key));
    }
    collector.maybe(
        Signal::HostBusyShare,
        party,
        share("host/busy_seconds").map(|busy| busy / cores),
    );
    collector.maybe(
        Signal::HostStealShare,
        party,
        share("host/steal_seconds").map(|steal| steal / cores),
    );
    collector.maybe(Signal::HostForeignShare, party, foreign(window, cores));
    for (key, signal) in [
        ("net/ListenDrops", Signal::HostListenDrops),
        ("net/ListenOverflows", Signal::HostListenOverflows),
        ("net/RetransSegs", Signal::HostRetransmits),
    ] {
        collector.growth(signal, party, window, key, 1.0);
    }
    collector.maybe(Signal::HostTimeWait, party, window.mean("net/time_wait"));
    collector.maybe(
        Signal::HostPorts,
        party,
        window.last.get("net/local_ports").copied(),
    );
}

/// The share of the machine's CPU that was used by nobody we know.
pub(crate) fn foreign(window: &Window, cores: f64) -> Option<f64> {
    let busy = window.growth("host/busy_seconds")? - window.growth("host/interrupt_seconds").unwrap_or(0.0);
    let known: f64 = ["client", "proxy", "server", "database"]
        .iter()
        .filter_map(|party| window.growth(&format!("{party}/run_seconds")))
        .sum();
    Some(((busy - known) / (window.seconds * cores)).clamp(0.0, 1.0))
}
