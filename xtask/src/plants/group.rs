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
            let quota = PERIOD_US * u64::from(*percent) / 100;
            let files = [
                ("cpu.cfs_period_us", PERIOD_US.to_string()),
                ("cpu.cfs_quota_us", quota.to_string()),
            ];
            group.add("cpu", party, &files)?;
        }
        if let Some(cores) = settings.cores.get(&party) {
            let files = [
                ("cpuset.cpus", (*cores).to_owned()),
                ("cpuset.mems", "0".to_owned()),
            ];
            group.add("cpuset", party, &files)?;
        }
        if let Some(bytes) = settings.write_rate_bytes.get(&party) {
            let device = disk()?;
            let files = [(WRITE_RATE, format!("{device} {bytes}"))];
            group.add("blkio", party, &files)?;
        }
        Ok(group)
    }

    /// Where a process writes its number to belong to it.
    pub(crate) fn joined_by(&self) -> impl Iterator<Item = PathBuf> {
        self.directories
            .iter()
            .map(|directory| directory.join("cgroup.procs"))
    }

    /// Writes as fast as the disk can: what ends has to write what it holds.
    pub(crate) fn lift_write_rate(&self) {
        for directory in &self.directories {
            let file = directory.join(WRITE_RATE);
            if file.exists()
                && let Ok(device) = disk()
            {
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
