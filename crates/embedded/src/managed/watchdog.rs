//! A shell that acts when this process is gone, however it went: where the kernel has no parent-death signal, and
//! for the directories of tests.
//!
//! It reads from a pipe of ours. A line means that all is well, the end of the pipe that we are gone.

use std::{
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::Error;

const STOP_PROCESS: &str = r#"read -r line && exit 0; kill -INT "$1""#;

/// The server gets 25 s for its end: its files must not vanish under it.
const REMOVE_DIRECTORY: &str = r#"read -r line && exit 0
n=0
while [ -e "$2" ] && [ "$n" -lt 250 ]; do sleep 0.1; n=$((n + 1)); done
rm -rf -- "$1""#;

/// The shell. Dropping it lets it act.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
}

impl Watchdog {
    /// Stops the server of this number when we are gone.
    pub(super) fn stop_process(pid: u32) -> Result<Self, Error> {
        Self::start(STOP_PROCESS, &[pid.to_string().as_ref()])
    }

    /// Removes the directory when we are gone and the file below it, too.
    pub(crate) fn remove_directory(directory: &Path, after: &Path) -> Result<Self, Error> {
        Self::start(REMOVE_DIRECTORY, &[directory, after])
    }

    fn start(script: &str, arguments: &[&Path]) -> Result<Self, Error> {
        let shell = Command::new("/bin/sh")
            .args(["-c", script, "sidequest-watchdog"])
            .args(arguments)
            .current_dir("/")
            // Ctrl-C is for us, not for those who clean up after us.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| Error::Spawn {
                what: "/bin/sh".to_owned(),
                source,
            })?;
        Ok(Self { shell })
    }

    /// Nothing is left to do.
    pub(crate) fn dismiss(mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.shell.wait();
    }
}
