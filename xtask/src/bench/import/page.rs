//! What an import cost against COPY: the table, and the run as files.

use std::{fmt::Write as _, time::Duration};

use super::{Refusal, Turn, Way, memory::Memory};
use crate::{
    bench::{machine, report},
    workspace::say,
};

/// An import has at least so many times the speed of COPY.
const SPEED_MIN: f64 = 0.5;

/// A turn, as it is shown while the run goes on.
pub(super) fn line(turn: &Turn, rows: u32) -> String {
    let memory = turn
        .memory
        .as_ref()
        .map_or_else(String::new, |(server, command)| {
            format!(
                ", server {} MB (by quarter {}), command {} MB",
                megabytes(server.peak()),
                server.quarters().map(megabytes).join(" "),
                megabytes(command.peak())
            )
        });
    format!(
        "round {:>2} {:6} {:>6.2} s, {:>7.0} rows/s, PostgreSQL {:>6.2} s, server {:>6.2} s of CPU{memory}",
        turn.round,
        shown(turn.way),
        turn.wall.as_secs_f64(),
        f64::from(rows) / turn.wall.as_secs_f64(),
        turn.postgres_cpu.as_secs_f64(),
        turn.server_cpu.as_secs_f64(),
    )
}

fn shown(way: Way) -> &'static str {
    match way {
        Way::Import => "import",
        Way::Copy => "COPY",
    }
}

/// Prints the table, and writes the run unless told not to.
pub(super) fn write(
    discard: bool,
    rows: u32,
    line_bytes: u64,
    turns: &[Turn],
    refusal: &Refusal,
) -> anyhow::Result<()> {
    let mut table = String::from(
        "| | wall | rows a second | PostgreSQL's CPU | server's CPU | server's memory | command's memory |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for way in [Way::Import, Way::Copy] {
        let of = |value: &dyn Fn(&Turn) -> Option<f64>, digits: usize| {
            let turns = turns.iter().filter(|turn| turn.way == way);
            text(turns.filter_map(value).collect(), digits)
        };
        let seconds = |time: Duration| Some(time.as_secs_f64());
        let peak = |memory: &Memory| mega(memory.peak());
        let _ = writeln!(
            table,
            "| {} | {} s | {} | {} s | {} s | {} | {} |",
            shown(way),
            of(&|turn| seconds(turn.wall), 2),
            of(&|turn| Some(f64::from(rows) / turn.wall.as_secs_f64()), 0),
            of(&|turn| seconds(turn.postgres_cpu), 2),
            of(&|turn| seconds(turn.server_cpu), 2),
            of(&|turn| turn.memory.as_ref().map(|(server, _)| peak(server)), 1),
            of(&|turn| turn.memory.as_ref().map(|(_, command)| peak(command)), 1),
        );
    }
    // Round by round, since the two of a round met the same machine.
    let wall = |way: Way| {
        let turns = turns.iter().filter(move |turn| turn.way == way);
        turns.map(|turn| turn.wall.as_secs_f64())
    };
    let speeds: Vec<f64> = wall(Way::Import)
        .zip(wall(Way::Copy))
        .map(|(import, copy)| copy / import)
        .collect();
    let speed = spread(speeds.clone()).0;
    let met = if speed >= SPEED_MIN { "met" } else { "not met" };
    let quarters: Vec<[u64; 4]> = turns
        .iter()
        .filter_map(|turn| Some(turn.memory.as_ref()?.0.quarters()))
        .collect();
    let quarters: Vec<String> = (0..4)
        .map(|quarter| {
            let highest = quarters.iter().map(|quarters| quarters[quarter]).max();
            megabytes(highest.unwrap_or(0))
        })
        .collect();
    let verdicts = format!(
        "- An import has {} times the speed of COPY (goal {SPEED_MIN}): {met}.\n\
         - The server's memory by quarters of an import, the highest of all rounds: {} MB.\n\
         - A bad line in the middle: refused after {:.2} s with `{}`, and nothing was left behind.\n",
        text(speeds, 2),
        quarters.join(", "),
        refusal.wall.as_secs_f64(),
        refusal.said,
    );
    say(format_args!("\n{table}\n{verdicts}"));
    if discard {
        return Ok(());
    }
    let mut raw = String::from(
        "round,way,wall_ms,postgres_cpu_ms,server_cpu_ms,server_peak_bytes,command_peak_bytes\n",
    );
    for turn in turns {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let peak =
            |memory: Option<&Memory>| memory.map_or_else(String::new, |memory| memory.peak().to_string());
        let (server, command) = match &turn.memory {
            Some((server, command)) => (Some(server), Some(command)),
            None => (None, None),
        };
        let _ = writeln!(
            raw,
            "{},{},{:.1},{:.0},{:.0},{},{}",
            turn.round,
            shown(turn.way),
            ms(turn.wall),
            ms(turn.postgres_cpu),
            ms(turn.server_cpu),
            peak(server),
            peak(command),
        );
    }
    let page = format!(
        "# An import of {rows} revisions\n\n\
         `sidequest import records rows.ndjson --revisions`, lines of {line_bytes} bytes on average, three revisions of each \
         record; against psql's `\\copy` of the same rows into the same tables.\n\
         The tables are the product's, with all their keys and indexes, emptied and checkpointed before each turn. What is \
         there afterwards is the same after every turn of either (count and hash of all rows).\n\n\
         {table}\nMedian (lowest–highest). Memory is the highest resident size in a turn, sampled each 10 ms. The ratio is \
         taken round by round.\n\n{verdicts}\n\
         **Not equal:** COPY gets its rows split over the two tables, in the order they are kept in, and in its own \
         format; the import reads JSON over HTTP, checks each value, finds out which revisions are missing, twice there or \
         out of order, and names their lines. Command, server and PostgreSQL share the machine's cores.\n\n\
         | | |\n|---|---|\n| command | `cargo xtask {arguments}` |\n| machine | {machine} |\n| commit | {commit} |\n\
         | rustc | {rustc} |\n| psql | {psql} |\n\nRaw data: `raw.csv`.\n",
        arguments = machine::arguments(),
        machine = machine::machine().description,
        commit = machine::line("git", &["describe", "--always", "--dirty"]),
        rustc = machine::line("rustc", &["--version"]),
        psql = machine::line("psql", &["--version"]),
    );
    report::keep(&format!("{}-import", machine::machine().slug), &page, &raw)
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn mega(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", mega(bytes))
}

/// The median, the lowest and the highest.
fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    (at(values.len() / 2), at(0), at(values.len().saturating_sub(1)))
}

fn text(values: Vec<f64>, digits: usize) -> String {
    if values.is_empty() {
        return "–".to_owned();
    }
    let (median, low, high) = spread(values);
    format!("{median:.digits$} ({low:.digits$}–{high:.digits$})")
}
