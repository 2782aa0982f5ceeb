//! Control groups of version 1: one for each party that is held down, in each controller that holds it.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};

use super::means::{Party, Settings};
use crate::workspace::say;

const ROOT: &str = "/sys/fs/cgroup";
const PARENT: &str = "sidequest-plants";
const WRITE_RATE: &str = "blkio.throttle.write_bps_device";
const READ_RATE: &str = "blkio.throttle.read_bps_device";
const PERIOD: &str = "cpu.cfs_period_us";
const QUOTA: &str = "cpu.cfs_quota_us";
/// What stands in the file of a quota for none.
const NO_QUOTA: &str = "-1";
/// In `cpu.stat` of version 1, nanoseconds.
const THROTTLED: &str = "throttled_time";
/// The period of the quota: the kernel's own.
const PERIOD_US: u64 = 100_000;
/// A group empties when its last process is reaped, which is a little after it ended.
const REMOVALS_MAX: u32 = 100;
const REMOVAL_POLL: Duration = Duration::from_millis(20);

/// The groups of one party; removed when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    directories: Vec<PathBuf>,
}

impl Group {
    /// Those that the settings ask for; none is one too.
    pub(crate) fn of(party: Party, settings: &Settings) -> anyhow::Result<Group> {
        let mut group = Group {
            directories: Vec::new(),
        };
        if let Some(percent) = settings.quota_percent.get(&party) {
            let files = [(PERIOD, PERIOD_US.to_string()), (QUOTA, quota(*percent))];
            group.add("cpu", party, &files)?;
        }
        if let Some(cores) = settings.cores.get(&party) {
            let files = [
                ("cpuset.cpus", (*cores).to_owned()),
                ("cpuset.mems", "0".to_owned()),
            ];
            group.add("cpuset", party, &files)?;
        }
        if settings.credits.contains_key(&party) {
            // What is left of the credits decides about the quota: a controller switches it.
            group.add("cpu", party, &[(PERIOD, PERIOD_US.to_string())])?;
            group.add("cpuacct", party, &[])?;
        }
        if let Some(bytes) = settings.memory_bytes.get(&party) {
            group.add("memory", party, &[("memory.limit_in_bytes", bytes.to_string())])?;
        }
        let writes = settings.write_rate_bytes.get(&party);
        let reads = settings.read_rate_bytes.get(&party);
        if writes.is_some() || reads.is_some() {
            let files = match writes {
                Some(bytes) => vec![(WRITE_RATE, format!("{} {bytes}", disk()?))],
                None => Vec::new(),
            };
            group.add("blkio", party, &files)?;
        }
        Ok(group)
    }

    /// Of a process that nothing holds down.
    pub(crate) fn none() -> Group {
        Group {
            directories: Vec::new(),
        }
    }

    /// Where a process writes its number to belong to it.
    pub(crate) fn joined_by(&self) -> impl Iterator<Item = PathBuf> {
        self.directories
            .iter()
            .map(|directory| directory.join("cgroup.procs"))
    }

    /// Sets the quota anew, or takes it away.
    pub(crate) fn hold(&self, percent: Option<u32>) -> anyhow::Result<()> {
        let file = self.of_controller("cpu")?.join(QUOTA);
        let value = percent.map_or_else(|| NO_QUOTA.to_owned(), quota);
        fs::write(&file, value).with_context(|| format!("write {}", file.display()))
    }

    /// CPU that its processes have used.
    pub(crate) fn used(&self) -> anyhow::Result<Duration> {
        let text = fs::read_to_string(self.of_controller("cpuacct")?.join("cpuacct.usage"))?;
        Ok(Duration::from_nanos(text.trim().parse()?))
    }

    /// How long its processes were kept from running; nothing where nothing can keep them.
    pub(crate) fn throttled(&self) -> Option<Duration> {
        let text = fs::read_to_string(self.of_controller("cpu").ok()?.join("cpu.stat")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(THROTTLED))?;
        Some(Duration::from_nanos(line.trim().parse().ok()?))
    }

    fn of_controller(&self, controller: &str) -> anyhow::Result<&Path> {
        let root = Path::new(ROOT).join(controller);
        self.directories
            .iter()
            .find(|directory| directory.starts_with(&root))
            .map(PathBuf::as_path)
            .with_context(|| format!("find the group in the controller {controller}"))
    }

    /// Reads are held when everything stands: what starts has to read what it needs.
    pub(crate) fn hold_reads(&self, bytes: u64) -> anyhow::Result<()> {
        let file = self.of_controller("blkio")?.join(READ_RATE);
        fs::write(&file, format!("{} {bytes}", disk()?)).with_context(|| format!("write {}", file.display()))
    }

    /// Reads and writes as fast as the disk can: what ends has to write what it holds.
    pub(crate) fn lift_disk_rates(&self) {
        let files = self
            .directories
            .iter()
            .flat_map(|directory| [directory.join(WRITE_RATE), directory.join(READ_RATE)]);
        for file in files.filter(|file| file.exists()) {
            if let Ok(device) = disk() {
                let _ = fs::write(file, format!("{device} 0"));
            }
        }
    }

    fn add(&mut self, controller: &str, party: Party, files: &[(&str, String)]) -> anyhow::Result<()> {
        let root = Path::new(ROOT).join(controller);
        if !root.join("cgroup.procs").exists() {
            bail!("plant: the controller {controller} of version 1 is not mounted here");
        }
        let parent = root.join(PARENT);
        let directory = parent.join(party.name());
        // A cpuset's parent must have what its child is to have.
        let inherited: &[&str] = if controller == "cpuset" {
            &["cpuset.cpus", "cpuset.mems"]
        } else {
            &[]
        };
        fs::create_dir_all(&parent).with_context(|| format!("create the group {}", parent.display()))?;
        for file in inherited {
            let value = fs::read_to_string(root.join(file))?;
            fs::write(parent.join(file), value.trim())?;
        }
        fs::create_dir_all(&directory)
            .with_context(|| format!("create the group {}", directory.display()))?;
        self.directories.push(directory.clone());
        for (file, value) in files {
            fs::write(directory.join(file), value)
                .with_context(|| format!("write {value} to {file} of {}", directory.display()))?;
        }
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for directory in &self.directories {
            let is_removed = (0..REMOVALS_MAX).any(|_| {
                fs::remove_dir(directory).is_ok() || {
                    thread::sleep(REMOVAL_POLL);
                    false
                }
            });
            if !is_removed {
                say(format_args!("warning: the group {} stays", directory.display()));
            }
            if let Some(parent) = directory.parent() {
                // Another party may still be in it.
                let _ = fs::remove_dir(parent);
            }
        }
    }
}

/// Why a controller cannot be used, if it cannot.
pub(crate) fn missing(controller: &str) -> Option<String> {
    let root = Path::new(ROOT).join(controller);
    if !root.join("cgroup.procs").exists() {
        return Some(format!(
            "the controller {controller} of version 1 is not mounted here"
        ));
    }
    let probe = root.join(format!("{PARENT}-probe"));
    if let Err(error) = fs::create_dir_all(&probe) {
        return Some(format!(
            "no group can be made in the controller {controller}: {error}"
        ));
    }
    let lacking = [WRITE_RATE, READ_RATE]
        .into_iter()
        .find(|file| controller == "blkio" && !probe.join(file).exists());
    let _ = fs::remove_dir(&probe);
    lacking.map(|file| format!("the controller {controller} has no {file}"))
}

/// Groups that a run left which was killed.
pub(crate) fn clear() {
    for controller in ["cpu", "cpuacct", "cpuset", "memory", "blkio"] {
        let parent = Path::new(ROOT).join(controller).join(PARENT);
        for entry in fs::read_dir(&parent).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(entry.path());
        }
        let _ = fs::remove_dir(&parent);
    }
}

fn quota(percent: u32) -> String {
    (PERIOD_US * u64::from(percent) / 100).to_string()
}

/// The whole disk below the rig's data, as major:minor.
fn disk() -> anyhow::Result<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("read the mounts")?;
    let best = mounts
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let (device, place) = (fields.get(2)?, fields.get(4)?);
            Path::new(super::rig::DATA)
                .starts_with(place)
                .then(|| (place.len(), (*device).to_owned()))
        })
        .max();
    let (_, device) = best.context("find the disk of the rig's data")?;
    let link = fs::read_link(format!("/sys/dev/block/{device}"))
        .with_context(|| format!("find the disk of the device {device}"))?;
    let sys = Path::new("/sys/dev/block").join(link);
    if sys.join("partition").exists()
        && let Ok(text) = fs::read_to_string(sys.join("../dev"))
    {
        return Ok(text.trim().to_owned());
    }
    Ok(device)
}
