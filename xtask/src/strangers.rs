//! `cargo xtask strangers`: real services that nobody here wrote, with what they offer by themselves, each investigated
//! by a quest. It must not crash, must prove nothing that is false, and must say what it could not see.
//!
//! Prometheus is taken from the machine, Django and PostGraphile are installed by pip and npm below the target
//! directory. A tool that is missing is told, and the turn fails: what was not investigated was not passed.

mod stranger;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use self::stranger::{STRANGERS, Started, Stranger};
use crate::workspace::{cargo, output, root, run as run_command, say, target};

/// How to run it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Services by name; without any, all of them.
    names: Vec<String>,
    /// How long each quest may take.
    #[arg(long, default_value = "40s")]
    budget: String,
    /// Use this binary instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Write the table into benchsuite/runs/NAME.
    #[arg(long, value_name = "NAME")]
    write: Option<String>,
}

/// What was said of one.
struct Said {
    stranger: &'static Stranger,
    verdict: Value,
    rate: f64,
    not_seen: Vec<String>,
}

/// Asks about all of them, whatever happens to one.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    for name in &options.names {
        if STRANGERS.iter().all(|stranger| stranger.name != name) {
            let known: Vec<&str> = STRANGERS.iter().map(|stranger| stranger.name).collect();
            bail!("`{name}` is none of {}", known.join(", "));
        }
    }
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => build()?,
    };
    let work = target().join("strangers");
    let mut said = Vec::new();
    let mut failed = Vec::new();
    for stranger in STRANGERS {
        if !options.names.is_empty() && options.names.iter().all(|name| name != stranger.name) {
            continue;
        }
        say(format_args!("\n── {}", stranger.name));
        match ask(stranger, &binary, &options.budget, &work.join(stranger.name)) {
            Ok(found) => {
                say(format_args!("{}", text(&found.verdict, "sentence")));
                if found.verdict["grade"] == "proven" {
                    say(format_args!("PROVEN: look whether it is true: {}", stranger.name));
                }
                said.push(found);
            }
            Err(error) => {
                say(format_args!("── {}: NOT INVESTIGATED: {error:#}", stranger.name));
                failed.push(stranger.name);
            }
        }
    }
    let table = table(&said, &options.budget);
    say(format_args!("\n{table}"));
    if let Some(name) = &options.write {
        let directory = root().join("benchsuite/runs").join(name);
        fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
        let file = directory.join("README.md");
        fs::write(&file, table).with_context(|| format!("write {}", file.display()))?;
    }
    if !failed.is_empty() {
        bail!("investigate {}", failed.join(", "));
    }
    Ok(())
}

fn build() -> anyhow::Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--package", "sidequest"]);
    run_command(command.arg("--no-default-features"))?;
    Ok(target().join("release/sidequest"))
}

fn ask(stranger: &'static Stranger, binary: &Path, budget: &str, directory: &Path) -> anyhow::Result<Said> {
    fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    let started: Started = (stranger.start)(directory)?;
    let out = directory.join("quest");
    let _ = fs::remove_dir_all(&out);
    let mut command = Command::new(binary);
    command.args([
        "quest",
        &started.url,
        "--quiet",
        "--budget",
        budget,
        "--max-concurrency",
        "32",
    ]);
    command.args(&started.options).arg("--out").arg(&out);
    output(&mut command)?;
    drop(started);
    let file = out.join("report.json");
    let report = fs::read(&file).with_context(|| format!("read {}", file.display()))?;
    let report: Value =
        serde_json::from_slice(&report).with_context(|| format!("understand {}", file.display()))?;
    let verdict = report["verdict"].clone();
    let list = |key: &str| verdict[key].as_array().cloned().unwrap_or_default();
    let rate = list("steps")
        .iter()
        .filter_map(|step| step["rate"]["mid"].as_f64())
        .fold(0.0, f64::max);
    let not_seen = list("unseen")
        .iter()
        .filter(|unseen| unseen["state"] != "available")
        .filter_map(|unseen| unseen["bottleneck"].as_str().map(str::to_owned))
        .collect();
    Ok(Said {
        stranger,
        verdict,
        rate,
        not_seen,
    })
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn table(said: &[Said], budget: &str) -> String {
    let mut table = format!(
        "# Services that nobody here wrote\n\n`cargo xtask strangers --budget {budget}`: each with what it offers by \
         itself, on the machine that the generator uses too.\n\n\
         | service | best answers/s | said | grade | could not be seen |\n|---|---|---|---|---|\n"
    );
    for found in said {
        let _ = writeln!(
            table,
            "| {} | {:.0} | {} | {} | {} |",
            found.stranger.what,
            found.rate,
            text(&found.verdict, "sentence").replace('|', "/"),
            text(&found.verdict, "grade").replace('_', " "),
            found.not_seen.join(", ")
        );
    }
    table
}
