//! The cliff: nginx closes each connection after N requests. All of 5,000 are to succeed, and N is to be named.

use std::{fmt::Write as _, process::Command};

use anyhow::{Context as _, bail};

use super::{
    Common,
    cell::{Body, Cell, Host, Protocol},
    ours,
    server::{self, Server},
    tool::{Amount, Kind, Tool},
};
use crate::workspace::say;

const REQUESTS: u64 = 5_000;
/// 1,000 is nginx's default.
const LIMITS: [u64; 5] = [1, 7, 100, 999, 1_000];

/// Runs it.
pub(crate) fn run(common: &Common) -> anyhow::Result<()> {
    let binary = common.binary()?;
    server::prepare()?;
    let mut table = String::from(
        "| nginx's keepalive_requests | protocol | ours: succeeded | sent again | the limit named | h2load | oha |\n|---|---|---|---|---|---|---|\n",
    );
    let mut faults = Vec::new();
    let peers = [Tool::find(Kind::H2load), Tool::find(Kind::Oha)];
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for limit in LIMITS {
            let nginx = Server::nginx(limit)?;
            let url = format!("http://{}/small", nginx.address(protocol));
            let cell = Cell {
                host: Host::Nginx,
                protocol,
                connections: 1,
                streams: 100,
                body: Body::Small,
                discards: false,
            };
            let requests = REQUESTS.to_string();
            let (name, arguments) = match protocol {
                Protocol::Http1 => ("h1 x1", vec!["-n", &requests, "-c", "1", "--h1", &url]),
                Protocol::Http2 => (
                    "h2 1x100",
                    vec!["-n", &requests, "-c", "1", "--h2", "-m", "100", &url],
                ),
            };
            let told = ours::run(&binary, &arguments)?;
            let is_named = names(&told.text, limit);
            let is_whole = told.ok()? == REQUESTS && told.asked()? == REQUESTS && told.reconciles()?;
            if !is_named || !is_whole {
                faults.push(format!("{name}, keepalive_requests {limit}:\n{}", told.text));
            }
            let others: Vec<String> = peers
                .iter()
                .map(|tool| match tool {
                    Ok(tool) => succeeded(tool, cell, &url),
                    Err(_) => "absent".to_owned(),
                })
                .collect();
            let _ = writeln!(
                table,
                "| {limit} | {name} | {} of {REQUESTS} | {} | {} | {} |",
                told.ok()?,
                told.resent()?,
                if is_named { "yes" } else { "**no**" },
                others.join(" | "),
            );
        }
    }
    say(&table);
    let text = format!(
        "# The cliff\n\n{REQUESTS} requests over one connection at a time; nginx closes each after so many.\n\n{table}"
    );
    super::page::write_part(common.directory().as_deref(), "cliff", &text)?;
    if !faults.is_empty() {
        bail!("pass the cliff:\n{}", faults.join("\n"));
    }
    Ok(())
}

/// Whether the summary says after how many requests connections are closed.
fn names(text: &str, limit: u64) -> bool {
    let wanted = format!("after exactly {limit} request");
    text.lines().any(|line| {
        line.split_once(&wanted)
            .is_some_and(|(_, rest)| !rest.starts_with(|letter: char| letter.is_ascii_digit()))
    })
}

fn succeeded(tool: &Tool, cell: Cell, url: &str) -> String {
    let amount = Amount {
        requests: REQUESTS,
        seconds: 1,
    };
    let mut command: Command = tool.command(cell, url, amount);
    command
        .output()
        .context("run it")
        .and_then(|output| tool.succeeded(&String::from_utf8_lossy(&output.stdout)))
        .map_or_else(|_| "none".to_owned(), |succeeded| succeeded.to_string())
}
