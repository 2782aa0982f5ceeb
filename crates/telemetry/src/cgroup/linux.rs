//! The kernel's files on Linux.

use std::{fs, path::PathBuf};

use super::{
    Pressure, Readings,
    parse::{self, Membership},
};

const ROOT: &str = "/sys/fs/cgroup";

pub(super) fn read() -> Readings {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let membership = parse::membership(&text);
    let mut readings = Readings::default();
    unified(&membership, &mut readings);
    version_1(&membership, &mut readings);
    if readings.pressure.is_empty() {
        // Without files of its own: the machine's, which says the same of a container alone on it.
        readings.pressure = pressure(|resource| text_of(&[format!("/proc/pressure/{resource}")]));
    }
    readings
}

fn unified(membership: &Membership, readings: &mut Readings) {
    let Some(path) = &membership.unified else { return };
    // In a container the tree is mounted at its own group, and the path is that of the host.
    let file = |name: &str| {
        text_of(&[
            format!("{ROOT}{path}/{name}"),
            format!("{ROOT}/unified{path}/{name}"),
            format!("{ROOT}/{name}"),
        ])
    };
    if let Some(stat) = file("cpu.stat") {
        let seconds = |key| parse::keyed(&stat, key).map(|us| us / 1e6);
        readings.cpu_seconds = seconds("usage_usec");
        readings.periods = parse::keyed(&stat, "nr_periods");
        readings.throttled_periods = parse::keyed(&stat, "nr_throttled");
        readings.throttled_seconds = seconds("throttled_usec");
    }
    readings.cpu_quota_cores = file("cpu.max").and_then(|text| parse::quota_cores(&text));
    readings.memory_bytes = file("memory.current").and_then(|text| parse::single(&text));
    readings.memory_max_bytes = file("memory.max").and_then(|text| parse::single(&text));
    readings.oom_kills = file("memory.events").and_then(|text| parse::keyed(&text, "oom_kill"));
    readings.pressure = pressure(|resource| file(&format!("{resource}.pressure")));
}

/// Fills in what version 2 did not say.
fn version_1(membership: &Membership, readings: &mut Readings) {
    let file = |controller: &str, name: &str| {
        let (_, path) = membership
            .controllers
            .iter()
            .find(|(known, _)| known == controller)?;
        let mut places = Vec::new();
        for mount in [controller, "cpu,cpuacct"] {
            places.push(format!("{ROOT}/{mount}{path}/{name}"));
            places.push(format!("{ROOT}/{mount}/{name}"));
        }
        text_of(&places)
    };
    let fill = |slot: &mut Option<f64>, value: Option<f64>| *slot = slot.or(value);
    let stat = file("cpu", "cpu.stat").unwrap_or_default();
    fill(
        &mut readings.cpu_seconds,
        file("cpuacct", "cpuacct.usage")
            .and_then(|text| parse::single(&text))
            .map(|ns| ns / 1e9),
    );
    fill(&mut readings.periods, parse::keyed(&stat, "nr_periods"));
    fill(
        &mut readings.throttled_periods,
        parse::keyed(&stat, "nr_throttled"),
    );
    fill(
        &mut readings.throttled_seconds,
        parse::keyed(&stat, "throttled_time").map(|ns| ns / 1e9),
    );
    let number = |controller, name| file(controller, name).and_then(|text| parse::single(&text));
    let quota = number("cpu", "cpu.cfs_quota_us");
    let period = number("cpu", "cpu.cfs_period_us").filter(|period| *period > 0.0);
    fill(
        &mut readings.cpu_quota_cores,
        quota.zip(period).map(|(quota, period)| quota / period),
    );
    fill(
        &mut readings.memory_bytes,
        number("memory", "memory.usage_in_bytes"),
    );
    fill(
        &mut readings.memory_max_bytes,
        number("memory", "memory.limit_in_bytes"),
    );
    fill(
        &mut readings.oom_kills,
        file("memory", "memory.oom_control").and_then(|text| parse::keyed(&text, "oom_kill")),
    );
}

fn pressure(file: impl Fn(&str) -> Option<String>) -> Vec<Pressure> {
    let mut all = Vec::new();
    for resource in ["cpu", "memory", "io"] {
        let Some(text) = file(resource) else { continue };
        for who in ["some", "full"] {
            if let Some(seconds) = parse::pressure_seconds(&text, who) {
                all.push(Pressure {
                    resource,
                    who,
                    seconds,
                });
            }
        }
    }
    all
}

fn text_of(places: &[String]) -> Option<String> {
    places
        .iter()
        .find_map(|place| fs::read_to_string(PathBuf::from(place)).ok())
}
