//! `cargo xtask bench burst`: many distinct objects at once over one HTTP/2 connection, each strategy in turn.
//!
//! The strategies alternate within one run, so that what the machine does besides hits all of them alike. Nothing is
//! cached. Every answer's status is checked, and its bytes are compared between the strategies.

mod burst;
pub(crate) mod import;
pub(crate) mod latest;
pub(crate) mod load;
pub(crate) mod machine;
mod process;
mod report;
pub(crate) mod telemetry;
mod turn;
mod usage;
pub(crate) mod warm;

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};

use crate::workspace::{cargo, root, run as run_command, say, target};

/// The story's strategy has the story's pool.
const EACH_POOL: u32 = 60;
/// `each` computes them all one after the other; nothing may run into it.
const REQUEST_TIMEOUT: &str = "10m";
const DIFFERENCE_MAX: f64 = 1e-9;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the databases come from: managed or in-process.
    #[arg(long, default_value = "managed")]
    engine: String,
    /// How often each strategy has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many distinct objects at once.
    #[arg(long, default_value_t = 500)]
    objects: usize,
    /// Which strategies alternate.
    #[arg(long, value_delimiter = ',', default_value = "each,batched,fused")]
    strategies: Vec<String>,
    /// The measure by which objects are the busiest, as `fields=` names it.
    #[arg(long, default_value = "usage.flights")]
    by: String,
    /// Another model than the demo.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Where the databases are kept for the next run.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Build without the in-process engine, which takes most of the build's time.
    #[arg(long)]
    without_engine: bool,
    /// Measure this binary instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Write no run into benchsuite/runs/.
    #[arg(long)]
    discard: bool,
}

/// One turn of one strategy.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    round: usize,
    strategy: String,
    /// From the first request to the end of the last body.
    wall: Duration,
    /// From the first request to the first bytes of a body.
    first_body: Duration,
    /// Of each answer: from the first request, which is sent together with all others, to its body's end.
    p50: Duration,
    p99: Duration,
    bytes: u64,
    server_cpu: Duration,
    postgres_cpu: Duration,
}

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.rounds == 0 || options.objects == 0 {
        bail!("measure: give at least one round and one object");
    }
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build(options.without_engine)?,
    };
    let data = data_directory(options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(options, &binary, &data))
}

async fn measure(options: &Options, binary: &Path, data: &Path) -> anyhow::Result<()> {
    say(format_args!("data: {} ({})", data.display(), options.engine));
    let ids = busiest(options, binary, data).await?;
    let mut turns = Vec::new();
    let mut reference: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut same_bytes = true;
    for round in 1..=options.rounds {
        for strategy in in_turn(&options.strategies, round) {
            let server = start(options, binary, data, strategy).await?;
            // Statements are prepared once a connection, and PostgreSQL plans each anew for its first five runs. A
            // whole burst goes before, so that the baseline with its 60 connections does not pay for 3,000 prepares.
            burst::run(server.address, &analysis_paths(&ids)).await?;
            let before = server.cpu()?;
            let answers = burst::run(server.address, &analysis_paths(&ids)).await?;
            let spent = server.cpu()?.since(before);
            server.stop().context("stop the server")?;
            if reference.is_empty() {
                reference = answers.bodies.clone();
            }
            same_bytes &= compare(strategy, &reference, &answers.bodies)?;
            let turn = Turn {
                round,
                strategy: strategy.to_owned(),
                wall: answers.wall,
                first_body: answers.first_body,
                p50: answers.percentile(50),
                p99: answers.percentile(99),
                bytes: answers.bodies.values().map(|body| body.len() as u64).sum(),
                server_cpu: spent.server,
                postgres_cpu: spent.postgres,
            };
            say(report::turn_line(&turn));
            turns.push(turn);
        }
    }
    report::write(options, &turns, same_bytes, ids.len())
}

pub(crate) fn build(without_engine: bool) -> anyhow::Result<PathBuf> {
    say("building the release");
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--package", "sidequest"]);
    if without_engine {
        command.arg("--no-default-features");
    }
    run_command(&mut command)?;
    Ok(target().join("release/sidequest"))
}

/// Under the target directory, unless PostgreSQL's user cannot enter it, which is so below `/root`.
fn data_directory(options: &Options) -> anyhow::Result<PathBuf> {
    let directory = match &options.data {
        Some(directory) => directory.clone(),
        None if rustix::process::geteuid().is_root() && target().starts_with("/root") => {
            PathBuf::from("/var/tmp/sidequest-bench").join(&options.engine)
        }
        None => target().join("bench").join(&options.engine),
    };
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    Ok(directory)
}

/// Another one begins each round, so that none always follows the same.
fn in_turn(strategies: &[String], round: usize) -> impl Iterator<Item = &str> {
    let begin = (round - 1) % strategies.len().max(1);
    strategies
        .iter()
        .cycle()
        .skip(begin)
        .take(strategies.len())
        .map(String::as_str)
}

async fn start(
    options: &Options,
    binary: &Path,
    data: &Path,
    strategy: &str,
) -> anyhow::Result<process::Server> {
    let (listen, admin) = (free_address()?, free_address()?);
    let mut command = std::process::Command::new(binary);
    command
        .current_dir(root())
        .arg("serve")
        .arg("--no-cache")
        .arg("--data")
        .arg(data);
    command.args(["--engine", &options.engine, "--strategy", strategy]);
    command.args(["--listen", &listen.to_string(), "--admin", &admin.to_string()]);
    command.args([
        "--request-timeout",
        REQUEST_TIMEOUT,
        "--in-flight-max",
        "10000",
        "--quiet",
    ]);
    if strategy == "each" && options.engine != "in-process" {
        command.args(["--pool", &EACH_POOL.to_string()]);
    }
    if let Some(model) = &options.model {
        command.arg("--model").arg(model);
    }
    process::Server::start(command, listen, admin).await
}

/// The objects with the most of the measure: they are the most work.
async fn busiest(options: &Options, binary: &Path, data: &Path) -> anyhow::Result<Vec<String>> {
    say("starting once, which fills the databases the first time");
    let server = start(options, binary, data, "fused").await?;
    let path = format!("/api/v1/objects/analysis?fields={}", options.by);
    let mut answers = burst::run(server.address, &[(path.clone(), path.clone())]).await?;
    server.stop()?;
    let body = answers.bodies.remove(&path).unwrap_or_default();
    let mut objects = Vec::new();
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let object: serde_json::Value = serde_json::from_slice(line).context("read a line of NDJSON")?;
        let Some(id) = object["id"].as_str() else {
            bail!("read the id of {object}")
        };
        let measure = options
            .by
            .split('.')
            .fold(&object, |value, member| &value[member]);
        objects.push((measure.as_f64().unwrap_or(0.0), id.to_owned()));
    }
    objects.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    if objects.len() < options.objects {
        bail!(
            "find {} objects: the model has {}",
            options.objects,
            objects.len()
        );
    }
    Ok(objects
        .into_iter()
        .take(options.objects)
        .map(|(_, id)| id)
        .collect())
}

fn analysis_paths(ids: &[String]) -> Vec<(String, String)> {
    ids.iter()
        .map(|id| (id.clone(), format!("/api/v1/objects/{id}/analysis")))
        .collect()
}

/// Whether the bytes are the same; an error unless at least the answers are, floats to 1e-9 relative.
fn compare(
    strategy: &str,
    expected: &BTreeMap<String, Vec<u8>>,
    found: &BTreeMap<String, Vec<u8>>,
) -> anyhow::Result<bool> {
    let mut same_bytes = true;
    for (id, expected) in expected {
        let Some(found) = found.get(id) else {
            bail!("compare {strategy}: no answer for {id}")
        };
        if expected != found {
            same_bytes = false;
            let expected = serde_json::from_slice(expected)
                .with_context(|| format!("read the first answer for {id}"))?;
            let found = serde_json::from_slice(found)
                .with_context(|| format!("read {strategy}'s answer for {id}"))?;
            if let Some(place) = difference(&expected, &found, "") {
                bail!("compare {strategy}: {id} differs at {place}");
            }
        }
    }
    Ok(same_bytes)
}

fn difference(a: &serde_json::Value, b: &serde_json::Value, at: &str) -> Option<String> {
    use serde_json::Value;
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            let (x, y) = (x.as_f64().unwrap_or(f64::NAN), y.as_f64().unwrap_or(f64::NAN));
            let is_close = x == y || (x - y).abs() <= DIFFERENCE_MAX * x.abs().max(y.abs());
            (!is_close).then(|| format!("{at}: {x} and {y}"))
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => x
            .iter()
            .zip(y)
            .enumerate()
            .find_map(|(n, (x, y))| difference(x, y, &format!("{at}/{n}"))),
        // The order of members is part of the answer.
        (Value::Object(x), Value::Object(y)) if x.keys().eq(y.keys()) => x
            .iter()
            .find_map(|(name, value)| difference(value, &y[name], &format!("{at}/{name}"))),
        (x, y) => (x != y).then(|| format!("{at}: {x:.60} and {y:.60}")),
    }
}

pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    listener.local_addr().context("find a free port")
}
