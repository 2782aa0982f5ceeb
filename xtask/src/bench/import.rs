//! `cargo xtask bench import`: whole histories as lines of JSON through `sidequest import`, against psql's COPY of the
//! same rows into the same tables, alternating.
//!
//! psql has the better half on purpose: its rows are made already as they end up, split over the two tables, and it
//! checks nothing but what the tables do. Both write into the product's own tables with all their indexes, emptied
//! and checkpointed before each turn, and what is there after each turn is compared.

mod memory;
mod page;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use self::memory::Memory;
use super::{
    build, free_address,
    latest::{Psql, Size, fill},
    process,
};
use crate::workspace::{root, say};

/// Revisions of each record, and objects, as the demo has them.
const REVISIONS: u32 = 3;
const OBJECTS: u32 = 4_043;

/// What is read out of the product's tables and written into them again by COPY.
const TABLES: [(&str, &str); 3] = [
    (
        "records_current",
        "id, revision, recorded_at, author, comment, deleted, owner, at, carrier, delay",
    ),
    (
        "records_history",
        "id, revision, recorded_at, author, comment, deleted, superseded_at, owner, at, carrier, delay",
    ),
    ("object_version", "object, version"),
];

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Revisions that are imported: three of each record.
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Import,
    Copy,
}

/// One turn of one way.
#[derive(Clone, Debug)]
struct Turn {
    round: usize,
    way: Way,
    wall: Duration,
    server_cpu: Duration,
    postgres_cpu: Duration,
    /// Of the server and of the command, while they imported.
    memory: Option<(Memory, Memory)>,
}

/// The file with a bad line in its middle.
#[derive(Clone, Debug)]
struct Refusal {
    wall: Duration,
    said: String,
}

struct Bench<'a> {
    binary: &'a Path,
    files: PathBuf,
    psql: Psql,
    server: process::Server,
    rows: u32,
}

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.rounds == 0 || options.rows < REVISIONS {
        bail!("measure: give at least one round and {REVISIONS} rows");
    }
    let binary = match &options.binary {
        Some(binary) => fs::canonicalize(binary).with_context(|| format!("find {}", binary.display()))?,
        None => build(true)?,
    };
    let data = match &options.data {
        Some(data) => data.clone(),
        None if rustix::process::geteuid().is_root() => PathBuf::from("/var/tmp/sidequest-bench/import"),
        None => crate::workspace::target().join("bench/import"),
    };
    fs::create_dir_all(&data).with_context(|| format!("create {}", data.display()))?;
    let (listen, admin) = (free_address()?, free_address()?);
    let mut command = Command::new(&binary);
    command.current_dir(root()).arg("serve");
    command.args(["--model", "benchsuite/latest", "--engine", "managed", "--quiet"]);
    command.arg("--data").arg(&data);
    command.args(["--listen", &listen.to_string(), "--admin", &admin.to_string()]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let server = runtime.block_on(process::Server::start(command, listen, admin))?;
    let bench = Bench {
        binary: &binary,
        files: data.join("files"),
        psql: Psql::of(&data)?,
        server,
        rows: options.rows / REVISIONS * REVISIONS,
    };
    fs::create_dir_all(&bench.files).with_context(|| format!("create {}", bench.files.display()))?;
    let (turns, refusal) = bench.measure(options.rounds)?;
    let rows = bench.rows;
    let line_bytes = fs::metadata(bench.file("rows.ndjson"))?.len() / u64::from(rows);
    bench.server.stop().context("stop the server")?;
    page::write(options.discard, rows, line_bytes, &turns, &refusal)
}

impl Bench<'_> {
    fn measure(&self, rounds: usize) -> anyhow::Result<(Vec<Turn>, Refusal)> {
        say(format_args!("making {} revisions, and files of them", self.rows));
        let size = Size {
            records: self.rows / REVISIONS,
            objects: OBJECTS,
        };
        self.psql.run(&fill(size, REVISIONS))?;
        let exported = self.sidequest(&["export", "records", &self.file("rows.ndjson"), "--revisions"])?;
        if !exported.status.success() {
            bail!("export the rows: {}", String::from_utf8_lossy(&exported.stderr));
        }
        // The versions and the order of the rows are those of an import, which COPY then writes too.
        self.import("rows.ndjson", 0)?;
        for (table, columns) in TABLES {
            self.psql
                .run(&format!("\\copy {table} ({columns}) to '{}'\n", self.file(table)))?;
        }
        let expected = self.fingerprint()?;
        let mut turns = Vec::new();
        for round in 1..=rounds {
            let mut order = [Way::Import, Way::Copy];
            if round % 2 == 0 {
                order.reverse();
            }
            for way in order {
                let turn = match way {
                    Way::Import => self.import("rows.ndjson", round)?,
                    Way::Copy => self.copy(round)?,
                };
                if self.fingerprint()? != expected {
                    bail!("compare: {way:?} wrote other rows");
                }
                say(page::line(&turn, self.rows));
                turns.push(turn);
            }
        }
        let refusal = self.refused()?;
        Ok((turns, refusal))
    }

    fn import(&self, name: &str, round: usize) -> anyhow::Result<Turn> {
        self.empty()?;
        let before = self.server.cpu()?;
        let began = Instant::now();
        let mut child = self
            .command(&["import", "records", &self.file(name), "--revisions"])
            .stderr(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .context("run sidequest import")?;
        let (server, command) = memory::watch(self.server.pid(), &mut child)?;
        let wall = began.elapsed();
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("import: {}", String::from_utf8_lossy(&output.stderr));
        }
        let spent = self.server.cpu()?.since(before);
        Ok(Turn {
            round,
            way: Way::Import,
            wall,
            server_cpu: spent.server,
            postgres_cpu: spent.postgres,
            memory: Some((server, command)),
        })
    }

    fn copy(&self, round: usize) -> anyhow::Result<Turn> {
        self.empty()?;
        let copies: String = TABLES
            .iter()
            .map(|(table, columns)| format!("\\copy {table} ({columns}) from '{}'\n", self.file(table)))
            .collect();
        let before = self.server.cpu()?;
        let began = Instant::now();
        self.psql.run(&format!("begin;\n{copies}commit;\n"))?;
        let wall = began.elapsed();
        let spent = self.server.cpu()?.since(before);
        Ok(Turn {
            round,
            way: Way::Copy,
            wall,
            server_cpu: spent.server,
            postgres_cpu: spent.postgres,
            memory: None,
        })
    }

    /// A line in the middle lacks its key: it has to be named, and nothing may be left behind.
    fn refused(&self) -> anyhow::Result<Refusal> {
        let rows = fs::read(self.file("rows.ndjson")).context("read the rows")?;
        let lines: Vec<&[u8]> = rows.split_inclusive(|byte| *byte == b'\n').collect();
        let (before, after) = lines.split_at(lines.len() / 2);
        let bad = b"{\"id\":\"seven\",\"revision\":1}\n".as_slice();
        let text = [&before.concat(), bad, &after.concat()].concat();
        fs::write(self.file("bad.ndjson"), text).context("write the rows with a bad line")?;
        self.empty()?;
        let began = Instant::now();
        let output = self.sidequest(&["import", "records", &self.file("bad.ndjson"), "--revisions"])?;
        let wall = began.elapsed();
        fs::remove_file(self.file("bad.ndjson")).context("remove the rows with a bad line")?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let named = format!("  line {}: ", before.len() + 1);
        let said = said
            .lines()
            .find(|line| line.starts_with(&named))
            .map(str::to_owned);
        let Some(said) = said.filter(|_| !output.status.success()) else {
            bail!(
                "import a bad line: it is not named: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        let left = self.psql.run(
            "select (select count(*) from records_current) + (select count(*) from records_history) \
             + (select count(*) from object_version);\n",
        )?;
        if left.trim() != "0" {
            bail!("import a bad line: {} rows are left", left.trim());
        }
        Ok(Refusal {
            wall,
            said: said.trim().to_owned(),
        })
    }

    fn empty(&self) -> anyhow::Result<()> {
        self.psql
            .run("truncate records_current, records_history, object_version;\ncheckpoint;\n")?;
        Ok(())
    }

    /// Number and content of all rows.
    fn fingerprint(&self) -> anyhow::Result<String> {
        let questions: String = TABLES
            .iter()
            .map(|(table, columns)| {
                format!("select count(*), sum(hashtextextended(row({columns})::text, 0)) from {table};\n")
            })
            .collect();
        self.psql.run(&questions)
    }

    fn file(&self, name: &str) -> String {
        self.files.join(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binary);
        command.args(arguments);
        command.args(["--url", &format!("http://{}", self.server.address)]);
        command
    }

    fn sidequest(&self, arguments: &[&str]) -> anyhow::Result<std::process::Output> {
        self.command(arguments).output().context("run sidequest")
    }
}
