//! `cargo xtask ci`: format, lints, then every test, the house rules and the staleness of generated pages among them.
//!
//! Every step runs even if one before it failed, so that one run shows all that is wrong.
//! A test that wants a program which is not here writes a line into the file that `SIDEQUEST_SKIPPED` names, and
//! these lines close our output; with `SIDEQUEST_REQUIRE_ALL=1` such a test fails instead.

use std::{collections::BTreeSet, fs, path::Path, process::Command, time::Instant};

use anyhow::{Context as _, bail};

use crate::workspace::{cargo, output, run as run_command, say, target, variable};

/// How to run it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Leave out the in-process engine: the build takes a fifth of the time, and its tests do not run.
    #[arg(long)]
    without_engine: bool,
}

/// What a step is called, and what it runs.
struct Step {
    name: &'static str,
    command: Command,
}

/// Runs all steps.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let skipped = target().join("did-not-run.txt");
    fs::create_dir_all(target()).context("create the target directory")?;
    fs::write(&skipped, "").with_context(|| format!("write {}", skipped.display()))?;

    let mut failed = Vec::new();
    for mut step in steps(options) {
        say(format_args!("\n── {}", step.name));
        let started = Instant::now();
        let done = run_command(step.command.env("SIDEQUEST_SKIPPED", &skipped));
        let seconds = started.elapsed().as_secs_f64();
        match done {
            Ok(()) => say(format_args!("── {}: fine, {seconds:.0} s", step.name)),
            Err(error) => {
                say(format_args!(
                    "── {}: FAILED, {seconds:.0} s: {error:#}",
                    step.name
                ));
                failed.push(step.name);
            }
        }
    }
    if options.without_engine {
        say("\nDID NOT RUN: everything in-process: --without-engine");
    }
    tell_skipped(&skipped)?;
    if !failed.is_empty() {
        bail!("pass {}", failed.join(", "));
    }
    say("\nci: all steps passed");
    Ok(())
}

fn steps(options: &Options) -> Vec<Step> {
    let features: &[&str] = if options.without_engine {
        &["--no-default-features"]
    } else {
        &[]
    };
    let clippy = |features: &[&str]| {
        let mut command = cargo();
        command
            .args(["clippy", "--workspace", "--all-targets", "--locked"])
            .args(features);
        command.args(["--", "--deny", "warnings"]);
        command
    };
    let mut format = cargo();
    format.args(["fmt", "--all", "--check"]);
    let mut steps = vec![Step {
        name: "format",
        command: format,
    }];
    // The engine is 200 packages of the build: it is compiled once, for the tests, and only checked here.
    steps.push(Step {
        name: "lints",
        command: clippy(features),
    });
    if !options.without_engine {
        steps.push(Step {
            name: "lints without the engine",
            command: clippy(&["--no-default-features"]),
        });
    }
    if has_nextest() {
        let mut tests = cargo();
        tests
            .args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"])
            .args(features);
        let mut doc_tests = cargo();
        doc_tests
            .args(["test", "--workspace", "--doc", "--locked", "--no-fail-fast"])
            .args(features);
        steps.push(Step {
            name: "documentation tests",
            command: doc_tests,
        });
        steps.push(Step {
            name: "tests",
            command: tests,
        });
    } else {
        let mut tests = cargo();
        tests
            .args(["test", "--workspace", "--locked", "--no-fail-fast"])
            .args(features);
        steps.push(Step {
            name: "tests",
            command: tests,
        });
    }
    steps
}

fn has_nextest() -> bool {
    output(cargo().args(["nextest", "--version"])).is_ok()
}

fn tell_skipped(file: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let lines: BTreeSet<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Ok(());
    }
    say(format_args!("\n{} tests DID NOT RUN:", lines.len()));
    for line in &lines {
        say(line);
    }
    if variable("SIDEQUEST_REQUIRE_ALL").is_some_and(|value| value == "1") {
        bail!(
            "run every test: SIDEQUEST_REQUIRE_ALL=1 and {} did not",
            lines.len()
        );
    }
    Ok(())
}
