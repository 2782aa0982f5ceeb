//! The page of a run: goals, one row for each cell and peer, where we lose, versions. All of it from the raw rows.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use anyhow::Context as _;

use super::{
    cell, goal,
    raw::Row,
    tool::{Kind, PEERS, Tool, on_path},
};
use crate::bench::machine::{self, line as first_line, machine};

/// Us and one peer in one cell.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) cell: String,
    pub(crate) peer: String,
    /// Of CPU a request, ours to theirs, pair by pair.
    pub(crate) ratio: Option<Spread>,
    /// Of requests a second.
    rate_ratio: Option<Spread>,
    ours: Side,
    theirs: Side,
    kept: usize,
    tried: usize,
}

/// The middle, and how far it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    low: f64,
    pub(crate) median: f64,
    high: f64,
}

/// Medians of one tool.
#[derive(Clone, Debug, Default)]
struct Side {
    cpu_us: f64,
    rate: f64,
    client_busy: f64,
    server_busy: f64,
    failed: u64,
    wall_min_s: f64,
}

/// A run, as it is shown while the others go on.
pub(crate) fn line(row: &Row) -> String {
    format!(
        "{:28} {:>6} {:>2} {:9} {:>9} ok {:7.2} s {:8.3} us {:>9.0}/s client {:3.0} % server {:3.0} % others {:4.1} %{}",
        row.cell,
        row.peer,
        row.pair,
        row.tool,
        row.succeeded,
        row.wall_s,
        row.cpu_us(),
        row.rate(),
        100.0 * row.client_cpu_s / row.wall_s,
        100.0 * row.server_cpu_s / row.wall_s,
        100.0 * row.foreign_cpu_s / row.wall_s,
        if row.is_kept { "" } else { "  DISTURBED" },
    )
}

/// Goals and cells.
pub(crate) fn tables(rows: &[Row]) -> String {
    let comparisons = comparisons(rows);
    format!(
        "{}\n{}\n{}",
        goal::table(&comparisons),
        cells(&comparisons),
        losses(&comparisons)
    )
}

pub(crate) fn write(
    directory: &Path,
    rows: &[Row],
    ours: &Tool,
    peers: &[Tool],
    missing: &[String],
) -> anyhow::Result<()> {
    let machine = machine();
    let commits: BTreeSet<&str> = rows.iter().map(|row| row.commit.as_str()).collect();
    let arguments = machine::arguments();
    let mut text = format!(
        "# The load generator against the installed ones\n\n\
         User and system time of the client process for each request that was answered with 200, as a ratio: below 1 we need less.\n\
         The server is pinned to core 0, the client to core 1, one client thread.\n\
         Tools alternate in pairs, every tool with the same number of requests; wrk counts none and runs for as long as we take, in whole seconds.\n\
         A pair in which other processes and the hypervisor used more than a tenth of a core is not counted.\n\
         nginx has one worker, sendfile, open_file_cache, no access log; the responder is `benchsuite/responder`.\n\
         A goal is the geometric mean over its cells of the median ratios.\n\n\
         ## Goals and cells\n\n{}\n",
        tables(rows)
    );
    text.push_str("## What took part\n\n| | |\n|---|---|\n");
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(text, "| {name} | {} |", value.lines().next().unwrap_or_default());
    };
    fact("last command", &format!("`cargo xtask {arguments}`"));
    fact("machine", &machine.description);
    fact(
        "commits measured",
        &commits.into_iter().collect::<Vec<_>>().join(", "),
    );
    fact("rustc", &first_line("rustc", &["--version"]));
    for tool in [ours].into_iter().chain(peers) {
        fact(tool.kind.name(), &tool.version());
    }
    fact(
        "nginx",
        &on_path("nginx").map_or_else(|| "absent".to_owned(), |_| nginx_version()),
    );
    for missing in missing {
        fact("NOT MEASURED", missing);
    }
    text.push_str("\nRaw rows: `raw.csv`.\n");
    for part in ["cliff", "pause", "rate", "peers", "memory"] {
        if directory.join(format!("{part}.md")).exists() {
            let _ = writeln!(text, "See also [{part}]({part}.md).");
        }
    }
    let file = directory.join("README.md");
    fs::write(&file, text).with_context(|| format!("write {}", file.display()))
}

/// The page of a part, beside the others, if anything is written.
pub(crate) fn write_part(directory: Option<&Path>, part: &str, text: &str) -> anyhow::Result<()> {
    let Some(directory) = directory else {
        return Ok(());
    };
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    let file = directory.join(format!("{part}.md"));
    let text = format!(
        "{text}\n`cargo xtask bench load {part}` on {}, commit {}; {}.\n",
        machine().description,
        first_line("git", &["describe", "--always", "--dirty"]),
        nginx_version(),
    );
    fs::write(&file, text).with_context(|| format!("write {}", file.display()))
}

fn nginx_version() -> String {
    // It says so to stderr.
    first_line("sh", &["-c", "PATH=$PATH:/usr/sbin nginx -v 2>&1"])
}

fn comparisons(rows: &[Row]) -> Vec<Comparison> {
    let mut all = Vec::new();
    for cell in cell::all() {
        let cell = cell.to_string();
        for peer in PEERS {
            let of_pair: Vec<&Row> = rows
                .iter()
                .filter(|row| row.cell == cell && row.peer == peer.name())
                .collect();
            if !of_pair.is_empty() {
                all.push(comparison(&cell, peer, &of_pair));
            }
        }
    }
    all
}

fn comparison(cell: &str, peer: Kind, rows: &[&Row]) -> Comparison {
    let kept = |name: &str| -> Vec<&Row> {
        rows.iter()
            .copied()
            .filter(|row| row.is_kept && row.tool == name)
            .collect()
    };
    let (ours, theirs) = (kept(Kind::Ours.name()), kept(peer.name()));
    let ratios = |figure: fn(&Row) -> f64| {
        let ratios = ours.iter().filter_map(|ours| {
            let theirs = theirs.iter().find(|theirs| theirs.pair == ours.pair)?;
            Some(figure(ours) / figure(theirs))
        });
        spread(ratios.collect())
    };
    Comparison {
        cell: cell.to_owned(),
        peer: peer.name().to_owned(),
        ratio: ratios(Row::cpu_us),
        rate_ratio: ratios(Row::rate),
        kept: ours.len(),
        tried: rows.len() / 2,
        ours: side(&ours),
        theirs: side(&theirs),
    }
}

fn side(rows: &[&Row]) -> Side {
    let median = |figure: fn(&Row) -> f64| {
        spread(rows.iter().map(|row| figure(row)).collect()).map_or(f64::NAN, |spread| spread.median)
    };
    Side {
        cpu_us: median(Row::cpu_us),
        rate: median(Row::rate),
        client_busy: median(|row| row.client_cpu_s / row.wall_s),
        server_busy: median(|row| row.server_cpu_s / row.wall_s),
        failed: rows
            .iter()
            .map(|row| row.requests.saturating_sub(row.succeeded))
            .sum(),
        wall_min_s: rows.iter().map(|row| row.wall_s).fold(f64::INFINITY, f64::min),
    }
}

fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    Some(Spread {
        low: *values.first()?,
        median: *values.get(values.len() / 2)?,
        high: *values.last()?,
    })
}

fn cells(comparisons: &[Comparison]) -> String {
    let mut table = String::from(
        "| cell | against | CPU a request, ratio | requests/s, ratio | us: µs, /s | they: µs, /s | client busy | server busy | full | pairs | shortest run |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for one in comparisons {
        let failed = match one.ours.failed + one.theirs.failed {
            0 => String::new(),
            _ => format!("; not 200: {} and {}", one.ours.failed, one.theirs.failed),
        };
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {:.2}, {} | {:.2}, {} | {:.0} / {:.0} % | {:.0} / {:.0} % | {} / {} | {} of {}{failed} | {:.1} s |",
            one.cell,
            one.peer,
            shown(one.ratio),
            shown(one.rate_ratio),
            one.ours.cpu_us,
            thousands(one.ours.rate),
            one.theirs.cpu_us,
            thousands(one.theirs.rate),
            100.0 * one.ours.client_busy,
            100.0 * one.theirs.client_busy,
            100.0 * one.ours.server_busy,
            100.0 * one.theirs.server_busy,
            full(&one.ours),
            full(&one.theirs),
            one.kept,
            one.tried,
            one.ours.wall_min_s.min(one.theirs.wall_min_s),
        );
    }
    table.push_str("\nMedian (lowest–highest) over the pairs. Busy and full: with us / with them.\n");
    table
}

/// Every cell in which a peer is better, by CPU or by throughput.
fn losses(comparisons: &[Comparison]) -> String {
    let mut text = String::from("### Where we lose\n\n");
    let mut any = false;
    for one in comparisons {
        let (Some(ratio), Some(rate)) = (one.ratio, one.rate_ratio) else {
            continue;
        };
        if ratio.median > 1.0 {
            any = true;
            let _ = writeln!(
                text,
                "- {}: {} needs less CPU ({:.2}).",
                one.cell, one.peer, ratio.median
            );
        }
        if rate.median < 0.99 {
            any = true;
            let _ = writeln!(
                text,
                "- {}: {} makes more requests a second ({:.2}).",
                one.cell, one.peer, rate.median
            );
        }
    }
    if !any {
        text.push_str("In none of the cells above.\n");
    }
    text
}

fn full(side: &Side) -> &'static str {
    match (side.client_busy >= 0.95, side.server_busy >= 0.95) {
        (true, true) => "both",
        (true, false) => "client",
        (false, true) => "server",
        (false, false) => "neither",
    }
}

fn shown(spread: Option<Spread>) -> String {
    spread.map_or_else(
        || "–".to_owned(),
        |spread| format!("{:.2} ({:.2}–{:.2})", spread.median, spread.low, spread.high),
    )
}

fn thousands(rate: f64) -> String {
    if rate >= 1e6 {
        format!("{:.2} M", rate / 1e6)
    } else {
        format!("{:.0} k", rate / 1e3)
    }
}
