//! The load generators: how each is told the same thing, and how each tells what succeeded.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

use super::cell::{Cell, Protocol};
use crate::workspace::{cargo, run, say, target};

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    H2load,
    Wrk,
    Oha,
    Hey,
}

/// All but ours.
pub(crate) const PEERS: [Kind; 4] = [Kind::H2load, Kind::Wrk, Kind::Oha, Kind::Hey];

/// A tool that is here.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) kind: Kind,
    pub(crate) program: PathBuf,
}

/// How long a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    pub(crate) requests: u64,
    /// For wrk, which counts no requests.
    pub(crate) seconds: u64,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Ours => "sidequest",
            Kind::H2load => "h2load",
            Kind::Wrk => "wrk",
            Kind::Oha => "oha",
            Kind::Hey => "hey",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Kind> {
        [Kind::Ours]
            .into_iter()
            .chain(PEERS)
            .find(|kind| kind.name() == name)
    }

    /// wrk has no HTTP/2 and hey none in cleartext.
    pub(crate) fn can(self, cell: Cell) -> bool {
        match self {
            Kind::Ours | Kind::H2load | Kind::Oha => true,
            Kind::Wrk | Kind::Hey => cell.protocol == Protocol::Http1,
        }
    }
}

impl Tool {
    /// The installed one; oha, which Debian lacks, is built once into the benchmarks' own directory.
    pub(crate) fn find(kind: Kind) -> anyhow::Result<Tool> {
        let program = match kind {
            Kind::Ours => bail!("find sidequest: it is built"),
            Kind::Oha => oha()?,
            Kind::H2load | Kind::Wrk | Kind::Hey => {
                on_path(kind.name()).with_context(|| format!("find {0}: apt-get install {0}", kind.name()))?
            }
        };
        Ok(Tool { kind, program })
    }

    /// One client thread, keep-alive, bodies read unless the cell says otherwise.
    pub(crate) fn command(&self, cell: Cell, url: &str, amount: Amount) -> Command {
        let mut command = Command::new(&self.program);
        let (requests, connections) = (amount.requests.to_string(), cell.connections.to_string());
        let streams = cell.streams.to_string();
        match self.kind {
            Kind::Ours => {
                command.args(["load", "-q", "-t", "1", "-n", &requests, "-c", &connections]);
                match cell.protocol {
                    Protocol::Http1 => command.arg("--h1"),
                    Protocol::Http2 => command.args(["--h2", "-m", &streams]),
                };
                if cell.discards {
                    command.arg("--discard");
                }
            }
            Kind::H2load => {
                command.args(["-t", "1", "-n", &requests, "-c", &connections]);
                match cell.protocol {
                    Protocol::Http1 => command.arg("--h1"),
                    Protocol::Http2 => command.args(["-m", &streams]),
                };
            }
            Kind::Wrk => {
                command.args(["-t", "1", "-c", &connections, "-d"]);
                command.arg(format!("{}s", amount.seconds));
            }
            Kind::Oha => {
                command.args(["--no-tui", "--output-format", "json"]);
                command.args(["-n", &requests, "-c", &connections]);
                if cell.protocol == Protocol::Http2 {
                    command.args(["--http2", "-p", &streams]);
                }
            }
            Kind::Hey => {
                command.args(["-cpus", "1", "-t", "0", "-n", &requests, "-c", &connections]);
            }
        }
        command.arg(url);
        command
    }

    /// How many requests were answered with 200.
    pub(crate) fn succeeded(&self, said: &str) -> anyhow::Result<u64> {
        let found = match self.kind {
            Kind::Ours | Kind::H2load => {
                number_before(said, "requests: ", " succeeded").and_then(|succeeded| {
                    // Both count every answer as a success that came whole.
                    let statuses = number_before(said, "status codes: ", " 2xx")?;
                    Some(succeeded.min(statuses))
                })
            }
            Kind::Wrk => number_before(said, "", " requests in ")
                .map(|all| all - number_after(said, "Non-2xx or 3xx responses: ").unwrap_or(0)),
            Kind::Oha => {
                let told: serde_json::Value = serde_json::from_str(said).context("read what oha says")?;
                told["statusCodeDistribution"]["200"].as_u64()
            }
            Kind::Hey => number_before(said, "[200]", " responses"),
        };
        found.with_context(|| format!("read what {} says:\n{said}", self.kind.name()))
    }

    pub(crate) fn version(&self) -> String {
        let argument = match self.kind {
            // Neither of them says it: what Debian's package says has to do.
            Kind::Hey | Kind::Wrk => {
                let said = super::super::machine::line(
                    "dpkg-query",
                    &["--show", "--showformat", "${Version}", self.kind.name()],
                );
                return format!("{} {said} (Debian)", self.kind.name());
            }
            Kind::Ours | Kind::H2load | Kind::Oha => "--version",
        };
        super::super::machine::line(&self.program.to_string_lossy(), &[argument])
    }
}

/// A program that `PATH` or /usr/sbin has.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = crate::workspace::variable("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin"])
        .map(|directory| Path::new(directory).join(name))
        .find(|program| program.is_file())
}

fn oha() -> anyhow::Result<PathBuf> {
    if let Some(program) = on_path("oha") {
        return Ok(program);
    }
    let tools = target().join("bench/tools");
    let program = tools.join("bin/oha");
    if !program.is_file() {
        say("building oha, once");
        run(cargo()
            .args(["install", "oha", "--locked", "--quiet", "--root"])
            .arg(&tools)
            .arg("--target-dir")
            .arg(target().join("bench/oha")))?;
    }
    Ok(program)
}

/// The number right before `after`, on a line with `on`.
pub(crate) fn number_before(text: &str, on: &str, after: &str) -> Option<u64> {
    let line = text
        .lines()
        .find(|line| line.contains(on) && line.contains(after))?;
    let before = line.split(after).next()?;
    let digits = before.rsplit(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn number_after(text: &str, before: &str) -> Option<u64> {
    let rest = text.split(before).nth(1)?;
    rest.split(|letter: char| !letter.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}
