//! Systems without `/proc`: the server by `ps`, its backends not at all.

use std::{path::Path, process::Command};

use super::State;

pub(super) fn state(pid: u32, data: &Path) -> State {
    let output = Command::new("ps")
        .args(["-o", "stat=,command=", "-p", &pid.to_string()])
        .output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    let text = text.trim();
    if text.starts_with('Z') && text.contains("postgres") {
        State::Zombie
    } else if text.contains("postgres") && text.contains(&*data.to_string_lossy()) {
        State::Running
    } else {
        State::Gone
    }
}

pub(super) fn strays(_data: &Path) -> Vec<u32> {
    Vec::new()
}
