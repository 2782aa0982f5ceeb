//! Resident memory of two processes while one of them runs.

use std::{
    fs,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

const POLL: Duration = Duration::from_millis(10);

/// What a process had in memory, sampled over a turn; in bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Since the turn began, and how much.
    pub(super) samples: Vec<(Duration, u64)>,
}

impl Memory {
    pub(super) fn peak(&self) -> u64 {
        self.samples.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0)
    }

    /// The highest in each quarter of the turn: memory that grows with the rows is seen here.
    pub(super) fn quarters(&self) -> [u64; 4] {
        let end = self.samples.last().map_or(Duration::ZERO, |(at, _)| *at);
        let mut quarters = [0; 4];
        for (at, bytes) in &self.samples {
            let share = at.as_secs_f64() / end.as_secs_f64().max(f64::MIN_POSITIVE);
            let quarter = match share {
                share if share < 0.25 => 0,
                share if share < 0.5 => 1,
                share if share < 0.75 => 2,
                _ => 3,
            };
            quarters[quarter] = (*bytes).max(quarters[quarter]);
        }
        quarters
    }
}

/// Watches the process of this number and the child until the child ends: memory of the first, and of the child.
pub(super) fn watch(pid: u32, child: &mut Child) -> anyhow::Result<(Memory, Memory)> {
    let (mut first, mut second) = (Memory::default(), Memory::default());
    let began = Instant::now();
    while child.try_wait().context("wait for the command")?.is_none() {
        let at = began.elapsed();
        for (pid, memory) in [(pid, &mut first), (child.id(), &mut second)] {
            // The child may have ended meanwhile.
            if let Some(bytes) = resident(pid) {
                memory.samples.push((at, bytes));
            }
        }
        thread::sleep(POLL);
    }
    Ok((first, second))
}

fn resident(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
