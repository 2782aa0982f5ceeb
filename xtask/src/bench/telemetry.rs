//! `cargo xtask bench telemetry`: what the looking costs a busy server. Everything on, the same with every trace kept,
//! and nothing on, alternating within one run: a burst of distinct analyses, and single records.
//!
//! On: traces go to a collector of OTLP, profiles to a Pyroscope, a line a request to /dev/null, and somebody scrapes
//! each second. Off: no trace, no line, no scrape; counters cannot be turned off.
//! The receivers are ours and take everything at once. Comments in statements are no part of it, see the guide.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use super::{build, burst, busiest, free_address, machine, process, report, turn};
use crate::workspace::{root, say};

/// Everything on may cost so many times what everything off costs.
const RATIO_MAX: f64 = 1.03;
const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each has its turn.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Bursts of analyses in one turn: CPU time is counted in hundredths of a second.
    #[arg(long, default_value_t = 8)]
    bursts: usize,
    /// Bursts of single records in one turn.
    #[arg(long, default_value_t = 40)]
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Analyses,
    Records,
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
    let turns = runtime.block_on(async {
        let ids = busiest(&burst_options, &binary, &data).await?;
        let mut turns = Vec::new();
        for round in 1..=options.rounds {
            let mut order = [Looking::Off, Looking::On, Looking::Every];
            order.rotate_left(round % 3);
            for looking in order {
                let turn = InTurn {
                    options,
                    binary: &binary,
                    data: &data,
                    ids: &ids,
                    sink: sink.address,
                };
                turns.extend(turn.measure(round, looking).await?);
            }
        }
        anyhow::Ok(turns)
    })?;
    write(options, &turns, sink.taken.load(Ordering::Relaxed))
}

/// What a turn needs.
struct InTurn<'a> {
    options: &'a Options,
    binary: &'a Path,
    data: &'a Path,
    ids: &'a [String],
    sink: SocketAddr,
}

impl InTurn<'_> {
    async fn measure(&self, round: usize, looking: Looking) -> anyhow::Result<Vec<Turn>> {
        let (listen, admin) = (free_address()?, free_address()?);
        let mut command = Command::new(self.binary);
        command
            .current_dir(root())
            .arg("serve")
            .arg("--data")
            .arg(self.data);
        command.args(["--engine", "managed", "--no-cache", "--in-flight-max", "10000"]);
        command.args(["--listen", &listen.to_string(), "--admin", &admin.to_string()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let is_on = |part: Part| looking != Looking::Off && self.options.parts.contains(&part);
        let sink = format!("http://{}", self.sink);
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
        let scraper = is_on(Part::Scrape).then(|| Scraper::start(admin));
        let mut turns = Vec::new();
        for (question, bursts) in [
            (Question::Analyses, self.options.bursts),
            (Question::Records, self.options.records),
        ] {
            let path = |id: &String| match question {
                Question::Analyses => format!("/api/v1/objects/{id}/analysis"),
                Question::Records => format!("/api/v1/objects/{id}"),
            };
            let requests: Vec<(String, String)> = self.ids.iter().map(|id| (id.clone(), path(id))).collect();
            // Statements are prepared and planned in the first ones.
            for _ in 0..2 {
                burst::run(server.address, &requests).await?;
            }
            let before = server.cpu()?;
            let began = Instant::now();
            for _ in 0..bursts {
                burst::run(server.address, &requests).await?;
            }
            let wall = began.elapsed();
            let spent = server.cpu()?.since(before);
            let turn = Turn {
                round,
                what: looking,
                question,
                requests: u32::try_from(bursts * requests.len()).unwrap_or(u32::MAX),
                wall,
                cpu: spent.server,
                postgres: spent.postgres,
            };
            turn.say();
            turns.push(turn);
        }
        drop(scraper);
        server.stop().context("stop the server")?;
        Ok(turns)
    }
}

/// Takes whatever is sent to it, until we end.
struct Sink {
    address: SocketAddr,
    taken: Arc<AtomicU64>,
}

impl Sink {
    fn start() -> anyhow::Result<Sink> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("listen for what is sent")?;
        let address = listener.local_addr().context("listen for what is sent")?;
        let taken = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&taken);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                // A client that leaves ends its own.
                thread::spawn(move || take(stream, &count));
            }
        });
        Ok(Sink { address, taken })
    }
}

/// Reads requests with a length and answers that they are fine.
fn take(mut stream: TcpStream, count: &AtomicU64) -> Option<()> {
    let mut bytes = Vec::new();
    let mut part = [0; 64 << 10];
    loop {
        let read = stream.read(&mut part).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            if bytes.len() < end + 4 + length {
                break;
            }
            bytes.drain(..end + 4 + length);
            count.fetch_add(1, Ordering::Relaxed);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .ok()?;
        }
    }
}

/// Reads /metrics each second, until it is dropped.
struct Scraper {
    done: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Scraper {
    fn start(admin: SocketAddr) -> Scraper {
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let thread = thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let scrape = || -> std::io::Result<()> {
                    let mut stream = TcpStream::connect(admin)?;
                    stream.write_all(
                        b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
                    )?;
                    stream.read_to_end(&mut Vec::new()).map(|_| ())
                };
                // One that fails is one the less.
                let _ = scrape();
                thread::park_timeout(SCRAPE_INTERVAL);
            }
        });
        Scraper {
            done,
            thread: Some(thread),
        }
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn write(options: &Options, turns: &[Turn], taken: u64) -> anyhow::Result<()> {
    let mut table = String::from(
        "| question | looking | CPU | CPU of nothing on | CPU ÷ nothing on | wall ÷ nothing on | PostgreSQL ÷ nothing on |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let mut verdicts = String::new();
    for (question, asked) in [
        (Question::Analyses, "analyses, in bursts"),
        (Question::Records, "`/objects/{id}`, in bursts"),
    ] {
        for (looking, shown) in [
            (Looking::On, "everything on"),
            (Looking::Every, "everything on, every trace kept"),
        ] {
            let (row, verdict) = compared(turns, question, looking);
            let _ = writeln!(table, "| {asked} | {shown} | {row} |");
            let _ = writeln!(verdicts, "- {asked}, {shown}: {verdict}");
        }
    }
    say(format_args!(
        "\n{table}\n{verdicts}\n{taken} batches of traces and profiles arrived"
    ));
    if options.discard {
        return Ok(());
    }
    let page = format!(
        "# What looking costs a busy server\n\n\
         Everything on against nothing on, alternating, {rounds} rounds: bursts of {objects} distinct analyses of the \
         demo and of as many single records over one h2c connection, nothing cached.\n\
         Everything on: what a user has who names a collector, a Pyroscope and a Prometheus: traces at the default share \
         of a hundredth, besides the slow and the failed, sent by OTLP; profiles to Pyroscope's interface; a line of JSON \
         a request to /dev/null; a scrape each second.\n\
         Every trace kept: the same with `--traces-share 1`, of which 50 a second are kept and sent. {taken} batches \
         arrived.\n\
         Nothing on: no traces, no log, no scrape; counters cannot be turned off.\n\
         CPU time of the server a request, from /proc.\n\n{table}\nMedian (lowest–highest). Ratios are taken round by \
         round.\n\n{verdicts}\n\
         **Not equal:** client, receivers, server and databases share the machine's cores, so the receivers' work is in \
         the wall time of what is on.\n\n\
         | | |\n|---|---|\n| command | `cargo xtask {arguments}` |\n| machine | {machine} |\n| commit | {commit} |\n\
         | rustc | {rustc} |\n\nRaw data: `raw.csv`.\n",
        rounds = options.rounds,
        objects = options.objects,
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
    let (of_cpu, ..) = turn::spread(cpus.clone());
    let (of_wall, ..) = turn::spread(walls.clone());
    let met = |ratio: f64| if ratio <= RATIO_MAX { "met" } else { "not met" };
    (
        format!(
            "{} µs | {} µs | {} | {} | {}",
            turn::text(cpu(&on), 1),
            turn::text(cpu(&off), 1),
            turn::text(cpus, 3),
            turn::text(walls, 3),
            turn::text(ratios(|turn| turn.postgres), 3),
        ),
        format!(
            "CPU {of_cpu:.3} (goal {RATIO_MAX}): {}; time {of_wall:.3}: {}.",
            met(of_cpu),
            met(of_wall)
        ),
    )
}
