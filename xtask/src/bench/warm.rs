//! `cargo xtask bench warm`: the same distinct analyses again and again, from the cache, against nginx with the same
//! bytes as static files. CPU a request of each, with the body and with 304.
//!
//! The two alternate within one run, as do the two questions. nginx is set up as somebody would who wants it fast:
//! sendfile, open_file_cache, no access log. Each answer's status is checked, and the bytes of both are compared.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    build,
    burst::{self, Request},
    busiest, free_address, machine, process, report,
    turn::{self, spread, text},
};
use crate::workspace::{root, say};

/// Ours may cost so many times what nginx costs.
const RATIO_MAX: f64 = 1.3;
const STOP_MAX: Duration = Duration::from_secs(10);

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// How often each has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Bursts of one turn: CPU time is counted in hundredths of a second.
    #[arg(long, default_value_t = 20)]
    bursts: usize,
    /// How many distinct objects at once.
    #[arg(long, default_value_t = 500)]
    objects: usize,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Sidequest,
    Nginx,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    /// 200 with the body.
    Body,
    /// `If-None-Match` of what was sent before: 304.
    Unchanged,
}

type Turn = turn::Turn<Server, Question>;

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.rounds == 0 || options.bursts == 0 || options.objects == 0 {
        bail!("measure: give at least one round, one burst and one object");
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
    let turns = runtime.block_on(async {
        let ids = busiest(&burst_options, &binary, &data).await?;
        measure(options, &binary, &data, &ids).await
    })?;
    write(options, &turns)
}

async fn measure(options: &Options, binary: &Path, data: &Path, ids: &[String]) -> anyhow::Result<Vec<Turn>> {
    let (listen, admin) = (free_address()?, free_address()?);
    let mut command = Command::new(binary);
    command.current_dir(root()).arg("serve").arg("--data").arg(data);
    command.args(["--engine", "managed", "--in-flight-max", "10000"]);
    command.args(["--quiet", "--log-level", "warn"]);
    command.args(["--listen", &listen.to_string(), "--admin", &admin.to_string()]);
    let ours = process::Server::start(command, listen, admin).await?;
    let requests = |tags: Option<&burst::Answers>, path: &dyn Fn(&str) -> String| -> Vec<Request> {
        ids.iter()
            .map(|id| Request {
                name: id.clone(),
                path: path(id),
                tag: tags.and_then(|answers| answers.tags.get(id).cloned()),
            })
            .collect()
    };
    let analysis = |id: &str| format!("/api/v1/objects/{id}/analysis");
    let file = |id: &str| format!("/{id}.json");
    let made = burst::ask(ours.address, &requests(None, &analysis)).await?;
    let kept = burst::ask(ours.address, &requests(None, &analysis)).await?;
    if made.bodies != kept.bodies || made.tags != kept.tags || kept.tags.len() != ids.len() {
        bail!("measure: the second answers are not the first, or have no tags");
    }
    let nginx = Nginx::start(&data.join("nginx"), &kept).await?;
    let files = burst::ask(nginx.address, &requests(None, &file)).await?;
    if files.bodies != kept.bodies {
        bail!("measure: nginx has other bytes");
    }
    let mut turns = Vec::new();
    for round in 1..=options.rounds {
        for question in [Question::Body, Question::Unchanged] {
            let mut order = [Server::Sidequest, Server::Nginx];
            if round % 2 == 0 {
                order.reverse();
            }
            for server in order {
                let is_304 = question == Question::Unchanged;
                let (address, requests) = match server {
                    Server::Sidequest => (ours.address, requests(is_304.then_some(&kept), &analysis)),
                    Server::Nginx => (nginx.address, requests(is_304.then_some(&files), &file)),
                };
                let before = (ours.cpu()?, nginx.cpu()?);
                let began = Instant::now();
                for _ in 0..options.bursts {
                    burst::ask(address, &requests).await?;
                }
                let wall = began.elapsed();
                let spent = ours.cpu()?.since(before.0);
                let (cpu, postgres) = match server {
                    Server::Sidequest => (spent.server, spent.postgres),
                    Server::Nginx => (nginx.cpu()?.saturating_sub(before.1), Duration::ZERO),
                };
                let turn = Turn {
                    round,
                    what: server,
                    question,
                    requests: u32::try_from(options.bursts * ids.len()).unwrap_or(u32::MAX),
                    wall,
                    cpu,
                    postgres,
                };
                turn.say();
                turns.push(turn);
            }
        }
    }
    nginx.stop();
    ours.stop().context("stop the server")?;
    Ok(turns)
}

/// nginx with one file an object.
struct Nginx {
    address: SocketAddr,
    child: Child,
}

impl Nginx {
    async fn start(directory: &Path, answers: &burst::Answers) -> anyhow::Result<Nginx> {
        let files = directory.join("files");
        fs::create_dir_all(&files).with_context(|| format!("create {}", files.display()))?;
        for (id, body) in &answers.bodies {
            let path = files.join(format!("{id}.json"));
            fs::write(&path, body).with_context(|| format!("write {}", path.display()))?;
        }
        let address = free_address()?;
        let path = directory.join("nginx.conf");
        fs::write(&path, configuration(directory, address))
            .with_context(|| format!("write {}", path.display()))?;
        let child = Command::new("nginx")
            .arg("-p")
            .arg(directory)
            .arg("-c")
            .arg(&path)
            .args(["-e", "stderr"])
            .stdin(Stdio::null())
            .spawn()
            .context("start nginx: it has to be installed")?;
        let nginx = Nginx { address, child };
        let began = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            if began.elapsed() > STOP_MAX {
                bail!("start nginx: it does not listen on {address}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(nginx)
    }

    fn cpu(&self) -> anyhow::Result<Duration> {
        process::cpu_of(self.child.id())
    }

    fn stop(self) {
        drop(self);
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Ok(raw) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(raw)
        {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// As many workers as cores, and nothing on that is not needed to send files.
fn configuration(directory: &Path, address: SocketAddr) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "worker_processes {cores};\ndaemon off;\npid nginx.pid;\nerror_log stderr warn;\n\
         events {{ worker_connections 1024; multi_accept on; }}\n\
         http {{\n    access_log off;\n    sendfile on;\n    tcp_nopush on;\n    tcp_nodelay on;\n    etag on;\n    \
         default_type application/json;\n    open_file_cache max=10000 inactive=1h;\n    open_file_cache_valid 1h;\n    \
         open_file_cache_errors on;\n    keepalive_requests 1000000;\n    http2_max_concurrent_streams 1000;\n    \
         http2_chunk_size 16k;\n    output_buffers 2 256k;\n    client_body_temp_path tmp;\n    proxy_temp_path tmp;\n    \
         fastcgi_temp_path tmp;\n    uwsgi_temp_path tmp;\n    scgi_temp_path tmp;\n    \
         server {{\n        listen {address} http2 backlog=1024;\n        root {}/files;\n    }}\n}}\n",
        directory.display()
    )
}

fn write(options: &Options, turns: &[Turn]) -> anyhow::Result<()> {
    let mut table = String::from(
        "| question | ours | nginx | ours ÷ nginx | PostgreSQL beside ours |\n|---|---|---|---|---|\n",
    );
    let mut verdicts = String::new();
    for (question, shown) in [
        (Question::Body, "200 with the body"),
        (Question::Unchanged, "304"),
    ] {
        let of = |server: Server| {
            let is_one = move |turn: &&Turn| turn.what == server && turn.question == question;
            turns.iter().filter(is_one)
        };
        let cpu = |server| of(server).map(|turn| turn.us(turn.cpu)).collect::<Vec<f64>>();
        let ratios = of(Server::Sidequest).zip(of(Server::Nginx));
        let ratios: Vec<f64> = ratios
            .map(|(ours, nginx)| ours.us(ours.cpu) / nginx.us(nginx.cpu))
            .collect();
        let postgres = of(Server::Sidequest).map(|turn| turn.us(turn.postgres)).collect();
        let (ratio, ..) = spread(ratios.clone());
        let _ = writeln!(
            table,
            "| {shown} | {} µs | {} µs | {} | {} µs |",
            text(cpu(Server::Sidequest), 1),
            text(cpu(Server::Nginx), 1),
            text(ratios, 2),
            text(postgres, 1),
        );
        let met = if ratio <= RATIO_MAX { "met" } else { "not met" };
        let _ = writeln!(
            verdicts,
            "- {shown}: {ratio:.2} times nginx's CPU a request (goal {RATIO_MAX}): {met}."
        );
    }
    say(format_args!("\n{table}\n{verdicts}"));
    if options.discard {
        return Ok(());
    }
    let raw = turn::raw(turns, "server");
    // It says so on stderr.
    let nginx = Command::new("nginx").arg("-v").output().map_or_else(
        |_| "unknown".to_owned(),
        |said| String::from_utf8_lossy(&said.stderr).trim().to_owned(),
    );
    let arguments = machine::arguments();
    let page = format!(
        "# A warm burst of {objects} distinct analyses\n\n\
         The analyses of the {objects} busiest aircraft of the demo, asked for at once on one h2c connection, {bursts} \
         times a turn, {rounds} turns; against nginx with the same bytes as files, alternating.\n\
         CPU time a request, from /proc.\n\n{table}\nMedian (lowest–highest). The ratio is taken round by round.\n\n{verdicts}\n\
         **Not equal:** nginx looks nothing up; ours reads the versions of each answer in three databases, whose CPU is \
         in the last column and in no ratio. Client, servers and databases share the machine's cores.\n\n\
         | | |\n|---|---|\n| command | `cargo xtask {arguments}` |\n| machine | {machine} |\n| commit | {commit} |\n\
         | rustc | {rustc} |\n| nginx | {nginx} |\n\nRaw data: `raw.csv`.\n",
        objects = options.objects,
        bursts = options.bursts,
        rounds = options.rounds,
        machine = machine::machine().description,
        commit = machine::line("git", &["describe", "--always", "--dirty"]),
        rustc = machine::line("rustc", &["--version"]),
    );
    report::keep(&format!("{}-warm", machine::machine().slug), &page, &raw)
}
