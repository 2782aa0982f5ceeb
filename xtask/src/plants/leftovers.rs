//! What a run left that was killed: its processes, by number and start, its control groups and its namespace. The next
//! run ends them before it begins.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use super::{group, namespace, rig::DATA};
use crate::workspace::say;

const END_MAX: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(50);

fn file() -> PathBuf {
    Path::new(DATA).join("running")
}

/// A process of the rig was started.
pub(crate) fn note(pid: u32) -> anyhow::Result<()> {
    let Some(start) = start(pid) else {
        return Ok(());
    };
    let mut file = OpenOptions::new().create(true).append(true).open(file())?;
    writeln!(file, "{pid} {start}").context("note a process of the rig")
}

/// Ends all that is left.
pub(crate) fn clear() -> anyhow::Result<()> {
    let noted = fs::read_to_string(file()).unwrap_or_default();
    let left = |line: &str| {
        let (pid, noted) = line.split_once(' ')?;
        let pid: u32 = pid.parse().ok()?;
        // A number that was given to another process since is none of ours.
        (start(pid)? == noted).then_some(pid)
    };
    let mut pids: Vec<u32> = noted.lines().filter_map(left).collect();
    if !pids.is_empty() {
        say(format_args!(
            "{} processes of a run that was killed are ended",
            pids.len()
        ));
    }
    // Those who ask before those who are asked.
    pids.reverse();
    for pid in &pids {
        signal(*pid, Signal::INT);
    }
    let started = Instant::now();
    while started.elapsed() < END_MAX && pids.iter().any(|pid| start(*pid).is_some()) {
        thread::sleep(POLL);
    }
    for pid in noted.lines().filter_map(left) {
        signal(pid, Signal::KILL);
    }
    group::clear();
    namespace::clear();
    let _ = fs::remove_file(file());
    Ok(())
}

/// When a process started, in the kernel's ticks; nothing when there is none.
fn start(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may have spaces and stands in brackets: the fields are counted after it.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let is_ended = fields.first() == Some(&"Z");
    (!is_ended).then(|| fields.get(19).map(|start| (*start).to_owned()))?
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }
}
