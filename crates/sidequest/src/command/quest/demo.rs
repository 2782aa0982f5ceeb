//! The demo as a target: our own server as a child on free ports, with a data directory of its own, stopped and
//! cleared away at the end. It is investigated like any stranger's.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use clap::ValueEnum as _;
use quest::observer::postgres::{Location, Session};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    args::{Strategy, quest::Settings},
    console,
    declaration::POSTED,
};

/// Making and filling three databases, on a slow machine.
const START_MAX: Duration = Duration::from_secs(180);

/// Letting requests in flight end, and stopping the databases.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Lines of its start that nobody has read yet.
const LINES_MAX: usize = 1_000;

/// Objects whose analyses are asked for.
const OBJECTS: u32 = 200;

/// The one list that is asked for, at most.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Which demo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// In the way that does not work.
    pub(super) is_as_posted: bool,
    /// Given, it is what is investigated, so no answer is kept for the next request.
    pub(super) strategy: Option<Strategy>,
}

/// A server that runs. Dropped, it is stopped, and its data are gone.
pub(super) struct Demo {
    child: Child,
    directory: PathBuf,
    reader: Option<JoinHandle<()>>,
    address: SocketAddr,
    admin: Option<SocketAddr>,
    /// Where the managed databases are, if they are managed.
    place: Option<PathBuf>,
    databases: Vec<String>,
}

impl Wish {
    fn arguments(self) -> Vec<String> {
        let mut arguments = Vec::new();
        if self.is_as_posted {
            arguments.extend(["--model".to_owned(), POSTED.to_owned()]);
        }
        if let Some(name) = self.strategy.and_then(|strategy| strategy.to_possible_value()) {
            arguments.extend([
                "--no-cache".to_owned(),
                "--strategy".to_owned(),
                name.get_name().to_owned(),
            ]);
        }
        arguments
    }
}

impl Demo {
    /// Starts it and waits until it listens.
    pub(super) fn start(wish: Wish, quiet: bool) -> anyhow::Result<Demo> {
        let directory = env::temp_dir().join(format!("sidequest-demo-{}", process::id()));
        fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
        let mut child = Command::new(env::current_exe().context("find ourselves")?)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin",
                "127.0.0.1:0",
                "--log-level",
                "warn",
            ])
            .arg("--data")
            .arg(&directory)
            .args(wish.arguments())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .context("start the demo")?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| anyhow!("start the demo: it has no stdout"))?;
        let (sender, lines) = sync_channel(LINES_MAX);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // After the start nobody listens any more, but the pipe must be kept empty.
                let _ = sender.try_send(line);
            }
        });
        let mut demo = Demo {
            child,
            directory,
            reader: Some(reader),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            admin: None,
            place: None,
            databases: Vec::new(),
        };
        demo.listen(&lines, quiet)?;
        Ok(demo)
    }

    /// What is investigated, under what the user said.
    pub(super) fn settings(&self, settings: Settings) -> anyhow::Result<Settings> {
        let ids = self.ids()?;
        let postgres = match self.place.as_deref().map(|place| place.join("managed/socket")) {
            Some(socket) if socket.join(".s.PGSQL.5432").exists() => self
                .databases
                .iter()
                .map(|name| {
                    format!(
                        "host={} user=sidequest dbname={name} sslmode=disable",
                        socket.display()
                    )
                })
                .collect(),
            Some(_) | None => Vec::new(),
        };
        allow_hypothetical_indexes(&postgres);
        let demo = Settings {
            url: Some(format!("http://{}/api/v1/objects/{{id}}/analysis", self.address)),
            values: vec![format!("id={}", ids.join(","))],
            metrics: self
                .admin
                .iter()
                .map(|admin| format!("http://{admin}/metrics"))
                .collect(),
            traces: self
                .admin
                .iter()
                .map(|admin| format!("http://{admin}/traces"))
                .collect(),
            postgres,
            process: vec![self.child.id().to_string()],
            ..Settings::default()
        };
        Ok(settings.or(demo))
    }

    fn listen(&mut self, lines: &Receiver<String>, quiet: bool) -> anyhow::Result<()> {
        let until = Instant::now() + START_MAX;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = lines.recv_timeout(left) else {
                bail!(
                    "start the demo: it ended, or did not listen within {} s",
                    START_MAX.as_secs()
                );
            };
            if !quiet {
                console::faults(format_args!("  demo: {line}"));
            }
            if let Some((_, rest)) = line.split_once("database: managed PostgreSQL ") {
                let place = rest.split_once(" in ").map(|(_, place)| place);
                self.place = place
                    .and_then(|place| place.rsplit_once(" ("))
                    .map(|(place, _)| PathBuf::from(place));
            } else if let Some((name, _)) = line
                .strip_prefix("filled: ")
                .and_then(|rest| rest.split_once(" with "))
            {
                self.databases.push(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("listening: http://") {
                let mut addresses = rest.split("http://").map(|rest| {
                    let end = rest
                        .find(|letter: char| !(letter.is_ascii_alphanumeric() || ".:[]".contains(letter)));
                    rest[..end.unwrap_or(rest.len())].parse::<SocketAddr>()
                });
                self.address = addresses
                    .next()
                    .and_then(Result::ok)
                    .ok_or_else(|| anyhow!("start the demo: `{line}` names no address"))?;
                self.admin = addresses.next().and_then(Result::ok);
                return Ok(());
            }
        }
    }

    /// The first objects.
    fn ids(&self) -> anyhow::Result<Vec<String>> {
        let what = "ask the demo for its objects";
        let mut stream = TcpStream::connect(self.address).context(what)?;
        stream.set_read_timeout(Some(STOP_MAX)).context(what)?;
        // In HTTP/1.0 the body ends where the connection does.
        write!(
            stream,
            "GET /api/v1/objects?limit={OBJECTS} HTTP/1.0\r\nhost: demo\r\n\r\n"
        )
        .context(what)?;
        let mut answer = String::new();
        stream
            .take(ANSWER_BYTES_MAX)
            .read_to_string(&mut answer)
            .context(what)?;
        let (_, body) = answer
            .split_once("\r\n\r\n")
            .ok_or_else(|| anyhow!("{what}: no HTTP"))?;
        let body: serde_json::Value = serde_json::from_str(body).context(what)?;
        let ids: Vec<String> = body["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| item["id"].as_str().map(str::to_owned))
            .collect();
        if ids.is_empty() {
            bail!("{what}: there are none");
        }
        Ok(ids)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        let until = Instant::now() + STOP_MAX;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        remove(&self.directory);
    }
}

/// The databases are ours, so what lets indexes be tried without being made may be put into them. Where the machine
/// has no hypopg, the report says what could not be tried for want of it.
fn allow_hypothetical_indexes(postgres: &[String]) {
    for url in postgres {
        if let Ok(location) = Location::parse(url)
            && let Ok(mut session) = Session::open(&location)
        {
            let _ = session.query("BEGIN READ WRITE; CREATE EXTENSION IF NOT EXISTS hypopg; COMMIT");
        }
    }
}

/// What cannot be removed is in the directory for temporary files, and the system's to clear away.
fn remove(directory: &Path) {
    let _ = fs::remove_dir_all(directory);
}
