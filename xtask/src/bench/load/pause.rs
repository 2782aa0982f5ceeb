//! The pause: the server is stopped for a second while 500 requests a second are due. Who arrived then has waited.

use std::{
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    Common,
    cell::{Host, Protocol},
    ours,
    server::{self, Server},
};
use crate::workspace::say;

const BEFORE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_secs(1);
/// Of 2,500 requests, 25 waited longer.
const P99_MS: f64 = 950.0;
const ERROR_MAX: f64 = 0.03;

/// Runs it.
pub(crate) fn run(common: &Common) -> anyhow::Result<()> {
    let binary = common.binary()?;
    server::prepare()?;
    let mut table = String::from(
        "| server | protocol | mean | p90 | p99 of the response time | error | p99 of the service time | reconciles |\n|---|---|---|---|---|---|---|---|\n",
    );
    let mut faults = Vec::new();
    for host in [Host::Responder, Host::Nginx] {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let server = Server::start(host, server::REQUESTS_MAX)?;
            let url = format!("http://{}/small", server.address(protocol));
            let mut arguments = vec!["--rate", "500", "-D", "5"];
            let name = match protocol {
                Protocol::Http1 => {
                    arguments.extend(["--h1", "-c", "4"]);
                    "h1 x4"
                }
                Protocol::Http2 => {
                    arguments.extend(["--h2", "-c", "1", "-m", "100"]);
                    "h2 1x100"
                }
            };
            arguments.push(&url);
            let running = ours::start(&binary, &arguments)?;
            thread::sleep(BEFORE);
            let paused = pause(&server.pids()?)?;
            let told = running.finish()?;
            let p99 = told.number("/response/p99_ms")?;
            // What was asked for was one second; what was had is what they waited for.
            let truth = P99_MS - 1e3 + paused.as_secs_f64() * 1e3;
            let error = (p99 - truth) / truth;
            if error.abs() > ERROR_MAX || !told.reconciles()? {
                faults.push(format!("{host:?} {name}: p99 {p99} ms:\n{}", told.text));
            }
            let _ = writeln!(
                table,
                "| {host:?} | {name} | {:.1} ms | {:.0} ms | {p99:.1} ms | {:+.2} % | {:.1} ms | {} |",
                told.number("/response/mean_ms")?,
                told.number("/response/p90_ms")?,
                100.0 * error,
                told.number("/service/p99_ms")?,
                if told.reconciles()? { "yes" } else { "**no**" },
            );
        }
    }
    say(&table);
    let text = format!(
        "# The pause\n\n\
         500 requests a second for 5 s, the server stopped by SIGSTOP for one of them, no flag that asks for correction.\n\
         The truth for who arrives on schedule is a p99 of {P99_MS} ms; the goal is 3 %.\n\n{table}"
    );
    super::page::write_part(common.directory().as_deref(), "pause", &text)?;
    if !faults.is_empty() {
        bail!("pass the pause:\n{}", faults.join("\n"));
    }
    Ok(())
}

fn pause(pids: &[u32]) -> anyhow::Result<Duration> {
    let pids: Vec<Pid> = pids
        .iter()
        .filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?))
        .collect();
    let all = |signal: Signal| {
        pids.iter()
            .try_for_each(|pid| kill_process(*pid, signal))
            .context("signal the server")
    };
    all(Signal::STOP)?;
    let started = Instant::now();
    thread::sleep(PAUSE);
    all(Signal::CONT)?;
    Ok(started.elapsed())
}
