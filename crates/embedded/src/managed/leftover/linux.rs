//! Linux: processes by `/proc`. A server and its backends have the data directory as their working directory.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use super::State;

const PROGRAM: &str = "postgres";

const ZOMBIE: char = 'Z';
const DEAD: char = 'X';

pub(super) fn state(pid: u32, data: &Path) -> State {
    match status(pid) {
        Some((ZOMBIE | DEAD, name)) if name == PROGRAM => State::Zombie,
        Some(_) if works_in(pid, data) || serves(pid, data) => State::Running,
        // On its way out it has neither a directory nor a command line any more, and is no zombie yet.
        Some((_, name)) if name == PROGRAM && command_line(pid).is_empty() => State::Zombie,
        Some(_) | None => State::Gone,
    }
}

/// All processes of PostgreSQL that work in the directory.
pub(super) fn strays(data: &Path) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // The cheap question first: other people's directories cannot be read anyhow.
    pids.filter(|pid| works_in(*pid, data) && status(*pid).is_some_and(|(_, name)| name == PROGRAM))
        .collect()
}

/// State and name from `pid (name) S ..`.
fn status(pid: u32) -> Option<(char, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (start, rest) = text.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    Some((rest.trim_start().chars().next()?, name.to_owned()))
}

fn works_in(pid: u32, data: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|directory| directory == data)
}

/// Whether the command line names the directory. In a container root may not see where others work.
fn serves(pid: u32, data: &Path) -> bool {
    let command = command_line(pid);
    let mut words = command.split(|byte| *byte == 0);
    words
        .next()
        .is_some_and(|program| program.ends_with(PROGRAM.as_bytes()))
        && words.any(|word| {
            Path::new(OsStr::from_bytes(word))
                .canonicalize()
                .is_ok_and(|word| word == data)
        })
}

fn command_line(pid: u32) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}
