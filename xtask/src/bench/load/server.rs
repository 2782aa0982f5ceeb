//! Servers to be asked: nginx and the responder, with the same bytes to give, on core 0.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    affinity,
    cell::{Host, Protocol},
    tool::on_path,
};
use crate::{
    bench::{free_address, usage},
    workspace::{cargo, run, target},
};

const READY_MAX: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);
/// No connection of a measurement is closed for its number of requests.
pub(crate) const REQUESTS_MAX: u64 = 1_000_000_000;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) http1: SocketAddr,
    pub(crate) http2: SocketAddr,
    child: Child,
    /// Asked to stop by this, rather than killed: it has children.
    stops: Signal,
}

impl Server {
    pub(crate) fn start(host: Host, keepalive_requests: u64) -> anyhow::Result<Server> {
        match host {
            Host::Responder => Server::responder(keepalive_requests),
            Host::Nginx => Server::nginx(keepalive_requests),
        }
    }

    pub(crate) fn responder(keepalive_requests: u64) -> anyhow::Result<Server> {
        let mut command = Command::new(target().join("release/responder"));
        command
            .args(["--keepalive-requests", &keepalive_requests.to_string()])
            .stdout(Stdio::piped());
        let mut child = affinity::spawn(&mut command, affinity::SERVER)?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("read from the responder")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line
            .trim_end()
            .strip_prefix("listening on ")
            .and_then(|address| address.parse().ok())
            .with_context(|| format!("read the responder's address: {line}"))?;
        Ok(Server {
            http1: address,
            http2: address,
            child,
            stops: Signal::TERM,
        })
    }

    pub(crate) fn nginx(keepalive_requests: u64) -> anyhow::Result<Server> {
        let program = on_path("nginx").context("find nginx: apt-get install nginx")?;
        let (http1, http2) = (free_address()?, free_address()?);
        let directory = target().join("bench/load/nginx");
        let file = directory.join("nginx.conf");
        fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
        fs::write(&file, configuration(&directory, http1, http2, keepalive_requests))
            .with_context(|| format!("write {}", file.display()))?;
        let mut command = Command::new(program);
        // Until it has read its own file, it would write into the system's log.
        command
            .arg("-e")
            .arg(directory.join("error.log"))
            .arg("-c")
            .arg(&file);
        command.stdout(Stdio::null());
        let child = affinity::spawn(&mut command, affinity::SERVER)?;
        let server = Server {
            http1,
            http2,
            child,
            stops: Signal::TERM,
        };
        server.wait_for(http1)?;
        Ok(server)
    }

    pub(crate) fn address(&self, protocol: Protocol) -> SocketAddr {
        match protocol {
            Protocol::Http1 => self.http1,
            Protocol::Http2 => self.http2,
        }
    }

    /// It and its children.
    pub(crate) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let own = self.child.id();
        let children = usage::stats()?.into_iter().filter(|stat| stat.parent == own);
        Ok(children.map(|stat| stat.pid).chain([own]).collect())
    }

    pub(crate) fn wait_for(&self, address: SocketAddr) -> anyhow::Result<()> {
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if started.elapsed() > READY_MAX {
                bail!("wait for {address}: nobody listens");
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (Some(pid), Ok(None)) = (pid, self.child.try_wait()) {
            // It may have ended by itself. Stopped as in the test of the pause, it would not hear the other.
            let _ = kill_process(pid, Signal::CONT);
            let _ = kill_process(pid, self.stops);
        }
        let started = Instant::now();
        while started.elapsed() < READY_MAX && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the responder, and lays its two bodies out as files for the others.
pub(crate) fn prepare() -> anyhow::Result<PathBuf> {
    run(cargo().args(["build", "--release", "--locked", "--package", "responder"]))?;
    let site = target().join("bench/load/site");
    fs::create_dir_all(&site).with_context(|| format!("create {}", site.display()))?;
    let responder = Server::responder(REQUESTS_MAX)?;
    for name in ["small", "large"] {
        let body = get(responder.http1, &format!("/{name}"))?;
        fs::write(site.join(name), body).with_context(|| format!("write {name}"))?;
    }
    Ok(site)
}

/// A body, by HTTP/1.
pub(crate) fn get(address: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("connect to {address}"))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .with_context(|| format!("get {path} of {address}"))?;
    Ok(answer.split_off(end + 4))
}

fn configuration(directory: &Path, http1: SocketAddr, http2: SocketAddr, keepalive_requests: u64) -> String {
    let directory = directory.display();
    let site = target().join("bench/load/site");
    let site = site.display();
    // Its worker would otherwise be a user who may not enter our directory.
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    format!(
        "{user}
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=100 inactive=1h;
    open_file_cache_valid 1h;
    keepalive_timeout 1h;
    keepalive_requests {keepalive_requests};
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    default_type application/json;
    server {{
        listen {http1} backlog=4096;
        listen {http2} http2 backlog=4096;
        root {site};
    }}
}}
"
    )
}
