//! Which process: by its name, by the port that it listens on, by its parent.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::process::after_name;

/// Processes that are looked at at most.
const LOOKED_AT_MAX: usize = 65_536;

/// Pids of processes of this name.
pub fn named(name: &str) -> Vec<u32> {
    let mut pids: Vec<u32> = pids()
        .filter(|pid| {
            name_of(*pid).is_some_and(|found| found == name || (name.len() > 15 && name.starts_with(&found)))
        })
        .collect();
    // A parent of the same name stands for its children.
    let all: BTreeSet<u32> = pids.iter().copied().collect();
    pids.retain(|pid| parent_of(*pid).is_none_or(|parent| !all.contains(&parent)));
    pids
}

/// What a process is called.
pub fn name_of(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .ok()
        .map(|name| name.trim_end().to_owned())
}

/// Which process listens on a TCP port of this machine; of several, the parent of the others.
pub fn owner_of_port(port: u16) -> Result<(u32, String), String> {
    let sockets = listening(port);
    if sockets.is_empty() {
        return Err(format!("nobody on this machine listens on port {port}"));
    }
    let mut owners: Vec<u32> = Vec::new();
    let mut unreadable = 0;
    for pid in pids() {
        match holds(pid, &sockets) {
            Some(true) => owners.push(pid),
            Some(false) => {}
            None => unreadable += 1,
        }
    }
    let set: BTreeSet<u32> = owners.iter().copied().collect();
    owners.retain(|pid| parent_of(*pid).is_none_or(|parent| !set.contains(&parent)));
    match owners.first() {
        Some(pid) => Ok((*pid, name_of(*pid).unwrap_or_default())),
        None => Err(format!(
            "the process behind port {port} is another user's ({unreadable} processes cannot be looked into)"
        )),
    }
}

/// All below a process.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = vec![pid];
    while let Some(pid) = open.pop() {
        if found.len() >= super::PROCESSES_MAX {
            break;
        }
        // Children belong to the thread that made them.
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
            continue;
        };
        for task in tasks.flatten() {
            if let Ok(text) = fs::read_to_string(task.path().join("children")) {
                let children = text
                    .split_whitespace()
                    .filter_map(|child| child.parse::<u32>().ok());
                for child in children {
                    found.push(child);
                    open.push(child);
                }
            }
        }
    }
    found
}

/// The process that made it.
pub fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    after_name(&stat)?.get(1)?.parse().ok()
}

fn pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .take(LOOKED_AT_MAX)
}

/// Inodes of sockets that listen on a port.
fn listening(port: u16) -> BTreeSet<u64> {
    let mut inodes = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let Ok(text) = fs::read_to_string(table) else {
            continue;
        };
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(state), Some(inode)) = (fields.get(1), fields.get(3), fields.get(9))
            else {
                continue;
            };
            let is_port = local
                .rsplit_once(':')
                .and_then(|(_, port)| u16::from_str_radix(port, 16).ok())
                == Some(port);
            // 0A is LISTEN.
            if is_port
                && *state == "0A"
                && let Ok(inode) = inode.parse()
            {
                inodes.insert(inode);
            }
        }
    }
    inodes
}

/// Whether a process has one of the sockets open; nothing where we may not look.
fn holds(pid: u32, sockets: &BTreeSet<u64>) -> Option<bool> {
    let entries = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")).ok()?;
    let is_one = |path: PathBuf| {
        path.to_str()
            .and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
            .is_some_and(|inode: u64| sockets.contains(&inode))
    };
    Some(
        entries
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(is_one),
    )
}
