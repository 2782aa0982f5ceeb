//! On which core a process runs: ours is moved there while it starts, and what it starts stays.

use std::process::{Child, Command};

use anyhow::Context as _;

/// Where servers run.
pub(crate) const SERVER: usize = 0;
/// Where clients run.
pub(crate) const CLIENT: usize = 1;

/// Starts it on the core.
#[cfg(target_os = "linux")]
pub(crate) fn spawn(command: &mut Command, core: usize) -> anyhow::Result<Child> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let before = sched_getaffinity(None).context("ask on which cores we may run")?;
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one).with_context(|| format!("move to core {core}"))?;
    let child = command.spawn();
    sched_setaffinity(None, &before).context("move back to all cores")?;
    child.with_context(|| format!("start {}", command.get_program().to_string_lossy()))
}

/// There is no pinning here, and no measurement without.
#[cfg(not(target_os = "linux"))]
pub(crate) fn spawn(command: &mut Command, core: usize) -> anyhow::Result<Child> {
    Err(anyhow::anyhow!("this benchmark needs Linux"))
        .with_context(|| format!("start {} on core {core}", command.get_program().to_string_lossy()))
}
