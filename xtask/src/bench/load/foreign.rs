//! How each of other people's servers is told to serve the two files, in cleartext or with TLS.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    affinity,
    server::{self, get},
    tool::on_path,
};
use crate::{
    bench::{free_address, machine},
    workspace::root,
};

/// All of them.
pub(crate) const NAMES: [&str; 6] = ["nginx", "caddy", "haproxy", "h2o", "hypercorn", "sidequest"];

/// What a reader should know of how they were run.
pub(crate) const NOTE: &str = "\
All with their defaults, but for hypercorn's `keep_alive_max_requests` of 1,000.
Over HTTP/2 it leaves at the 1,001st request and takes every frame that is on its way for a fault: GOAWAY with \
PROTOCOL_ERROR loses what it had taken, a dozen requests of each connection, and the result says so.
";

/// `sidequest serve` fills its databases the first time.
const READY_MAX: Duration = Duration::from_secs(120);
const STOP_MAX: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(20);

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Foreign {
    pub(crate) version: String,
    pub(crate) endpoints: Vec<Endpoint>,
    child: Child,
    cleartext: SocketAddr,
    path: &'static str,
    body: Option<Vec<u8>>,
}

/// One way to ask it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) protocol: &'static str,
    pub(crate) url: String,
    pub(crate) is_http2: bool,
}

/// Where it is to listen and what it is to serve.
struct Plan<'a> {
    directory: &'a Path,
    site: &'a Path,
    /// A second one for servers that want HTTP/2 in cleartext apart.
    addresses: [SocketAddr; 2],
    with_tls: bool,
    binary: &'a Path,
    behind: SocketAddr,
}

impl Foreign {
    pub(crate) fn start(
        name: &'static str,
        with_tls: bool,
        directory: &Path,
        site: &Path,
        binary: &Path,
        behind: SocketAddr,
    ) -> anyhow::Result<Foreign> {
        let plan = Plan {
            directory,
            site,
            addresses: [free_address()?, free_address()?],
            with_tls,
            binary,
            behind,
        };
        let (mut command, version) = plan.command(name)?;
        let log = directory.join(format!("{name}.log"));
        let log = File::create(&log).with_context(|| format!("write {}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .current_dir(root());
        let child = affinity::spawn(&mut command, affinity::SERVER)?;
        let path = if name == "sidequest" {
            "/api/v1/objects/N14228/analysis"
        } else {
            "/large"
        };
        let url = |address: SocketAddr, scheme: &str| format!("{scheme}://{address}{path}");
        let [first, second] = plan.addresses;
        // nginx and haproxy decide by the port.
        let apart = ["nginx", "haproxy"].contains(&name);
        let endpoints = if with_tls {
            vec![
                endpoint("h1 TLS", url(first, "https"), false),
                endpoint("h2 TLS", url(first, "https"), true),
            ]
        } else {
            vec![
                endpoint("h1", url(first, "http"), false),
                endpoint("h2c", url(if apart { second } else { first }, "http"), true),
            ]
        };
        let mut foreign = Foreign {
            version,
            endpoints,
            child,
            cleartext: first,
            path,
            body: None,
        };
        foreign.wait(name)?;
        if with_tls && name != "sidequest" {
            foreign.body = Some(fs::read(site.join("large")).context("read the large body")?);
        } else if with_tls {
            let kept = fs::read(directory.join("sidequest.body"));
            foreign.body = Some(kept.context("know the body from the cleartext run")?);
        }
        Ok(foreign)
    }

    /// The body that every answer is to have.
    pub(crate) fn body(&self) -> anyhow::Result<Vec<u8>> {
        match &self.body {
            Some(body) => Ok(body.clone()),
            None => Ok(get(self.cleartext, self.path)?),
        }
    }

    fn wait(&mut self, name: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        while std::net::TcpStream::connect(self.cleartext).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("start {name}: it ended with {status}");
            }
            if started.elapsed() > READY_MAX {
                bail!("start {name}: nobody listens on {}", self.cleartext);
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (Some(pid), Ok(None)) = (pid, self.child.try_wait()) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        let started = Instant::now();
        while started.elapsed() < STOP_MAX && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(POLL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Plan<'_> {
    /// How it is started, and what it calls itself.
    fn command(&self, name: &str) -> anyhow::Result<(Command, String)> {
        let program = match name {
            "sidequest" => self.binary.to_owned(),
            "hypercorn" => {
                on_path(name).context("find hypercorn: pip install hypercorn, in an environment on PATH")?
            }
            _ => on_path(name).with_context(|| format!("find {name}: apt-get install {name}"))?,
        };
        let mut command = Command::new(&program);
        let program = program.to_string_lossy().into_owned();
        let said = |arguments: &[&str]| {
            let said = machine::line(&program, arguments);
            said.lines().next().unwrap_or_default().to_owned()
        };
        let version = match name {
            "nginx" => {
                let file = self.write("nginx-peer.conf", &self.nginx())?;
                command.args(["-e", "stderr", "-c", &file]);
                let said = machine::line("sh", &["-c", &format!("{program} -v 2>&1")]);
                said.trim_start_matches("nginx version: ").to_owned()
            }
            "caddy" => {
                let file = self.write("Caddyfile", &self.caddy())?;
                command.args(["run", "--adapter", "caddyfile", "--config", &file]);
                command
                    .env("XDG_DATA_HOME", self.directory)
                    .env("XDG_CONFIG_HOME", self.directory);
                format!("caddy {}", said(&["version"]))
            }
            "haproxy" => {
                let file = self.write("haproxy.cfg", &self.haproxy())?;
                command.args(["-db", "-f", &file]);
                said(&["-v"])
            }
            "h2o" => {
                let file = self.write("h2o.yaml", &self.h2o())?;
                command.args(["-c", &file]);
                said(&["-v"])
            }
            "hypercorn" => {
                self.write("site_app.py", &self.hypercorn())?;
                let settings = format!("keep_alive_max_requests = {}\n", server::REQUESTS_MAX);
                let settings = self.write("hypercorn.toml", &settings)?;
                command.args(["--config", &settings]);
                command.args(["--bind", &self.addresses[0].to_string()]);
                command.env("PYTHONPATH", self.directory);
                if self.with_tls {
                    command.args(["--certfile", &self.pem("cert"), "--keyfile", &self.pem("key")]);
                }
                command.arg("site_app:app");
                // It does not tell its version; the Python beside it knows.
                let python = Path::new(&program).with_file_name("python3");
                let ask = "import importlib.metadata as m; print('hypercorn', m.version('hypercorn'))";
                machine::line(&python.to_string_lossy(), &["-c", ask])
            }
            "sidequest" => {
                let data = if rustix::process::geteuid().is_root() {
                    // PostgreSQL's user cannot enter root's directories.
                    Path::new("/var/tmp/sidequest-bench/managed").to_owned()
                } else {
                    self.directory.join("managed")
                };
                fs::create_dir_all(&data).with_context(|| format!("create {}", data.display()))?;
                command.args([
                    "serve", "--engine", "managed", "--admin", "off", "--quiet", "--data",
                ]);
                command
                    .arg(data)
                    .args(["--listen", &self.addresses[0].to_string()]);
                if self.with_tls {
                    command.args(["--tls-cert", &self.pem("cert"), "--tls-key", &self.pem("key")]);
                }
                said(&["--version"])
            }
            _ => bail!("start {name}: it is not known"),
        };
        Ok((command, version))
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let file = self.directory.join(name);
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        Ok(file.to_string_lossy().into_owned())
    }

    fn pem(&self, name: &str) -> String {
        self.directory
            .join(format!("{name}.pem"))
            .to_string_lossy()
            .into_owned()
    }

    /// With its defaults: its connections end after 1,000 requests.
    fn nginx(&self) -> String {
        let [first, second] = self.addresses;
        let (directory, site) = (self.directory.display(), self.site.display());
        let user = if rustix::process::geteuid().is_root() {
            "user root;"
        } else {
            ""
        };
        let listen = if self.with_tls {
            format!(
                "listen {first} ssl http2; ssl_certificate {}; ssl_certificate_key {};",
                self.pem("cert"),
                self.pem("key")
            )
        } else {
            format!("listen {first}; listen {second} http2;")
        };
        format!(
            "{user} daemon off; pid {directory}/nginx-peer.pid; error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{ {listen} root {site}; }}
}}
"
        )
    }

    fn caddy(&self) -> String {
        let (address, site) = (self.addresses[0], self.site.display());
        let port = address.port();
        let (scheme, tls) = if self.with_tls {
            ("https", format!("tls {} {}", self.pem("cert"), self.pem("key")))
        } else {
            ("http", String::new())
        };
        format!(
            "{{
    admin off
    auto_https off
    servers {{
        protocols h1 h2 h2c
    }}
}}
{scheme}://127.0.0.1:{port} {{
    bind 127.0.0.1
    {tls}
    root * {site}
    file_server
}}
"
        )
    }

    /// In front of the responder: it has no files of its own.
    fn haproxy(&self) -> String {
        let [first, second] = self.addresses;
        let behind = self.behind;
        let listen = if self.with_tls {
            format!("    bind {first} ssl crt {} alpn h2,http/1.1", self.pem("both"))
        } else {
            format!("    bind {first}\n    bind {second} proto h2")
        };
        format!(
            "global
    maxconn 2000
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend front
{listen}
    default_backend back
backend back
    server responder {behind}
"
        )
    }

    fn h2o(&self) -> String {
        let (port, directory) = (self.addresses[0].port(), self.directory.display());
        let site = self.site.display();
        let user = if rustix::process::geteuid().is_root() {
            "user: root"
        } else {
            ""
        };
        let tls = if self.with_tls {
            format!(
                "\n  ssl:\n    certificate-file: {}\n    key-file: {}",
                self.pem("cert"),
                self.pem("key")
            )
        } else {
            String::new()
        };
        format!(
            "{user}
num-threads: 1
pid-file: {directory}/h2o.pid
listen:
  host: 127.0.0.1
  port: {port}{tls}
hosts:
  default:
    paths:
      /:
        file.dir: {site}
"
        )
    }

    fn hypercorn(&self) -> String {
        let site = self.site.display();
        format!(
            "BODY = open('{site}/large', 'rb').read()


async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    length = str(len(BODY)).encode()
    await send({{'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', length)]}})
    await send({{'type': 'http.response.body', 'body': BODY}})
"
        )
    }
}

fn endpoint(protocol: &'static str, url: String, is_http2: bool) -> Endpoint {
    Endpoint {
        protocol,
        url,
        is_http2,
    }
}
