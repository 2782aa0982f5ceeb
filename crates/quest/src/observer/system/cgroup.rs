//! The control group of a process, in both versions: quota, throttling, pressure, memory events.
//!
//! Throttled time is a sum over CPUs in both versions; `pressure_full_seconds` of version 2 is wall time.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Where a process' control groups are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Groups {
    unified: Option<PathBuf>,
    cpu: Option<PathBuf>,
    memory: Option<PathBuf>,
}

/// One mounted hierarchy.
struct Mount {
    root: String,
    place: PathBuf,
    is_unified: bool,
    controllers: Vec<String>,
}

impl Groups {
    pub(super) fn of(pid: u32) -> Groups {
        let mounts = mounts(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default());
        let member = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let mut groups = Groups::default();
        for line in member.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            if controllers.is_empty() {
                groups.unified = place(&mounts, |mount| mount.is_unified, path);
            } else {
                for controller in controllers.split(',') {
                    let found = place(
                        &mounts,
                        |mount| mount.controllers.iter().any(|name| name == controller),
                        path,
                    );
                    match controller {
                        "cpu" => groups.cpu = found,
                        "memory" => groups.memory = found,
                        _ => {}
                    }
                }
            }
        }
        groups
    }

    /// What they say; limits go into `gauges`.
    pub(super) fn read(&self, counters: &mut BTreeMap<String, f64>, gauges: &mut BTreeMap<String, f64>) {
        if let Some(group) = &self.cpu {
            statistics(group, counters);
            let number = |file: &str| read_number(&group.join(file));
            if let (Some(quota), Some(period)) = (number("cpu.cfs_quota_us"), number("cpu.cfs_period_us"))
                && quota > 0.0
                && period > 0.0
            {
                gauges.insert("cgroup_quota_cores".to_owned(), quota / period);
            }
        }
        if let Some(group) = &self.memory {
            if let Some(count) = read_number(&group.join("memory.failcnt")) {
                counters.insert("cgroup_memory_limit_hits".to_owned(), count);
            }
            if let Some(bytes) =
                read_number(&group.join("memory.limit_in_bytes")).filter(|bytes| *bytes < 1e18)
            {
                gauges.insert("cgroup_memory_max_bytes".to_owned(), bytes);
            }
            if let Some(bytes) = read_number(&group.join("memory.usage_in_bytes")) {
                gauges.insert("cgroup_memory_bytes".to_owned(), bytes);
            }
            field(
                &group.join("memory.oom_control"),
                "oom_kill",
                "cgroup_oom_kills",
                counters,
            );
        }
        if let Some(group) = &self.unified {
            self.read_unified(group, counters, gauges);
        }
    }

    fn read_unified(
        &self,
        group: &Path,
        counters: &mut BTreeMap<String, f64>,
        gauges: &mut BTreeMap<String, f64>,
    ) {
        // Where both versions are mounted, the one with the cpu controller counts periods.
        if self.cpu.is_none() {
            statistics(group, counters);
            if let Ok(text) = fs::read_to_string(group.join("cpu.max")) {
                let mut fields = text.split_whitespace().map(str::parse::<f64>);
                if let (Some(Ok(quota)), Some(Ok(period))) = (fields.next(), fields.next()) {
                    gauges.insert("cgroup_quota_cores".to_owned(), quota / period);
                }
            }
        }
        for (resource, file) in [
            ("cpu", "cpu.pressure"),
            ("memory", "memory.pressure"),
            ("io", "io.pressure"),
        ] {
            pressure(&group.join(file), &format!("cgroup_{resource}"), counters);
        }
        field(
            &group.join("memory.events"),
            "oom_kill",
            "cgroup_oom_kills",
            counters,
        );
        field(
            &group.join("memory.events"),
            "max",
            "cgroup_memory_limit_hits",
            counters,
        );
        for (file, key) in [
            ("memory.max", "cgroup_memory_max_bytes"),
            ("memory.current", "cgroup_memory_bytes"),
        ] {
            if let Some(bytes) = read_number(&group.join(file)) {
                gauges.insert(key.to_owned(), bytes);
            }
        }
    }
}

/// `some` and `full` of a pressure file, in seconds.
pub(super) fn pressure(file: &Path, name: &str, counters: &mut BTreeMap<String, f64>) {
    let Ok(text) = fs::read_to_string(file) else {
        return;
    };
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        let Some(kind) = fields.next() else { continue };
        let total = fields.find_map(|field| field.strip_prefix("total=")?.parse::<f64>().ok());
        if let Some(total) = total {
            counters.insert(format!("{name}_pressure_{kind}_seconds"), total / 1e6);
        }
    }
}

fn statistics(group: &Path, counters: &mut BTreeMap<String, f64>) {
    let Ok(text) = fs::read_to_string(group.join("cpu.stat")) else {
        return;
    };
    for line in text.lines() {
        let Some((key, value)) = line.split_once(' ') else {
            continue;
        };
        let Ok(value) = value.trim().parse::<f64>() else {
            continue;
        };
        match key {
            "nr_periods" => counters.insert("cgroup_periods".to_owned(), value),
            "nr_throttled" => counters.insert("cgroup_throttled_periods".to_owned(), value),
            "throttled_usec" => counters.insert("cgroup_throttled_seconds".to_owned(), value / 1e6),
            "throttled_time" => counters.insert("cgroup_throttled_seconds".to_owned(), value / 1e9),
            "usage_usec" => counters.insert("cgroup_cpu_seconds".to_owned(), value / 1e6),
            _ => None,
        };
    }
}

fn field(file: &Path, name: &str, key: &str, counters: &mut BTreeMap<String, f64>) {
    let Ok(text) = fs::read_to_string(file) else {
        return;
    };
    let value = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(found, _)| *found == name)
        .and_then(|(_, value)| value.trim().parse::<f64>().ok());
    if let Some(value) = value {
        counters.insert(key.to_owned(), value);
    }
}

fn read_number(file: &Path) -> Option<f64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn place(mounts: &[Mount], is_right: impl Fn(&Mount) -> bool, path: &str) -> Option<PathBuf> {
    mounts.iter().filter(|mount| is_right(mount)).find_map(|mount| {
        // A mount may show a part of the hierarchy only.
        let below = if mount.root == "/" {
            path
        } else {
            path.strip_prefix(mount.root.as_str()).unwrap_or("")
        };
        let place = mount.place.join(below.trim_start_matches('/'));
        place.exists().then_some(place)
    })
}

fn mounts(mountinfo: &str) -> Vec<Mount> {
    mountinfo
        .lines()
        .filter_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let before: Vec<&str> = before.split_whitespace().collect();
            let mut after = after.split_whitespace();
            let kind = after.next()?;
            let options = after.nth(1).unwrap_or_default();
            (kind == "cgroup" || kind == "cgroup2").then(|| Mount {
                root: before.get(3).copied().unwrap_or("/").to_owned(),
                place: PathBuf::from(before.get(4).copied().unwrap_or_default()),
                is_unified: kind == "cgroup2",
                controllers: options.split(',').map(str::to_owned).collect(),
            })
        })
        .collect()
}
