//! The memory: after 50 million requests it is to be what it was after one million.

use std::{fmt::Write as _, fs, thread, time::Duration};

use anyhow::{Context as _, bail};

use super::{
    Common, ours,
    server::{self, Server},
};
use crate::workspace::say;

const REQUESTS: [u64; 2] = [1_000_000, 50_000_000];
const SHORT_REQUESTS: [u64; 2] = [100_000, 1_000_000];
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Of what the shorter run needs; the heap's own unevenness.
const GROWTH_MAX: f64 = 0.05;

/// Runs it.
pub(crate) fn run(common: &Common) -> anyhow::Result<()> {
    let binary = common.binary()?;
    server::prepare()?;
    let mut table = String::from("| requests | succeeded | largest RSS | took |\n|---|---|---|---|\n");
    let mut peaks = Vec::new();
    for requests in if common.short { SHORT_REQUESTS } else { REQUESTS } {
        let responder = Server::responder(server::REQUESTS_MAX)?;
        let url = format!("http://{}/small", responder.http2);
        let requests_text = requests.to_string();
        let mut running = ours::start(
            &binary,
            &["-n", &requests_text, "-c", "8", "--h2", "-m", "100", &url],
        )?;
        let mut peak_kb = 0;
        while !running.has_ended()? {
            // The kernel keeps the largest; the last look before the end has it.
            peak_kb = peak_kb.max(largest_kb(running.pid()).unwrap_or(0));
            thread::sleep(LOOK_EVERY);
        }
        let told = running.finish()?;
        if told.ok()? != requests || !told.reconciles()? {
            bail!("have {requests} answered:\n{}", told.text);
        }
        let _ = writeln!(
            table,
            "| {requests} | {} | {peak_kb} kB | {:.1} s |",
            told.ok()?,
            told.wall.as_secs_f64()
        );
        peaks.push(peak_kb);
    }
    say(&table);
    let text =
        format!("# The memory\n\nThe responder's 13 bytes over 8 connections of 100 streams.\n\n{table}");
    super::page::write_part(common.directory().as_deref(), "memory", &text)?;
    let [few, many] = peaks[..] else {
        bail!("compare two runs")
    };
    let bound = f64::from(few) * (1.0 + GROWTH_MAX);
    if f64::from(many) > bound {
        bail!("stay at {few} kB: {many} kB after more requests");
    }
    Ok(())
}

fn largest_kb(pid: u32) -> anyhow::Result<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("find the largest RSS")?;
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .context("read the largest RSS")
}
