//! What was measured: a table of medians with their spread, and the run as files that can be read again.

use std::{fmt::Write as _, fs, time::Duration};

use anyhow::Context as _;

use super::{
    EACH_POOL, Options, Turn,
    machine::{self, Machine, machine},
};
use crate::workspace::{root, say};

/// A turn, as it is shown while the run goes on.
pub(crate) fn turn_line(turn: &Turn) -> String {
    format!(
        "round {:>2} {:8} wall {:>9} first body {:>9} p50 {:>9} p99 {:>9} postgres {:>9} own {:>9} {:>6.1} MB",
        turn.round,
        turn.strategy,
        shown(turn.wall),
        shown(turn.first_body),
        shown(turn.p50),
        shown(turn.p99),
        shown(turn.postgres_cpu),
        shown(turn.server_cpu),
        megabytes(turn.bytes),
    )
}

/// Prints the table, and writes `benchsuite/runs/<date>-<machine>/` unless told not to.
pub(crate) fn write(
    options: &Options,
    turns: &[Turn],
    same_bytes: bool,
    objects: usize,
) -> anyhow::Result<()> {
    let table = table(options, turns);
    let answers = if same_bytes {
        "Every strategy gave the same bytes for every object in every round."
    } else {
        "Every strategy gave the same answer for every object in every round, floats to 1e-9 relative."
    };
    say(format_args!("\n{table}\n{answers}"));
    if options.discard {
        return Ok(());
    }
    let machine = machine();
    let page = page(options, &machine, &table, answers, objects);
    keep(
        &format!("{}-{}", machine.slug, options.engine),
        &page,
        &csv(turns),
    )
}

/// Writes `benchsuite/runs/<date>-<name>/`.
pub(super) fn keep(name: &str, page: &str, raw: &str) -> anyhow::Result<()> {
    let day = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
    let directory = root().join("benchsuite/runs").join(format!("{day}-{name}"));
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    fs::write(directory.join("README.md"), page)
        .with_context(|| format!("write into {}", directory.display()))?;
    fs::write(directory.join("raw.csv"), raw)
        .with_context(|| format!("write into {}", directory.display()))?;
    say(format_args!("wrote {}", directory.display()));
    Ok(())
}

fn table(options: &Options, turns: &[Turn]) -> String {
    let mut table = String::from(
        "| strategy | wall | first body | p50 | p99 | PostgreSQL CPU | own CPU | each ÷ it |\n|---|---|---|---|---|---|---|---|\n",
    );
    for strategy in &options.strategies {
        let of = |value: fn(&Turn) -> Duration| {
            spread(
                turns
                    .iter()
                    .filter(|turn| turn.strategy == *strategy)
                    .map(value)
                    .collect(),
            )
        };
        let _ = writeln!(
            table,
            "| `{strategy}` | {} | {} | {} | {} | {} | {} | {} |",
            of(|turn| turn.wall),
            of(|turn| turn.first_body),
            of(|turn| turn.p50),
            of(|turn| turn.p99),
            of(|turn| turn.postgres_cpu),
            of(|turn| turn.server_cpu),
            ratio(turns, strategy),
        );
    }
    table
}

/// Round by round, since the two of a round met the same machine.
fn ratio(turns: &[Turn], strategy: &str) -> String {
    let wall = |round: usize, strategy: &str| {
        turns
            .iter()
            .find(|turn| turn.round == round && turn.strategy == strategy)
            .map(|turn| turn.wall.as_secs_f64())
    };
    let rounds = turns.iter().map(|turn| turn.round).max().unwrap_or(0);
    let mut ratios: Vec<f64> = (1..=rounds)
        .filter_map(|round| Some(wall(round, "each")? / wall(round, strategy)?))
        .collect();
    ratios.sort_by(f64::total_cmp);
    match (ratios.first(), ratios.get(ratios.len() / 2), ratios.last()) {
        (Some(low), Some(middle), Some(high)) => format!("{middle:.1} ({low:.1}–{high:.1})"),
        _ => "–".to_owned(),
    }
}

/// Median (lowest–highest).
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    match (times.first(), times.get(times.len() / 2), times.last()) {
        (Some(low), Some(middle), Some(high)) => {
            format!("{} ({}–{})", shown(*middle), shown(*low), shown(*high))
        }
        _ => "–".to_owned(),
    }
}

fn shown(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1e3;
    if milliseconds < 1_000.0 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.2} s", milliseconds / 1e3)
    }
}

fn csv(turns: &[Turn]) -> String {
    let mut text = String::from(
        "round,strategy,wall_ms,first_body_ms,p50_ms,p99_ms,postgres_cpu_ms,server_cpu_ms,body_bytes\n",
    );
    for turn in turns {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let _ = writeln!(
            text,
            "{},{},{:.3},{:.3},{:.3},{:.3},{:.0},{:.0},{}",
            turn.round,
            turn.strategy,
            ms(turn.wall),
            ms(turn.first_body),
            ms(turn.p50),
            ms(turn.p99),
            ms(turn.postgres_cpu),
            ms(turn.server_cpu),
            turn.bytes,
        );
    }
    text
}

fn page(options: &Options, machine: &Machine, table: &str, answers: &str, objects: usize) -> String {
    let model = options
        .model
        .as_ref()
        .map_or_else(|| "demo/flights".to_owned(), |model| model.display().to_string());
    let arguments = machine::arguments();
    format!(
        "# A burst of {objects} distinct objects\n\n\
         The analyses of the {objects} objects with the most `{by}` of `{model}`, asked for at once on one h2c connection.\n\
         {rounds} rounds; in each, every strategy had its turn on a server started for it, after a whole burst that was not measured.\n\
         Nothing is cached. Client, server and database share the machine's cores.\n\n\
         {table}\n\
         Median (lowest–highest). p50 and p99 are of the ends of the answers, counted from the first request.\n\
         CPU of PostgreSQL is the postmaster's and its backends'; with the in-process engine it is part of our own.\n\
         The last column divides the wall time of `each` by the strategy's, round by round.\n\
         {answers}\n\n\
         **Not equal:** `each` has a pool of {EACH_POOL} on a managed server, as the story it comes from; the others have the default pool.\n\n\
         | | |\n|---|---|\n\
         | command | `cargo xtask {arguments}` |\n\
         | machine | {description} |\n\
         | commit | {commit} |\n\
         | rustc | {rustc} |\n\
         | engine | {engine} |\n\n\
         Raw data: `raw.csv`.\n",
        by = options.by,
        rounds = options.rounds,
        description = machine.description,
        commit = machine::line("git", &["describe", "--always", "--dirty"]),
        rustc = machine::line("rustc", &["--version"]),
        engine = options.engine,
    )
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
