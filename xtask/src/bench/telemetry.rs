//! `cargo xtask bench telemetry`: what the looking costs a busy server. Everything on, the same with every trace kept,
//! and nothing on: bursts of distinct analyses, and of single records.
//!
//! The three servers run side by side over the same databases and have short turns, so that a machine whose speed
//! changes changes it for all of them. One that is not asked costs the others nothing that can be seen.
//! On: traces go to a collector of OTLP, profiles to a Pyroscope, a line a request to /dev/null, and somebody scrapes
//! each second. Off: no trace, no line, no scrape; counters cannot be turned off.
//! The receivers are ours and take everything at once. Comments in statements are no part of it, see the guide.

mod receiver;

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use receiver::{Scraper, Sink};

use super::{build, burst, busiest, free_address, latest::Psql, machine, process, report, turn};
use crate::workspace::{root, say};

/// Everything on may cost so many times what everything off costs.
const RATIO_MAX: f64 = 1.03;
const WARM: Duration = Duration::from_secs(20);
/// The databases of the demo.
const DATABASES: [&str; 3] = ["fleet", "operations", "weather"];

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each has its turn.
    #[arg(long, default_value_t = 30)]
    rounds: usize,
    /// Bursts of analyses in one turn.
    #[arg(long, default_value_t = 2)]
    bursts: usize,
    /// Bursts of single records in one turn.
    #[arg(long, default_value_t = 20)]
    records: usize,
    /// How many distinct objects at once.
    #[arg(long, default_value_t = 500)]
    objects: usize,
    /// What is on where everything is on.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "traces,otlp,profiles,log,scrape"
    )]
    parts: Vec<Part>,
    /// Where the databases are kept for the next run.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Measure this binary instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Write no run into benchsuite/runs/.
    #[arg(long)]
    discard: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Traces,
    Otlp,
    Profiles,
    Log,
    Scrape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looking {
    /// With the defaults of what is kept.
    On,
    /// Every trace is worth keeping.
    Every,
    Off,
}

impl Looking {
    const ALL: [Looking; 3] = [Looking::Off, Looking::On, Looking::Every];

    fn shown(self) -> &'static str {
        match self {
            Looking::On => "everything on",
            Looking::Every => "everything on, every trace kept",
            Looking::Off => "nothing on",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Analyses,
    Records,
}

impl Question {
    const ALL: [Question; 2] = [Question::Analyses, Question::Records];

    fn path(self, id: &str) -> String {
        match self {
            Question::Analyses => format!("/api/v1/objects/{id}/analysis"),
            Question::Records => format!("/api/v1/objects/{id}"),
        }
    }
}

type Turn = turn::Turn<Looking, Question>;

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.rounds == 0 || options.bursts == 0 || options.records == 0 || options.objects == 0 {
        bail!("measure: give at least one round, one burst of each kind and one object");
    }
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build(true)?,
    };
    let burst_options = super::Options {
        engine: "managed".to_owned(),
        rounds: options.rounds,
        objects: options.objects,
        strategies: Vec::new(),
        by: "usage.flights".to_owned(),
        model: None,
        data: options.data.clone(),
        without_engine: true,
        binary: None,
        discard: true,
    };
    let data = super::data_directory(&burst_options)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let sink = Sink::start()?;
    let measured = runtime.block_on(async {
        let ids = busiest(&burst_options, &binary, &data).await?;
        let keeper = keep_databases(&binary, &data).await?;
        let measured = measure(options, &binary, &data, &ids, &sink, &keeper).await;
        keeper
            .stop()
            .context("stop the server that keeps the databases")?;
        measured
    })?;
    write(options, &measured, sink.taken.load(Ordering::Relaxed))
}

/// One more server, which is asked nothing: the databases are its children, and the three others use them alike.
async fn keep_databases(binary: &Path, data: &Path) -> anyhow::Result<process::Server> {
    let (listen, admin) = (free_address()?, free_address()?);
    let mut command = serve(binary, listen, admin);
    command.arg("--data").arg(data).args(["--engine", "managed"]);
    process::Server::start(command, listen, admin).await
}

fn serve(binary: &Path, listen: SocketAddr, admin: SocketAddr) -> Command {
    let mut command = Command::new(binary);
    command
        .current_dir(root())
        .args(["serve", "--no-cache", "--in-flight-max", "10000"]);
    command.args(["--listen", &listen.to_string(), "--admin", &admin.to_string()]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

struct Measured {
    turns: Vec<Turn>,
    /// What each used while the others had their turns, as a share of one core.
    resting: Vec<(Looking, f64)>,
}

/// One of the servers.
struct Subject {
    looking: Looking,
    server: process::Server,
    /// Where it takes profiles, if it does.
    profiles: Option<SocketAddr>,
    _scraper: Option<Scraper>,
}

async fn measure(
    options: &Options,
    binary: &Path,
    data: &Path,
    ids: &[String],
    sink: &Sink,
    keeper: &process::Server,
) -> anyhow::Result<Measured> {
    let databases = Psql::of(data)?;
    let mut subjects = Vec::new();
    for looking in Looking::ALL {
        subjects.push(Subject::start(options, binary, &databases, sink, looking).await?);
    }
    for subject in &subjects {
        subject.read_symbols()?;
    }
    // Statements are prepared and planned, and all that is read once is read.
    let warm = Instant::now();
    while warm.elapsed() < WARM {
        for subject in &subjects {
            for question in Question::ALL {
                subject.ask(question, ids, 1).await?;
            }
        }
    }
    let began = (Instant::now(), cpu(&subjects)?);
    let mut turns: Vec<Turn> = Vec::new();
    for round in 1..=options.rounds {
        for question in Question::ALL {
            // Another one begins each time, so that none always follows the same.
            subjects.rotate_left(1);
            for subject in &subjects {
                let turn = subject.turn(options, round, question, ids, keeper).await?;
                turn.say();
                turns.push(turn);
            }
        }
    }
    let (wall, used) = (began.0.elapsed(), cpu(&subjects)?);
    let resting = Looking::ALL
        .into_iter()
        .map(|looking| {
            let own = turns.iter().filter(|turn| turn.what == looking);
            let (busy, spent) = own.fold((Duration::ZERO, Duration::ZERO), |(wall, cpu), turn| {
                (wall + turn.wall, cpu + turn.cpu)
            });
            let of = |cpus: &[(Looking, Duration)]| {
                let found = cpus.iter().find(|(of, _)| *of == looking);
                found.map_or(Duration::ZERO, |(_, cpu)| *cpu)
            };
            let rest = of(&used).saturating_sub(of(&began.1)).saturating_sub(spent);
            let share = rest.as_secs_f64() / wall.saturating_sub(busy).as_secs_f64().max(1e-9);
            (looking, share)
        })
        .collect();
    for subject in subjects {
        subject.server.stop().context("stop the server")?;
    }
    Ok(Measured { turns, resting })
}

fn cpu(subjects: &[Subject]) -> anyhow::Result<Vec<(Looking, Duration)>> {
    subjects
        .iter()
        .map(|subject| Ok((subject.looking, subject.server.cpu()?.server)))
        .collect()
}

impl Subject {
    async fn start(
        options: &Options,
        binary: &Path,
        databases: &Psql,
        sink: &Sink,
        looking: Looking,
    ) -> anyhow::Result<Subject> {
        let (listen, admin) = (free_address()?, free_address()?);
        let mut command = serve(binary, listen, admin);
        for name in DATABASES {
            command.args(["--database", &format!("{name}={}", databases.url(name))]);
        }
        let is_on = |part: Part| looking != Looking::Off && options.parts.contains(&part);
        let sink = format!("http://{}", sink.address);
        match (is_on(Part::Traces), looking) {
            (false, _) => {
                command.arg("--no-traces");
            }
            (true, Looking::Every) => {
                command.args(["--traces-share", "1"]);
            }
            (true, Looking::On | Looking::Off) => {}
        }
        if is_on(Part::Otlp) {
            command.args(["--otlp", &sink]);
        }
        if is_on(Part::Profiles) {
            command.args(["--pyroscope", &sink]);
        }
        let level = if is_on(Part::Log) { "info" } else { "off" };
        command.args(["--log-level", level, "--log-format", "json"]);
        let server = process::Server::start(command, listen, admin).await?;
        Ok(Subject {
            looking,
            server,
            profiles: is_on(Part::Profiles).then_some(admin),
            _scraper: is_on(Part::Scrape).then(|| Scraper::start(admin)),
        })
    }

    /// The first profile of a process reads all its symbols: a cost of its start and not of its requests.
    fn read_symbols(&self) -> anyhow::Result<()> {
        let Some(admin) = self.profiles else {
            return Ok(());
        };
        let answer = receiver::get(admin, "/profile?seconds=1").context("take a first profile")?;
        if !answer.starts_with(b"HTTP/1.1 200") {
            bail!("take a first profile: {:.100}", String::from_utf8_lossy(&answer));
        }
        Ok(())
    }

    async fn ask(&self, question: Question, ids: &[String], bursts: usize) -> anyhow::Result<u32> {
        let requests: Vec<(String, String)> = ids.iter().map(|id| (id.clone(), question.path(id))).collect();
        for _ in 0..bursts {
            burst::run(self.server.address, &requests).await?;
        }
        Ok(u32::try_from(bursts * requests.len()).unwrap_or(u32::MAX))
    }

    async fn turn(
        &self,
        options: &Options,
        round: usize,
        question: Question,
        ids: &[String],
        keeper: &process::Server,
    ) -> anyhow::Result<Turn> {
        let bursts = match question {
            Question::Analyses => options.bursts,
            Question::Records => options.records,
        };
        let before = (self.server.cpu()?, keeper.cpu()?);
        let began = Instant::now();
        let requests = self.ask(question, ids, bursts).await?;
        let wall = began.elapsed();
        Ok(Turn {
            round,
            what: self.looking,
            question,
            requests,
            wall,
            cpu: self.server.cpu()?.since(before.0).server,
            postgres: keeper.cpu()?.since(before.1).postgres,
        })
    }
}

fn write(options: &Options, measured: &Measured, taken: u64) -> anyhow::Result<()> {
    let turns = measured.turns.as_slice();
    let mut table = String::from(
        "| question | looking | CPU | CPU of nothing on | CPU ÷ nothing on | all turns ÷ nothing on | wall ÷ nothing on | PostgreSQL ÷ nothing on |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let mut verdicts = String::new();
    for (question, asked) in [
        (Question::Analyses, "analyses, in bursts"),
        (Question::Records, "`/objects/{id}`, in bursts"),
    ] {
        for looking in [Looking::On, Looking::Every] {
            let (row, verdict) = compared(turns, question, looking);
            let shown = looking.shown();
            let _ = writeln!(table, "| {asked} | {shown} | {row} |");
            let _ = writeln!(verdicts, "- {asked}, {shown}: {verdict}");
        }
    }
    for (looking, share) in &measured.resting {
        let _ = writeln!(
            verdicts,
            "- {}, while the others had their turns: {:.2} % of a core.",
            looking.shown(),
            share * 100.0
        );
    }
    say(format_args!(
        "\n{table}\n{verdicts}\n{taken} batches of traces and profiles arrived"
    ));
    if options.discard {
        return Ok(());
    }
    let page = format!(
        "# What looking costs a busy server\n\n\
         Everything on against nothing on, {rounds} rounds: bursts of {objects} distinct analyses of the demo and of as \
         many single records over one h2c connection, nothing cached. A server for each, all running over the same \
         databases; they have short turns, {bursts} bursts of analyses or {records} of records, after 20 s of warming.\n\
         Everything on: what a user has who names a collector, a Pyroscope and a Prometheus: traces at the default share \
         of a hundredth, besides the slow and the failed, sent by OTLP; profiles to Pyroscope's interface; a line of JSON \
         a request to /dev/null; a scrape each second.\n\
         Every trace kept: the same with `--traces-share 1`, of which 50 a second are kept and sent. {taken} batches \
         arrived.\n\
         Nothing on: no traces, no log, no scrape; counters cannot be turned off.\n\
         CPU time of the server a request, by the process's own clock, which counts nanoseconds; PostgreSQL's from \
         /proc.\n\n{table}\nMedian (lowest–highest). Ratios are taken round by round; in \"all turns\" sums are divided, \
         rare work like the push of a profile included.\n\n{verdicts}\n\
         **Not equal:** client, receivers, server and databases share the machine's cores, so the receivers' work is in \
         the wall time of what is on.\n\n\
         | | |\n|---|---|\n| command | `cargo xtask {arguments}` |\n| machine | {machine} |\n| commit | {commit} |\n\
         | rustc | {rustc} |\n\nRaw data: `raw.csv`.\n",
        rounds = options.rounds,
        objects = options.objects,
        bursts = options.bursts,
        records = options.records,
        arguments = machine::arguments(),
        machine = machine::machine().description,
        commit = machine::line("git", &["describe", "--always", "--dirty"]),
        rustc = machine::line("rustc", &["--version"]),
    );
    let raw = turn::raw(turns, "looking");
    report::keep(&format!("{}-telemetry", machine::machine().slug), &page, &raw)
}

/// A row of the table, and whether the goal is met.
fn compared(turns: &[Turn], question: Question, looking: Looking) -> (String, String) {
    let of = |looking: Looking| -> Vec<&Turn> {
        let is_one = |turn: &&Turn| turn.what == looking && turn.question == question;
        turns.iter().filter(is_one).collect()
    };
    let (on, off) = (of(looking), of(Looking::Off));
    let cpu = |turns: &[&Turn]| turns.iter().map(|turn| turn.us(turn.cpu)).collect::<Vec<f64>>();
    let ratios = |part: fn(&Turn) -> Duration| -> Vec<f64> {
        let pairs = on.iter().zip(&off);
        pairs
            .map(|(on, off)| part(on).as_secs_f64() / part(off).as_secs_f64())
            .collect()
    };
    let (cpus, walls) = (ratios(|turn| turn.cpu), ratios(|turn| turn.wall));
    let sum = |turns: &[&Turn]| turns.iter().map(|turn| turn.cpu.as_secs_f64()).sum::<f64>();
    let of_sums = sum(&on) / sum(&off);
    let (of_cpu, ..) = turn::spread(cpus.clone());
    let (of_wall, ..) = turn::spread(walls.clone());
    let met = |ratio: f64| if ratio <= RATIO_MAX { "met" } else { "not met" };
    (
        format!(
            "{} µs | {} µs | {} | {of_sums:.3} | {} | {}",
            turn::text(cpu(&on), 1),
            turn::text(cpu(&off), 1),
            turn::text(cpus, 3),
            turn::text(walls, 3),
            turn::text(ratios(|turn| turn.postgres), 3),
        ),
        format!(
            "CPU {of_cpu:.3}, of all turns {of_sums:.3} (goal {RATIO_MAX}): {}; time {of_wall:.3}: {}.",
            met(of_cpu.max(of_sums)),
            met(of_wall)
        ),
    )
}
