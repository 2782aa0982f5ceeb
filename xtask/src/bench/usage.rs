//! CPU time of processes, as /proc counts it.

use std::{fs, time::Duration};

use anyhow::Context as _;
use nix::{
    time::{clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};

/// The fields of /proc/PID/stat that are wanted here.
#[derive(Clone, Debug)]
pub(crate) struct Stat {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    pub(crate) name: String,
    pub(crate) own_ticks: u64,
    /// Of children that ended and were waited for.
    pub(crate) ended_ticks: u64,
}

/// What the hypervisor took from all cores together, since it began.
pub(crate) fn stolen_ticks() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    // cpu user nice system idle iowait irq softirq steal
    line.split_whitespace()
        .nth(8)
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

/// Every process there is.
pub(crate) fn stats() -> anyhow::Result<Vec<Stat>> {
    let mut stats = Vec::new();
    for entry in fs::read_dir("/proc").context("read /proc, which this benchmark needs")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end between the listing and here.
        if let Ok(text) = fs::read_to_string(entry.path().join("stat"))
            && let Some(stat) = parse(pid, &text)
        {
            stats.push(stat);
        }
    }
    Ok(stats)
}

/// `PID (name) state ppid ...`: the name may hold blanks and parentheses, so what follows begins at the last one.
fn parse(pid: u32, text: &str) -> Option<Stat> {
    let (begin, end) = (text.find('(')?, text.rfind(')')?);
    let fields: Vec<&str> = text[end + 1..].split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        pid,
        parent: u32::try_from(number(4)?).ok()?,
        name: text[begin + 1..end].to_owned(),
        own_ticks: number(14)? + number(15)?,
        ended_ticks: number(16)? + number(17)?,
    })
}

/// What a process has used, to the nanosecond and with its ended threads: ticks are too coarse for a short turn.
pub(crate) fn exactly(pid: u32) -> anyhow::Result<Duration> {
    let pid = Pid::from_raw(i32::try_from(pid).context("find the clock of a process")?);
    let clock = clock_getcpuclockid(pid).context("find the clock of a process")?;
    let used = clock_gettime(clock).context("read the clock of a process")?;
    Ok(used.into())
}

/// Ticks as time; a tick is mostly 10 ms.
pub(crate) fn in_time(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second().max(1))
}
