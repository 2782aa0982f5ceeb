//! Tests that want a program which is not there: said loudly, and in CI a failure.

use std::{env, fs, io::Write as _, path::PathBuf};

/// Where a program is, or none after saying that the test did not run.
pub(crate) fn program(name: &str, test: &str) -> Option<PathBuf> {
    let found = found(name);
    if found.is_none() {
        did_not_run(test, &format!("there is no `{name}`"));
    }
    found
}

/// Where a program is, for a test that can do with another one.
pub(crate) fn found(name: &str) -> Option<PathBuf> {
    directories()
        .into_iter()
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
}

/// Appends to the file that `cargo xtask ci` shows at its end.
#[expect(
    clippy::disallowed_methods,
    reason = "how tests are told what to do is no part of the product"
)]
pub(crate) fn did_not_run(test: &str, reason: &str) {
    assert!(
        env::var_os("SIDEQUEST_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "{test} did not run, and SIDEQUEST_REQUIRE_ALL=1: {reason}"
    );
    let line = format!("DID NOT RUN: {test}: {reason}\n");
    if let Some(file) = env::var_os("SIDEQUEST_SKIPPED") {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .expect("the file of what did not run");
        // One write, so that lines of tests that run side by side stay whole.
        file.write_all(line.as_bytes())
            .expect("the file of what did not run");
    }
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[expect(
    clippy::disallowed_methods,
    reason = "how tests are told what to do is no part of the product"
)]
fn directories() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default();
    if let Ok(entries) = fs::read_dir("/usr/lib/postgresql") {
        directories.extend(entries.flatten().map(|entry| entry.path().join("bin")));
    }
    directories.push("/usr/sbin".into());
    directories
}
