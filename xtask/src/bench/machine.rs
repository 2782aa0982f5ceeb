//! Where a run was measured: the machine, and the versions of what took part.

use std::{fs, process::Command};

use crate::workspace::{output, root};

/// Where it was measured.
pub(crate) struct Machine {
    /// For the directory's name.
    pub(crate) slug: String,
    pub(crate) description: String,
}

/// This one.
pub(crate) fn machine() -> Machine {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_else(|| "unknown memory".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Machine {
        slug: format!("{cores}-cores"),
        description: format!("{cores} cores ({cpu}), {memory}, Linux {}", kernel.trim()),
    }
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// What a program says of itself in its first line, or that it is not known.
pub(crate) fn line(program: &str, arguments: &[&str]) -> String {
    output(Command::new(program).args(arguments).current_dir(root())).map_or_else(
        |_| "unknown".to_owned(),
        |text| String::from_utf8_lossy(&text).trim().to_owned(),
    )
}

/// What this run was asked for. Of a path only the last part: a page names no directory of the machine that it was
/// made on.
pub(crate) fn arguments() -> String {
    let last = |argument: String| argument.rsplit('/').next().unwrap_or_default().to_owned();
    let arguments: Vec<String> = std::env::args().skip(1).map(last).collect();
    arguments.join(" ")
}
