//! `cargo xtask bench load`: our load generator against the installed ones, and what no speed makes up for.
//!
//! The server is pinned to one core and the client to the other. The figure is the client's CPU time, user and system,
//! for each request that succeeded; tools alternate in pairs, and a pair in which others used the machine does not
//! count. The parts `cliff`, `pause`, `rate`, `peers` and `memory` ask whether the numbers are true, and measure no CPU.

mod affinity;
mod cell;
mod cliff;
mod foreign;
mod goal;
mod measure;
mod memory;
mod ours;
mod page;
mod pause;
mod peers;
mod rate;
mod raw;
mod server;
#[cfg(test)]
mod tests;
mod tool;

use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::workspace::{cargo, root, run as run_command, say, target};
use cell::Cell;
use raw::Row;
use server::Server;
use tool::{Amount, Kind, Tool};

/// Pairs that were disturbed are tried again, so often for each that is wanted.
const TRIES_A_PAIR: u32 = 3;
/// The first, short run of a cell, which tells how many requests fill the time.
const TRIAL_REQUESTS: u64 = 9_600;
const TRIAL_SECONDS_MIN: f64 = 0.2;
/// Every number of connections divides it: hey would round down.
const REQUESTS_STEP: u64 = 9_600;

/// What to measure.
#[derive(Debug, clap::Args)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    options: Options,
}

/// What is not a measurement of CPU.
#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Does every request succeed where the server closes each connection after N?
    Cliff(Common),
    /// Does a stall of one second stand in the percentiles?
    Pause(Common),
    /// Are 50,000 requests a second 50,000?
    Rate(Common),
    /// 20,000 requests to each of other people's servers, in each of their protocols.
    Peers(Common),
    /// Is the memory after 50 million requests that of one million?
    Memory(Common),
}

/// Which binary, and whether anything is written.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Common {
    /// Measure this binary instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Little of everything, to see that it runs; nothing is written.
    #[arg(long)]
    short: bool,
    /// Write no run into benchsuite/runs/.
    #[arg(long)]
    discard: bool,
}

/// The measurement of CPU.
#[derive(Debug, clap::Args)]
struct Options {
    #[command(flatten)]
    common: Common,
    /// Only cells with all these words: "h2 nginx", "x64 13". May be given more than once.
    #[arg(long, value_name = "WORDS")]
    cells: Vec<String>,
    /// Only against these.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "TOOL",
        default_value = "h2load,wrk,oha,hey"
    )]
    against: Vec<String>,
    /// Pairs for each cell and tool.
    #[arg(long, default_value_t = 5)]
    pairs: u32,
    /// How long a run of ours is; the others have as many requests to do.
    #[arg(long, default_value_t = 3.3)]
    seconds: f64,
}

/// Runs it.
pub(crate) fn run(line: &CommandLine) -> anyhow::Result<()> {
    match &line.part {
        None => measure_cells(&line.options),
        Some(Part::Cliff(common)) => cliff::run(common),
        Some(Part::Pause(common)) => pause::run(common),
        Some(Part::Rate(common)) => rate::run(common),
        Some(Part::Peers(common)) => peers::run(common),
        Some(Part::Memory(common)) => memory::run(common),
    }
}

impl Common {
    /// The program to be measured.
    fn binary(&self) -> anyhow::Result<PathBuf> {
        if let Some(binary) = &self.binary {
            return Ok(binary.clone());
        }
        say("building the release");
        // The in-process engine takes most of a build and answers no request of this.
        run_command(cargo().args([
            "build",
            "--release",
            "--locked",
            "--package",
            "sidequest",
            "--no-default-features",
        ]))?;
        Ok(target().join("release/sidequest"))
    }

    /// Where the run is written, if it is.
    fn directory(&self) -> Option<PathBuf> {
        (!self.short && !self.discard).then(|| {
            let day = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
            let slug = super::machine::machine().slug;
            root().join("benchsuite/runs").join(format!("{day}-{slug}-load"))
        })
    }
}

fn measure_cells(options: &Options) -> anyhow::Result<()> {
    let (pairs, seconds) = if options.common.short {
        (1, 0.1)
    } else {
        (options.pairs, options.seconds)
    };
    let peers: Vec<Kind> = options
        .against
        .iter()
        .map(|name| Kind::of(name).with_context(|| format!("measure against {name}: it is not known")))
        .collect::<Result<_, _>>()?;
    let ours = Tool {
        kind: Kind::Ours,
        program: options.common.binary()?,
    };
    server::prepare()?;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for kind in peers {
        match Tool::find(kind) {
            Ok(tool) => found.push(tool),
            Err(error) => {
                say(format_args!("NOT MEASURED: {}: {error:#}", kind.name()));
                missing.push(format!("{}: {error:#}", kind.name()));
            }
        }
    }
    let directory = options.common.directory();
    let mut rows = match &directory {
        Some(directory) => raw::read(directory)?,
        None => Vec::new(),
    };
    let cells: Vec<Cell> = cell::all()
        .into_iter()
        .filter(|cell| is_wanted(*cell, &options.cells))
        .collect();
    if cells.is_empty() {
        bail!("measure {:?}: no cell has all these words", options.cells);
    }
    for cell in cells {
        let able: Vec<&Tool> = found.iter().filter(|tool| tool.kind.can(cell)).collect();
        let measured = measure_cell(cell, &ours, &able, pairs, seconds)?;
        // A cell that is measured again is measured anew.
        rows.retain(|row| {
            row.cell != cell.to_string() || !able.iter().any(|tool| row.peer == tool.kind.name())
        });
        rows.extend(measured);
        if let Some(directory) = &directory {
            raw::write(directory, &rows)?;
            page::write(directory, &rows, &ours, &found, &missing)?;
        }
    }
    say(format_args!("\n{}", page::tables(&rows)));
    if let Some(directory) = directory {
        say(format_args!("wrote {}", directory.display()));
    }
    Ok(())
}

fn is_wanted(cell: Cell, wanted: &[String]) -> bool {
    let name = cell.to_string();
    let words: Vec<&str> = name.split(' ').collect();
    wanted.is_empty()
        || wanted
            .iter()
            .any(|wanted| wanted.split_whitespace().all(|word| words.contains(&word)))
}

fn measure_cell(
    cell: Cell,
    ours: &Tool,
    peers: &[&Tool],
    pairs: u32,
    seconds: f64,
) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(cell.host, server::REQUESTS_MAX)?;
    let url = format!("http://{}{}", server.address(cell.protocol), cell.path());
    let pids = server.pids()?;
    let commit = super::machine::line("git", &["describe", "--always", "--dirty"]);
    let requests = requests_for(cell, ours, &url, &pids, seconds)?;
    let amount = Amount {
        requests,
        // wrk takes whole seconds.
        seconds: whole_seconds(seconds),
    };
    let mut rows = Vec::new();
    for peer in peers {
        let (mut pair, mut tries) = (0, 0);
        while pair < pairs && tries < pairs * TRIES_A_PAIR {
            tries += 1;
            let order: [&Tool; 2] = if tries % 2 == 1 {
                [ours, *peer]
            } else {
                [*peer, ours]
            };
            let mut two = Vec::new();
            for (place, tool) in order.into_iter().enumerate() {
                let (cost, said) = measure::run(tool.command(cell, &url, amount), &pids)?;
                two.push(Row {
                    cell: cell.to_string(),
                    commit: commit.clone(),
                    peer: peer.kind.name().to_owned(),
                    pair: tries,
                    place,
                    tool: tool.kind.name().to_owned(),
                    requests: if tool.kind == Kind::Wrk { 0 } else { requests },
                    succeeded: tool.succeeded(&said)?,
                    wall_s: cost.wall.as_secs_f64(),
                    client_cpu_s: cost.client.as_secs_f64(),
                    server_cpu_s: cost.server.as_secs_f64(),
                    foreign_cpu_s: cost.foreign.as_secs_f64(),
                    is_kept: cost.is_undisturbed(),
                });
            }
            let is_kept = two.iter().all(|row| row.is_kept);
            for row in &mut two {
                row.is_kept = is_kept;
                say(page::line(row));
            }
            pair += u32::from(is_kept);
            rows.append(&mut two);
        }
        if pair < pairs {
            say(format_args!(
                "{cell}, {}: only {pair} undisturbed pairs of {pairs}",
                peer.kind.name()
            ));
        }
    }
    Ok(rows)
}

/// As many as keep us busy for the time. The others need longer.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of requests, to two digits"
)]
fn requests_for(cell: Cell, ours: &Tool, url: &str, pids: &[u32], seconds: f64) -> anyhow::Result<u64> {
    let mut requests = TRIAL_REQUESTS;
    loop {
        let amount = Amount { requests, seconds: 1 };
        let (cost, said) = measure::run(ours.command(cell, url, amount), pids)?;
        if ours.succeeded(&said)? != requests {
            bail!("measure {cell}: not all requests succeed:\n{said}");
        }
        let wall = cost.wall.as_secs_f64();
        if wall >= TRIAL_SECONDS_MIN {
            let wanted = requests as f64 * seconds / wall;
            return Ok(((wanted as u64).div_ceil(REQUESTS_STEP)).max(1) * REQUESTS_STEP);
        }
        requests *= 4;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few seconds"
)]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil().max(1.0) as u64
}
