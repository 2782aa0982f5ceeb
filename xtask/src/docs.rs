//! `cargo xtask docs`: the pages that the program prints about itself.
//!
//! Staleness is found by `crates/sidequest/tests/it`, which compares them with what is printed.

use std::fs;

use anyhow::Context as _;

use crate::workspace::{cargo, output, root, say};

/// The file, and what `sidequest __reference` calls it.
const PAGES: &[(&str, &str)] = &[
    ("docs/reference/bottlenecks.md", "bottlenecks"),
    ("docs/reference/cli.md", "cli"),
    ("docs/reference/model.md", "model"),
    ("docs/reference/model.schema.json", "schema"),
    ("docs/reference/metrics.md", "metrics"),
    ("docs/reference/load.schema.json", "load-schema"),
    ("docs/reference/report.schema.json", "quest-schema"),
];

/// Writes them.
pub(crate) fn run() -> anyhow::Result<()> {
    fs::create_dir_all(root().join("docs/reference")).context("create docs/reference")?;
    for (file, page) in PAGES {
        // No page depends on the engine, and without it the build takes a fifth of the time.
        let text = output(
            cargo()
                .args([
                    "run",
                    "--quiet",
                    "--locked",
                    "--package",
                    "sidequest",
                    "--no-default-features",
                    "--",
                ])
                .args(["__reference", page]),
        )?;
        fs::write(root().join(file), text).with_context(|| format!("write {file}"))?;
        say(format_args!("wrote {file}"));
    }
    Ok(())
}
