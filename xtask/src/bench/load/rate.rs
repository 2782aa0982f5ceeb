//! The rate: 50,000 requests a second are to be 50,000, by the clock of whoever started the process.

use std::fmt::Write as _;

use anyhow::bail;

use super::{
    Common,
    cell::Protocol,
    ours,
    server::{self, Server},
};
use crate::workspace::say;

const RATE: f64 = 50_000.0;
const REQUESTS: u64 = 1_000_000;
const SHORT_REQUESTS: u64 = 100_000;
const ERROR_MAX: f64 = 0.001;

/// Runs it.
pub(crate) fn run(common: &Common) -> anyhow::Result<()> {
    let binary = common.binary()?;
    server::prepare()?;
    let requests = if common.short { SHORT_REQUESTS } else { REQUESTS };
    let mut table = String::from(
        "| protocol | requests | the process took | error by our clock | error by its own | longest send lag |\n|---|---|---|---|---|---|\n",
    );
    let mut faults = Vec::new();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let responder = Server::responder(server::REQUESTS_MAX)?;
        let url = format!("http://{}/small", responder.address(protocol));
        let (rate, requests_text) = (RATE.to_string(), requests.to_string());
        let mut arguments = vec!["--rate", &rate, "-n", &requests_text];
        let name = match protocol {
            Protocol::Http1 => {
                arguments.extend(["--h1", "-c", "64"]);
                "h1 x64"
            }
            Protocol::Http2 => {
                arguments.extend(["--h2", "-c", "1", "-m", "100"]);
                "h2 1x100"
            }
        };
        arguments.push(&url);
        let told = ours::run(&binary, &arguments)?;
        #[expect(clippy::cast_precision_loss, reason = "a million")]
        let due = requests as f64 / RATE;
        // The process's start and end are in it: more than the truth, never less.
        let outside = told.wall.as_secs_f64() / due - 1.0;
        let inside = told.number("/active_ms")? / 1e3 / due - 1.0;
        let is_whole = told.ok()? == requests && told.reconciles()?;
        if !common.short && outside.abs().min(inside.abs()) > ERROR_MAX || !is_whole {
            faults.push(format!("{name}: {outside} {inside}:\n{}", told.text));
        }
        let _ = writeln!(
            table,
            "| {name} | {requests} | {:.3} s | {:+.3} % | {:+.3} % | {:.2} ms |",
            told.wall.as_secs_f64(),
            100.0 * outside,
            100.0 * inside,
            told.number("/send_lag/max_ms")?,
        );
    }
    say(&table);
    let text = format!(
        "# The rate\n\n{RATE} requests a second to the responder; the goal is an error below 0.1 %.\n\n{table}"
    );
    super::page::write_part(common.directory().as_deref(), "rate", &text)?;
    if !faults.is_empty() {
        bail!("keep the rate:\n{}", faults.join("\n"));
    }
    Ok(())
}
