//! One run of one tool: its CPU time, the server's, and everybody else's.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::affinity;
use crate::{bench::usage, workspace::target};

/// A tool that takes longer hangs.
const RUN_MAX: Duration = Duration::from_secs(300);
/// Of a core's time, what others may use during a run.
const FOREIGN_SHARE_MAX: f64 = 0.10;

/// What a run cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) client: Duration,
    pub(crate) server: Duration,
    /// All other processes, and what the hypervisor took.
    pub(crate) foreign: Duration,
}

impl Cost {
    pub(crate) fn is_undisturbed(&self) -> bool {
        self.foreign.as_secs_f64() <= FOREIGN_SHARE_MAX * self.wall.as_secs_f64()
    }
}

/// Runs it on the clients' core to its end; its cost, and what it printed.
pub(crate) fn run(mut command: Command, server: &[u32]) -> anyhow::Result<(Cost, String)> {
    let said = target().join("bench/load/said.txt");
    let file = File::create(&said).with_context(|| format!("write {}", said.display()))?;
    command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
    let before = Usage::now(server, None)?;
    let started = Instant::now();
    let mut child = affinity::spawn(&mut command, affinity::CLIENT)?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.context("know the tool's process")?;
    let ended = thread::scope(|scope| {
        let (done, wait) = sync_channel::<()>(1);
        scope.spawn(move || {
            if wait.recv_timeout(RUN_MAX) == Err(RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        // It stays a zombie, whose times can still be read.
        let ended = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        drop(done);
        ended
    });
    let wall = started.elapsed();
    ended.context("wait for the tool")?;
    let after = Usage::now(server, Some(child.id()))?;
    let status = child.wait().context("wait for the tool")?;
    let text = fs::read_to_string(&said).with_context(|| format!("read {}", said.display()))?;
    if !status.success() {
        bail!("run {command:?}: {status}:\n{text}");
    }
    let ticks = |a: u64, b: u64| usage::in_time(a.saturating_sub(b));
    let cost = Cost {
        wall,
        client: usage::in_time(after.client),
        server: ticks(after.server, before.server),
        foreign: ticks(after.foreign, before.foreign),
    };
    Ok((cost, text))
}

/// Ticks of everybody.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    client: u64,
    server: u64,
    foreign: u64,
}

impl Usage {
    fn now(server: &[u32], client: Option<u32>) -> anyhow::Result<Usage> {
        let mut usage = Usage {
            foreign: usage::stolen_ticks(),
            ..Usage::default()
        };
        for stat in usage::stats()? {
            // A process's end moves its time into its parent's: the sum goes on.
            let ticks = stat.own_ticks + stat.ended_ticks;
            if Some(stat.pid) == client {
                usage.client += ticks;
            } else if server.contains(&stat.pid) {
                usage.server += ticks;
            // The kernel's own threads, children of number 2, do what the two of us ask for.
            } else if stat.pid != std::process::id() && stat.parent != 2 {
                usage.foreign += ticks;
            }
        }
        Ok(usage)
    }
}
