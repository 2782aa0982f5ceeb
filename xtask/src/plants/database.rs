//! The rig's PostgreSQL: made once with the plants' tables, started anew for each scenario.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::{
    fs::{Advice, fadvise},
    process::Signal,
};

use super::{
    chore::Chore,
    group::Group,
    means::{Party, Settings},
    process::{self, Process},
    rig::DATA,
};
use crate::{
    bench::free_address,
    workspace::{output, root, run, say},
};

const USER: &str = "postgres";
const NAME: &str = "plants";
/// What undoes the SQL of a scenario while it runs.
const UNDO: &str = "undo.sql";
const READY_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
const RESTARTS_MAX: u32 = 5;
/// How soon a cold table is cold again.
const FORGET_EVERY: Duration = Duration::from_millis(200);
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// Every run has these; a scenario may say otherwise.
const SETTINGS: &[(&str, &str)] = &[
    ("shared_preload_libraries", "pg_stat_statements"),
    ("max_connections", "200"),
    ("shared_buffers", "256MB"),
    ("unix_socket_directories", ""),
    ("listen_addresses", "127.0.0.1"),
    ("track_io_timing", "on"),
    // What the disk of a test machine does is a plant of its own.
    ("synchronous_commit", "off"),
    // Parallel workers would share the database's work out by themselves.
    ("max_parallel_workers_per_gather", "0"),
];

/// A running server; SQL that was applied is undone before it stops.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) address: SocketAddr,
    undo: Vec<&'static str>,
    chores: Vec<Chore>,
    _process: Process,
    group: Group,
}

impl Database {
    /// Starts it as the settings say.
    pub(crate) fn start(directory: &Path, settings: &Settings) -> anyhow::Result<Database> {
        let bin = bin()?;
        let data = directory.join("postgres");
        // Written last: what a failure left half filled is made anew.
        let marker = directory.join("filled");
        let is_new = !marker.exists();
        if is_new {
            if data.exists() {
                fs::remove_dir_all(&data).with_context(|| format!("remove {}", data.display()))?;
            }
            make(&bin, &data)?;
        }
        let address = free_address()?;
        let group = Group::of(Party::Database, settings)?;
        let mut command = process::command(&group, Path::new("setpriv"));
        command.args([
            &format!("--reuid={USER}"),
            &format!("--regid={USER}"),
            "--clear-groups",
        ]);
        command.arg(bin.join("postgres")).arg("-D").arg(&data);
        command.args(["-p", &address.port().to_string()]);
        for (name, value) in SETTINGS {
            let value = settings.postgres.get(name).unwrap_or(value);
            command.arg("-c").arg(format!("{name}={value}"));
        }
        for (name, value) in &settings.postgres {
            if SETTINGS.iter().all(|(known, _)| known != name) {
                command.arg("-c").arg(format!("{name}={value}"));
            }
        }
        let process = started(&mut command, address, &directory.join("postgres.log"))?;
        let mut database = Database {
            address,
            undo: Vec::new(),
            chores: Vec::new(),
            _process: process,
            group,
        };
        database.wait()?;
        if is_new {
            say("filling the plants' tables");
            database.psql(USER, "create database plants")?;
            let schema = fs::read_to_string(root().join("benchsuite/plants/schema.sql"))
                .context("read the plants' schema")?;
            database.psql(NAME, &schema)?;
            fs::write(&marker, "").with_context(|| format!("write {}", marker.display()))?;
        }
        database.undo_what_was_left(directory)?;
        for (apply, undo) in &settings.sql {
            database.undo.push(undo);
            // Before it is applied: whoever kills us, the next run undoes it.
            fs::write(directory.join(UNDO), database.undo_text())?;
            database.psql(NAME, apply)?;
        }
        // What was read from the disk by one scenario must not be a difference to the next.
        database.psql(
            NAME,
            "select count(*) from item, kind where item.id = kind.id; select pg_stat_statements_reset();",
        )?;
        if let Some(seconds) = settings.checkpoints_every_s {
            let every = Duration::from_secs(seconds);
            database.chores.push(Chore::start(every, move || {
                output(&mut psql(address, USER, "checkpoint")).map(drop)
            }));
        }
        let cold = database.files(&data, &settings.cold_tables)?;
        if !cold.is_empty() {
            // What is written cannot be forgotten before it is on the disk.
            database.psql(NAME, "checkpoint")?;
            forget(&cold)?;
            database
                .chores
                .push(Chore::start(FORGET_EVERY, move || forget(&cold)));
        }
        if let Some(bytes) = settings.read_rate_bytes.get(&Party::Database) {
            database.group.hold_reads(*bytes)?;
        }
        Ok(database)
    }

    /// Of tables and their indexes.
    fn files(&self, data: &Path, tables: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for table in tables {
            let text = self.ask(&format!(
                "select pg_relation_filepath('{table}'::regclass) union all \
                 select pg_relation_filepath(indexrelid) from pg_index where indrelid = '{table}'::regclass"
            ))?;
            files.extend(text.lines().map(|file| data.join(file.trim())));
        }
        Ok(files)
    }

    /// For those that connect, over this port.
    pub(crate) fn url(port: u16) -> String {
        format!("postgres://{USER}@127.0.0.1:{port}/{NAME}")
    }

    fn undo_what_was_left(&self, directory: &Path) -> anyhow::Result<()> {
        let file = directory.join(UNDO);
        if let Ok(text) = fs::read_to_string(&file) {
            self.psql(NAME, &text)?;
            fs::remove_file(&file)?;
        }
        Ok(())
    }

    fn undo_text(&self) -> String {
        let undo: Vec<&str> = self.undo.iter().rev().copied().collect();
        undo.join(";\n")
    }

    /// How many checkpoints there were.
    pub(crate) fn checkpoints(&self) -> anyhow::Result<u64> {
        let text = self
            .ask("select checkpoints_timed + checkpoints_req from pg_stat_bgwriter")
            // Since PostgreSQL 17.
            .or_else(|_| self.ask("select num_timed + num_requested from pg_stat_checkpointer"))?;
        Ok(text.trim().parse()?)
    }

    fn ask(&self, sql: &str) -> anyhow::Result<String> {
        let mut command = psql(self.address, NAME, sql);
        Ok(String::from_utf8_lossy(&output(command.arg("-At"))?).into_owned())
    }

    fn wait(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        while let Err(error) = self.psql(USER, "select 1") {
            if started.elapsed() > READY_MAX {
                return Err(error);
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn psql(&self, database: &str, sql: &str) -> anyhow::Result<()> {
        output(&mut psql(self.address, database, sql)).map(drop)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.group.lift_disk_rates();
        // Nobody asks for checkpoints any more.
        self.chores.clear();
        if self.undo.is_empty() {
            return;
        }
        match self.psql(NAME, &self.undo_text()) {
            Ok(()) => {
                let _ = fs::remove_file(Path::new(DATA).join(UNDO));
            }
            Err(error) => say(format_args!(
                "warning: a plant stays in the database until the next run: {error:#}"
            )),
        }
    }
}

/// Sessions of a server that was killed end a little later than it, and keep the next from starting.
fn started(command: &mut Command, address: SocketAddr, log: &Path) -> anyhow::Result<Process> {
    let mut restarts = 0;
    loop {
        let mut process = Process::start("PostgreSQL", command, log, Signal::INT)?;
        match process.wait_for(address) {
            Err(_) if restarts < RESTARTS_MAX => restarts += 1,
            ended => return ended.map(|()| process),
        }
        thread::sleep(RESTART_AFTER);
    }
}

/// The machine keeps nothing of these files in memory: a table larger than that, in small.
fn forget(files: &[PathBuf]) -> anyhow::Result<()> {
    for file in files {
        let open = File::open(file).with_context(|| format!("open {}", file.display()))?;
        fadvise(&open, 0, None, Advice::DontNeed).with_context(|| format!("forget {}", file.display()))?;
    }
    Ok(())
}

fn psql(address: SocketAddr, database: &str, sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", USER]);
    command.args(["-p", &address.port().to_string(), "-d", database, "-c", sql]);
    command
}

fn bin() -> anyhow::Result<PathBuf> {
    let path = output(Command::new("pg_config").arg("--bindir"))?;
    Ok(PathBuf::from(String::from_utf8_lossy(&path).trim()))
}

fn make(bin: &Path, data: &Path) -> anyhow::Result<()> {
    say("making the plants' database");
    fs::create_dir_all(data).with_context(|| format!("create {}", data.display()))?;
    run(Command::new("chown").arg(format!("{USER}:{USER}")).arg(data))?;
    let mut command = Command::new("setpriv");
    command.args([
        &format!("--reuid={USER}"),
        &format!("--regid={USER}"),
        "--clear-groups",
    ]);
    command.arg(bin.join("initdb")).arg("-D").arg(data);
    command.args(["-U", USER, "-A", "trust", "--locale=C", "-E", "UTF8"]);
    if output(&mut command).is_err() {
        fs::remove_dir_all(data)?;
        bail!(
            "make the plants' database: initdb failed below {}",
            data.display()
        );
    }
    Ok(())
}
