//! The services: how each is installed, started, asked and stopped.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    bench::free_address,
    workspace::{output, run, variable},
};

const READY_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(50);

/// Who it is.
pub(super) struct Stranger {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) start: fn(&Path) -> anyhow::Result<Started>,
}

/// Running, and how a quest asks it.
pub(super) struct Started {
    pub(super) url: String,
    pub(super) options: Vec<String>,
    /// Stopped from the first to the last.
    _processes: Vec<Process>,
}

/// All of them.
pub(super) const STRANGERS: &[Stranger] = &[
    Stranger {
        name: "prometheus",
        what: "Prometheus, `/api/v1/query`, with its own metrics",
        start: prometheus,
    },
    Stranger {
        name: "django",
        what: "Django, its own admin's login page, by its own server, without metrics",
        start: django,
    },
    Stranger {
        name: "postgraphile",
        what: "PostGraphile, a GraphQL query of 20 rows, with its PostgreSQL",
        start: postgraphile,
    },
];

fn prometheus(directory: &Path) -> anyhow::Result<Started> {
    let program = program("prometheus")?;
    let address = free_address()?;
    let configuration = directory.join("prometheus.yml");
    fs::write(
        &configuration,
        format!(
            "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: itself\n    static_configs:\n      \
             - targets: ['{address}']\n"
        ),
    )
    .context("write what Prometheus scrapes")?;
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", configuration.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            directory.join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"));
    let process = Process::start("Prometheus", &mut command, directory, Signal::TERM, address)?;
    Ok(Started {
        url: format!("http://{address}/api/v1/query?query=up"),
        options: vec![
            "--metrics".to_owned(),
            format!("http://{address}/metrics"),
            "--process".to_owned(),
            process.child.id().to_string(),
        ],
        _processes: vec![process],
    })
}

fn django(directory: &Path) -> anyhow::Result<Started> {
    let python = directory.join("venv/bin/python");
    if !directory.join("venv/bin/django-admin").exists() {
        run(Command::new(program("python3")?)
            .args(["-m", "venv", "--clear"])
            .arg(directory.join("venv")))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "django==5.2.*"]))?;
    }
    let site = directory.join("site");
    if !site.exists() {
        fs::create_dir_all(&site).context("make the site's directory")?;
        run(Command::new(&python)
            .args(["-m", "django", "startproject", "stranger"])
            .arg(&site))?;
    }
    run(Command::new(&python)
        .current_dir(&site)
        .args(["manage.py", "migrate", "--verbosity", "0"]))?;
    let address = free_address()?;
    let mut command = Command::new(&python);
    command
        .current_dir(&site)
        .args(["manage.py", "runserver", "--noreload", "--nothreading"])
        .arg(address.to_string());
    let process = Process::start("Django", &mut command, directory, Signal::INT, address)?;
    Ok(Started {
        url: format!("http://{address}/admin/login/"),
        options: vec!["--process".to_owned(), process.child.id().to_string()],
        _processes: vec![process],
    })
}

fn postgraphile(directory: &Path) -> anyhow::Result<Started> {
    let program_file = directory.join("node_modules/.bin/postgraphile");
    if !program_file.exists() {
        run(Command::new(program("npm")?)
            .current_dir(directory)
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix", "."])
            .arg("postgraphile@4"))?;
    }
    let (postgres, database) = postgres(&directory.join("postgres"))?;
    let address = free_address()?;
    let url = format!("postgres://postgres@{database}/postgres");
    let mut command = Command::new(&program_file);
    command
        .args(["--connection", &url, "--schema", "public", "--disable-query-log"])
        .args(["--host", "127.0.0.1", "--port"])
        .arg(address.port().to_string());
    let process = Process::start("PostGraphile", &mut command, directory, Signal::TERM, address)?;
    let body = directory.join("query.json");
    fs::write(
        &body,
        r#"{"query":"{ allFlights(first: 20, orderBy: PLACE_DESC) { nodes { id place tail } } }"}"#,
    )
    .context("write the query")?;
    Ok(Started {
        url: format!("http://{address}/graphql"),
        options: [
            "-X",
            "POST",
            "--allow-writes",
            "-H",
            "content-type: application/json",
            "--postgres",
            &url,
            "--process",
            &process.child.id().to_string(),
            "-d",
            &body.display().to_string(),
        ]
        .map(str::to_owned)
        .to_vec(),
        _processes: vec![process, postgres],
    })
}

/// A new cluster with a table of 100,000 rows. It does not run as root, so root lends it to `postgres`.
fn postgres(directory: &Path) -> anyhow::Result<(Process, SocketAddr)> {
    let is_root = rustix::process::geteuid().is_root();
    let as_user = |program: PathBuf| {
        if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        }
    };
    // A home that others may not enter holds the target directory; the cluster stands elsewhere.
    let data = std::env::temp_dir().join(format!("strangers-postgres-{}", std::process::id()));
    fs::create_dir_all(directory).context("make the database's directory")?;
    fs::create_dir_all(&data).context("make the cluster's directory")?;
    if is_root {
        run(Command::new("chown").arg("postgres:postgres").arg(&data))?;
    }
    output(as_user(program("initdb")?).arg("-D").arg(&data).args([
        "--auth",
        "trust",
        "--username",
        "postgres",
        "--encoding",
        "UTF8",
        "--no-locale",
    ]))?;
    let address = free_address()?;
    let mut command = as_user(program("postgres")?);
    command
        .arg("-D")
        .arg(&data)
        .args(["-p", &address.port().to_string()]);
    for setting in [
        "shared_preload_libraries=pg_stat_statements",
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
    ] {
        command.args(["-c", setting]);
    }
    let mut process = Process::start("PostgreSQL", &mut command, directory, Signal::INT, address)?;
    process.directory = Some(data);
    let sql = "create extension pg_stat_statements; \
        create table flights (id int primary key, place int not null, tail text not null); \
        insert into flights select n, (n * 7919) % 100000, 'D-' || n from generate_series(1, 100000) n; \
        analyze flights;";
    let psql = program("psql")?;
    let started = Instant::now();
    loop {
        let mut command = Command::new(&psql);
        command
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(format!("postgres://postgres@{address}/postgres"));
        match output(&mut command) {
            Ok(_) => return Ok((process, address)),
            // It listens before it lets anybody in.
            Err(error) if started.elapsed() > READY_MAX => return Err(error),
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// A process that is stopped when dropped; what it made on the disk goes with it.
struct Process {
    child: Child,
    stop: Signal,
    directory: Option<PathBuf>,
}

impl Process {
    /// Starts it and waits until it listens; what it says goes to a file.
    fn start(
        name: &str,
        command: &mut Command,
        directory: &Path,
        stop: Signal,
        address: SocketAddr,
    ) -> anyhow::Result<Process> {
        let log = directory.join("log.txt");
        let out = File::create(&log).with_context(|| format!("write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        let mut process = Process {
            child,
            stop,
            directory: None,
        };
        let started = Instant::now();
        while TcpStream::connect_timeout(&address, READY_MAX).is_err() {
            if let Some(status) = process.child.try_wait()? {
                bail!("start {name}: it ended with {status}; see {}", log.display());
            }
            if started.elapsed() > READY_MAX {
                bail!("start {name}: it does not listen; see {}", log.display());
            }
            thread::sleep(POLL);
        }
        Ok(process)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (Ok(None), Some(pid)) = (self.child.try_wait(), pid) {
            let _ = kill_process(pid, self.stop);
            let started = Instant::now();
            while started.elapsed() < STOP_MAX && matches!(self.child.try_wait(), Ok(None)) {
                thread::sleep(POLL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(directory) = &self.directory {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// Where a program is; one that is missing is told, with its name.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let mut directories: Vec<PathBuf> = variable("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    if let Ok(entries) = fs::read_dir("/usr/lib/postgresql") {
        directories.extend(entries.flatten().map(|entry| entry.path().join("bin")));
    }
    directories
        .into_iter()
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| anyhow!("there is no `{name}` on this machine: install it"))
}
