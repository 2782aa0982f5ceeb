//! The server under measurement: started, waited for, its CPU time read from /proc, and ended by its pid whatever happens.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

use super::usage::{Stat, exactly, in_time, stats};

/// Filling the databases for the first time is included.
const READY_MAX: Duration = Duration::from_secs(120);
const STOP_MAX: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(20);

/// A running `sidequest serve`.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    child: Child,
}

/// CPU time since the processes began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    pub(crate) server: Duration,
    pub(crate) postgres: Duration,
}

impl Server {
    /// Starts it and waits until it says that it is ready.
    pub(crate) async fn start(
        mut command: Command,
        address: SocketAddr,
        admin: SocketAddr,
    ) -> anyhow::Result<Server> {
        let child = command.stdin(Stdio::null()).spawn().context("start the server")?;
        let mut server = Server { address, child };
        let started = Instant::now();
        while !is_ready(admin).await {
            if let Some(status) = server.child.try_wait()? {
                bail!("start the server: it ended with {status}");
            }
            if started.elapsed() > READY_MAX {
                bail!(
                    "start the server: it is not ready after {} s",
                    READY_MAX.as_secs()
                );
            }
            sleep(POLL).await;
        }
        Ok(server)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it and its PostgreSQL have used until now.
    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        let stats = stats()?;
        let own = stats
            .iter()
            .find(|stat| stat.pid == self.child.id())
            .context("find the server in /proc")?;
        let postmasters: Vec<&Stat> = stats
            .iter()
            .filter(|stat| stat.parent == own.pid && stat.name == "postgres")
            .collect();
        let mut postgres = 0;
        for postmaster in postmasters {
            postgres += postmaster.own_ticks + postmaster.ended_ticks;
            let backends = stats.iter().filter(|stat| stat.parent == postmaster.pid);
            postgres += backends
                .map(|stat| stat.own_ticks + stat.ended_ticks)
                .sum::<u64>();
        }
        Ok(Cpu {
            server: exactly(own.pid)?,
            postgres: in_time(postgres),
        })
    }

    /// Asks it to stop and waits for it.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM);
        let started = Instant::now();
        while started.elapsed() < STOP_MAX {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() {
                    Ok(())
                } else {
                    bail!("the server ended with {status}")
                };
            }
            std::thread::sleep(POLL);
        }
        bail!(
            "the server does not end within {} s of SIGTERM",
            STOP_MAX.as_secs()
        )
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

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(Signal::TERM);
            let started = Instant::now();
            while started.elapsed() < STOP_MAX && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(POLL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Cpu {
    /// What was used from an earlier moment on.
    pub(crate) fn since(self, before: Cpu) -> Cpu {
        Cpu {
            server: self.server.saturating_sub(before.server),
            postgres: self.postgres.saturating_sub(before.postgres),
        }
    }
}

/// What a process and its children have used until now.
pub(super) fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let ticks = stats()?
        .iter()
        .filter(|stat| stat.pid == pid || stat.parent == pid)
        .map(|stat| stat.own_ticks)
        .sum();
    Ok(in_time(ticks))
}

async fn is_ready(admin: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(admin).await?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    matches!(tokio::time::timeout(Duration::from_secs(2), ask).await, Ok(Ok(answer)) if answer.starts_with(b"HTTP/1.1 200"))
}
