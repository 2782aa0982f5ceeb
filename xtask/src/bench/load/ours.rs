//! `sidequest load` as the parts use it: run with `--json`, its totals read and held against each other.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use super::affinity;
use crate::workspace::target;

/// A run under way.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    started: Instant,
}

/// What a run told.
#[derive(Debug)]
pub(crate) struct Told {
    /// What stood on stdout.
    pub(crate) text: String,
    pub(crate) result: serde_json::Value,
    /// From the process's beginning to its end.
    pub(crate) wall: Duration,
}

/// Starts it on the clients' core.
pub(crate) fn start(binary: &Path, arguments: &[&str]) -> anyhow::Result<Running> {
    let directory = target().join("bench/load");
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    let (result, text) = (directory.join("ours.json"), directory.join("ours.txt"));
    let _ = fs::remove_file(&result);
    let stdout = fs::File::create(&text).with_context(|| format!("write {}", text.display()))?;
    let errors = stdout.try_clone()?;
    let mut command = Command::new(binary);
    command
        .args(["load", "-q", "--json"])
        .arg(&result)
        .args(arguments);
    command.stdin(Stdio::null()).stdout(stdout).stderr(errors);
    let started = Instant::now();
    let child = affinity::spawn(&mut command, affinity::CLIENT)?;
    Ok(Running { child, started })
}

/// Runs it to its end.
pub(crate) fn run(binary: &Path, arguments: &[&str]) -> anyhow::Result<Told> {
    start(binary, arguments)?.finish()
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    pub(crate) fn finish(mut self) -> anyhow::Result<Told> {
        // Requests that failed are told by the exit code as well, and are what some parts look for.
        self.child.wait().context("wait for sidequest load")?;
        let wall = self.started.elapsed();
        let directory = target().join("bench/load");
        let text = fs::read_to_string(directory.join("ours.txt")).context("read what it said")?;
        let Ok(result) = fs::read(directory.join("ours.json")) else {
            bail!("read the result of sidequest load; it said:\n{text}");
        };
        let result = serde_json::from_slice(&result).context("read the result of sidequest load")?;
        Ok(Told { text, result, wall })
    }
}

impl Told {
    /// A number of the result, by its path.
    pub(crate) fn number(&self, path: &str) -> anyhow::Result<f64> {
        self.result
            .pointer(path)
            .and_then(serde_json::Value::as_f64)
            .with_context(|| format!("find {path} in the result"))
    }

    fn count(&self, path: &str) -> anyhow::Result<u64> {
        self.result
            .pointer(path)
            .and_then(serde_json::Value::as_u64)
            .with_context(|| format!("find {path} in the result"))
    }

    pub(crate) fn ok(&self) -> anyhow::Result<u64> {
        self.count("/requests/ok")
    }

    pub(crate) fn asked(&self) -> anyhow::Result<u64> {
        self.count("/requests/asked")
    }

    pub(crate) fn resent(&self) -> anyhow::Result<u64> {
        self.sum("/requests/resent")
    }

    /// Whether every request ended in exactly one way.
    pub(crate) fn reconciles(&self) -> anyhow::Result<bool> {
        let parts = ["ok", "http_errors", "failed_checks", "unsent"];
        let counted: u64 = parts
            .iter()
            .map(|part| self.count(&format!("/requests/{part}")))
            .sum::<anyhow::Result<u64>>()?;
        Ok(counted + self.sum("/requests/lost")? == self.asked()?)
    }

    /// Of counts by reason.
    fn sum(&self, path: &str) -> anyhow::Result<u64> {
        let reasons = self.result.pointer(path).and_then(serde_json::Value::as_object);
        let reasons = reasons.with_context(|| format!("find {path} in the result"))?;
        Ok(reasons.values().filter_map(serde_json::Value::as_u64).sum())
    }
}
