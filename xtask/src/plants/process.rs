//! A process of the rig: started in its control groups, waited for, and ended by its pid whatever happens.

use std::{
    fs::File,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{group::Group, leftovers};

const READY_MAX: Duration = Duration::from_secs(30);
const STOP_MAX: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);

/// A process, and how it is asked to end.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    stop: Signal,
}

/// A command that first joins the groups and then becomes the program.
pub(crate) fn command(group: &Group, program: &Path) -> Command {
    let mut command = Command::new("sh");
    let mut script = String::new();
    for file in group.joined_by() {
        script.push_str(&format!("echo $$ > {}; ", file.display()));
    }
    script.push_str("exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(program);
    command
}

impl Process {
    /// Starts it; what it says goes to the file.
    pub(crate) fn start(
        name: &str,
        command: &mut Command,
        log: &Path,
        stop: Signal,
    ) -> anyhow::Result<Process> {
        let out = File::create(log).with_context(|| format!("write {}", log.display()))?;
        let errors = out.try_clone()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        leftovers::note(child.id())?;
        Ok(Process {
            name: name.to_owned(),
            child,
            stop,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Until it listens.
    pub(crate) fn wait_for(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let started = Instant::now();
        while TcpStream::connect_timeout(&address, READY_MAX).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("start {}: it ended with {status}", self.name);
            }
            if started.elapsed() > READY_MAX {
                bail!(
                    "start {}: it does not listen after {} s",
                    self.name,
                    READY_MAX.as_secs()
                );
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if let Ok(raw) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(raw)
        {
            // It may have ended by itself.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(self.stop);
            let started = Instant::now();
            while started.elapsed() < STOP_MAX && matches!(self.child.try_wait(), Ok(None)) {
                thread::sleep(POLL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
