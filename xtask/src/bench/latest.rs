//! `cargo xtask bench latest`: a page of newest revisions by time, over the product's view and over the story's
//! `DISTINCT ON` view, alternating, with more and more revisions a record.
//!
//! The product makes its own tables: its binary serves `benchsuite/latest`, and psql asks the server that it
//! runs. Time is PostgreSQL's own, of the execution; buffers are those it touched, in memory or not.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::{build, free_address, machine, process, report};
use crate::workspace::{root, say};

/// Revisions a record at which the price must be flat.
const REVISIONS: [u32; 4] = [1, 3, 30, 300];
/// Records and their objects while the revisions grow: 300 of each are 600,000 rows, and still fill in seconds.
const SMALL: Size = Size {
    records: 2_000,
    objects: 20,
};
/// The demo's size, with its three revisions a record.
const DEMO: Size = Size {
    records: 336_776,
    objects: 4_043,
};
const DEMO_REVISIONS: u32 = 3;
/// Ours with the most revisions may cost so many times what it costs with one.
const FLAT_MAX: f64 = 1.3;
/// So many times fewer buffers than the other at the demo's size.
const FEWER_MIN: f64 = 1_000.0;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each statement has its turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where the database is kept for the next run.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Measure this binary instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Write no run into benchsuite/runs/.
    #[arg(long)]
    discard: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) records: u32,
    pub(super) objects: u32,
}

/// What is asked for, and of which view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    objects: u32,
    view: &'static str,
}

const QUESTIONS: [Question; 4] = [
    Question {
        objects: 1,
        view: "records",
    },
    Question {
        objects: 1,
        view: "posted_latest",
    },
    Question {
        objects: 20,
        view: "records",
    },
    Question {
        objects: 20,
        view: "posted_latest",
    },
];

/// One turn of one question.
#[derive(Clone, Debug)]
struct Turn {
    records: u32,
    revisions: u32,
    round: usize,
    question: Question,
    ms: f64,
    buffers: u64,
    temporary: u64,
}

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.rounds == 0 {
        bail!("measure: give at least one round");
    }
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build(true)?,
    };
    let data = match &options.data {
        Some(data) => data.clone(),
        None if rustix::process::geteuid().is_root() => PathBuf::from("/var/tmp/sidequest-bench/latest"),
        None => crate::workspace::target().join("bench/latest"),
    };
    fs::create_dir_all(&data).with_context(|| format!("create {}", data.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (listen, admin) = (free_address()?, free_address()?);
    let mut command = Command::new(binary);
    command.current_dir(root()).args([
        "serve",
        "--model",
        "benchsuite/latest",
        "--engine",
        "managed",
        "--quiet",
    ]);
    command.arg("--data").arg(&data);
    command.args(["--listen", &listen.to_string(), "--admin", &admin.to_string()]);
    let server = runtime.block_on(process::Server::start(command, listen, admin))?;
    let measured = measure(options, &data);
    server.stop().context("stop the server")?;
    write(options, &measured?)
}

fn measure(options: &Options, data: &Path) -> anyhow::Result<Vec<Turn>> {
    let psql = Psql::of(data)?;
    let small = REVISIONS.map(|revisions| (SMALL, revisions));
    let mut turns = Vec::new();
    for (size, revisions) in small.into_iter().chain([(DEMO, DEMO_REVISIONS)]) {
        say(format_args!(
            "filling {} records with {revisions} revisions",
            size.records
        ));
        psql.run(&fill(size, revisions))?;
        // Once without being measured: pages into memory, the catalog into the session.
        for round in 0..=options.rounds {
            // The slowest, 20 times over all revisions, has been warmed by the page of one object.
            let asked: Vec<Question> = QUESTIONS
                .into_iter()
                .filter(|question| round > 0 || *question != QUESTIONS[3])
                .collect();
            let script: String = asked
                .iter()
                .map(|question| format!("{};\n\\echo {MARK}\n", statement(*question, size, round)))
                .collect();
            let printed = psql.run(&script)?;
            let plans: Vec<&str> = printed
                .split(MARK)
                .filter(|text| !text.trim().is_empty())
                .collect();
            if plans.len() != asked.len() {
                bail!("read the plans of psql: {} of {}", plans.len(), asked.len());
            }
            for (question, plan) in asked.iter().zip(plans).filter(|_| round > 0) {
                turns.push(turn(plan, *question, size, revisions, round)?);
            }
        }
    }
    Ok(turns)
}

const MARK: &str = "-- plan ends --";

fn statement(question: Question, size: Size, round: usize) -> String {
    let Question { objects, view } = question;
    // Other objects each round, the same for both views.
    let first = u32::try_from(round).unwrap_or(0) * 31;
    let ids: Vec<String> = (0..objects)
        .map(|at| ((first + at * 7) % size.objects).to_string())
        .collect();
    let explain = "explain (analyze, buffers, timing off, format json)";
    match ids.as_slice() {
        [one] => format!("{explain} select * from {view} where owner = {one} order by at, id limit 50"),
        _ => format!(
            "{explain} select l.* from unnest(array[{}]) with ordinality o (id, n) cross join lateral \
             (select * from {view} r where r.owner = o.id order by r.at, r.id limit 50) l order by o.n, l.at, l.id",
            ids.join(", ")
        ),
    }
}

fn turn(plan: &str, question: Question, size: Size, revisions: u32, round: usize) -> anyhow::Result<Turn> {
    let plan: Value = serde_json::from_str(plan).context("read a plan")?;
    let count = |names: [&str; 2]| -> u64 {
        names
            .iter()
            .filter_map(|name| plan[0]["Plan"][*name].as_u64())
            .sum()
    };
    Ok(Turn {
        records: size.records,
        revisions,
        round,
        question,
        ms: plan[0]["Execution Time"].as_f64().context("read a plan's time")?,
        buffers: count(["Shared Hit Blocks", "Shared Read Blocks"]),
        temporary: count(["Temp Read Blocks", "Temp Written Blocks"]),
    })
}

/// The same revisions in both designs; ours laid down by object and time, the other in order of arrival.
pub(super) fn fill(size: Size, revisions: u32) -> String {
    let Size { records, objects } = size;
    format!(
        "set synchronous_commit to off;\n\
         truncate records_current, records_history, posted;\n\
         insert into posted select i, r, '2013-01-01Z'::timestamptz + r * interval '1 hour', i % {objects}, \
         '2013-02-01Z'::timestamptz + (i::int8 * 7919 % {records}) * interval '1 minute', 'UA', r \
         from generate_series(1, {revisions}) r, generate_series(1, {records}) i;\n\
         insert into records_current (id, revision, recorded_at, owner, at, carrier, delay) \
         select id, revision, recorded_at, owner, at, carrier, delay from posted where revision = {revisions} \
         order by owner, at, id;\n\
         insert into records_history (id, revision, recorded_at, superseded_at, owner, at, carrier, delay) \
         select id, revision, recorded_at, recorded_at + interval '1 hour', owner, at, carrier, delay \
         from posted where revision < {revisions};\n\
         vacuum (analyze) records_current;\nvacuum (analyze) records_history;\nvacuum (analyze) posted;\n"
    )
}

/// The way to the server that the product runs.
pub(super) struct Psql {
    socket: String,
    port: String,
}

impl Psql {
    /// From the file in which PostgreSQL itself says where it listens.
    pub(super) fn of(data: &Path) -> anyhow::Result<Psql> {
        let file = data.join("managed/data/postmaster.pid");
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let lines: Vec<&str> = text.lines().collect();
        let (Some(port), Some(socket)) = (lines.get(3), lines.get(4)) else {
            bail!("read {}: it says no socket", file.display());
        };
        Ok(Psql {
            socket: (*socket).to_owned(),
            port: (*port).to_owned(),
        })
    }

    /// How another server finds one of its databases.
    pub(super) fn url(&self, database: &str) -> String {
        let Psql { socket, port } = self;
        format!("postgres://sidequest@/{database}?host={socket}&port={port}")
    }

    pub(super) fn run(&self, script: &str) -> anyhow::Result<String> {
        let mut child = Command::new("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args([
                "-h",
                &self.socket,
                "-p",
                &self.port,
                "-U",
                "sidequest",
                "-d",
                "bench",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("run psql")?;
        // The script is shorter than a pipe holds, so writing it all before reading blocks neither.
        child
            .stdin
            .take()
            .context("write to psql")?
            .write_all(script.as_bytes())?;
        let output = child.wait_with_output().context("wait for psql")?;
        if !output.status.success() {
            bail!("run psql: {}", output.status);
        }
        String::from_utf8(output.stdout).context("read what psql prints")
    }
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "counts of buffers are below 2^53")]
fn write(options: &Options, turns: &[Turn]) -> anyhow::Result<()> {
    let mut groups: BTreeMap<(u32, u32, Question), Vec<&Turn>> = BTreeMap::new();
    for turn in turns {
        groups
            .entry((turn.records, turn.revisions, turn.question))
            .or_default()
            .push(turn);
    }
    let of = |records: u32, revisions: u32, question: Question, value: fn(&Turn) -> f64| {
        let turns = groups.get(&(records, revisions, question));
        median(turns.into_iter().flatten().map(|turn| value(turn)).collect())
    };
    let mut table = String::from(
        "| records | revisions of each | page of 50 of | ours: ms | buffers | `DISTINCT ON`: ms | buffers | temporary |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let mut sizes: Vec<(u32, u32)> = groups
        .keys()
        .map(|(records, revisions, _)| (*records, *revisions))
        .collect();
    sizes.dedup();
    for (records, revisions) in sizes {
        for (ours, other) in [(QUESTIONS[0], QUESTIONS[1]), (QUESTIONS[2], QUESTIONS[3])] {
            let _ = writeln!(
                table,
                "| {records} | {revisions} | {} | {:.3} | {:.0} | {:.1} | {:.0} | {:.0} |",
                match ours.objects {
                    1 => "one object".to_owned(),
                    many => format!("{many} objects each"),
                },
                of(records, revisions, ours, |turn| turn.ms),
                of(records, revisions, ours, |turn| turn.buffers as f64),
                of(records, revisions, other, |turn| turn.ms),
                of(records, revisions, other, |turn| turn.buffers as f64),
                of(records, revisions, other, |turn| turn.temporary as f64),
            );
        }
    }
    let mut verdict = String::new();
    for ours in [QUESTIONS[0], QUESTIONS[2]] {
        let grown = |value: fn(&Turn) -> f64| {
            of(SMALL.records, REVISIONS[3], ours, value) / of(SMALL.records, REVISIONS[0], ours, value)
        };
        let (time, buffers) = (grown(|turn| turn.ms), grown(|turn| turn.buffers as f64));
        let _ = writeln!(
            verdict,
            "- {} object(s): with 300 revisions {time:.2} times the time of 1 and {buffers:.2} times the buffers \
             (goal: at most {FLAT_MAX}): {}.",
            ours.objects,
            met(time <= FLAT_MAX && buffers <= FLAT_MAX),
        );
    }
    for (ours, other) in [(QUESTIONS[0], QUESTIONS[1]), (QUESTIONS[2], QUESTIONS[3])] {
        let all: fn(&Turn) -> f64 = |turn| (turn.buffers + turn.temporary) as f64;
        let fewer =
            of(DEMO.records, DEMO_REVISIONS, other, all) / of(DEMO.records, DEMO_REVISIONS, ours, all);
        let _ = writeln!(
            verdict,
            "- {} object(s): {fewer:.0} times fewer buffers at the demo's size (goal: at least {FEWER_MIN:.0}): {}.",
            ours.objects,
            met(fewer >= FEWER_MIN),
        );
    }
    say(format_args!("\n{table}\n{verdict}"));
    if options.discard {
        return Ok(());
    }
    let machine = machine::machine();
    let page = format!(
        "# A page of newest revisions, by time\n\n\
         `select * from VIEW where owner = .. order by at, id limit 50`, and the same for 20 objects by LATERAL, over the \
         product's view and over a `DISTINCT ON (id) .. ORDER BY id, revision DESC` view of the same revisions.\n\
         {rounds} rounds after one that is not counted; in each, every statement had its turn. Medians.\n\
         Time is the execution as EXPLAIN (ANALYZE, TIMING OFF) says it, without planning and without sending rows; \
         buffers are pages touched, in memory or not; temporary ones were written and read by its sort.\n\n\
         {table}\n{verdict}\n\
         **Not equal:** our rows are laid down by object and time, as the demo and the guide to adopting a table do; the other table \
         is in order of arrival, as one that only grows is. Rows of ours that were written one by one lie scattered, and a \
         page then touches up to a buffer a row.\n\n\
         | | |\n|---|---|\n\
         | command | `cargo xtask bench latest --rounds {rounds}` |\n\
         | machine | {description} |\n\
         | commit | {commit} |\n\
         | engine | managed |\n\n\
         Raw data: `raw.csv`.\n",
        rounds = options.rounds,
        description = machine.description,
        commit = machine::line("git", &["describe", "--always", "--dirty"]),
    );
    let mut raw = String::from("records,revisions,round,objects,view,ms,buffers,temporary\n");
    for turn in turns {
        let Question { objects, view } = turn.question;
        let _ = writeln!(
            raw,
            "{},{},{},{objects},{view},{:.3},{},{}",
            turn.records, turn.revisions, turn.round, turn.ms, turn.buffers, turn.temporary
        );
    }
    report::keep(&format!("{}-latest", machine.slug), &page, &raw)
}

fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "not met" }
}
