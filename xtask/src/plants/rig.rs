//! The rig: nginx, the foreign API, its downstream and PostgreSQL, each in the control groups of its plant.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use rustix::process::Signal;

use super::{
    chore::Chore,
    credits,
    database::Database,
    distance::Distance,
    group::Group,
    means::{Party, Settings},
    namespace::Namespace,
    ours,
    process::{self, Process},
    proxy::Proxy,
    relay::Relay,
};
use crate::{
    bench::free_address,
    workspace::{root, run, say, variable},
};

/// Where PostgreSQL's user can go.
pub(crate) const DATA: &str = "/var/tmp/sidequest-plants";

/// All parties under way. They end in this order: those who ask before those who are asked.
#[derive(Debug)]
pub(crate) struct Rig {
    proxy: Proxy,
    _credits: Option<Chore>,
    api: Api,
    _namespace: Option<Namespace>,
    _downstream: Option<Process>,
    _relay: Option<Relay>,
    database: Database,
    generator: Group,
    _groups: Vec<Group>,
}

/// The API, whose ever it is.
#[derive(Debug)]
struct Api {
    process: Process,
    /// Where the proxy reaches it.
    address: SocketAddr,
    metrics: String,
    path: &'static str,
    group: Arc<Group>,
    _distance: Option<Distance>,
}

impl Rig {
    /// As the settings say; the binary is our own API's.
    pub(crate) fn start(binary: &Path, settings: &Settings) -> anyhow::Result<Rig> {
        let directory = Path::new(DATA);
        let python = python(directory)?;
        let database = Database::start(directory, settings)?;
        let relay = settings
            .database_delay_ms
            .map(|ms| Relay::start(database.address, Duration::from_millis(ms.into())))
            .transpose()?;
        let asked = relay.as_ref().map_or(database.address, |relay| relay.address);

        let downstream_group = Group::of(Party::Downstream, settings)?;
        let downstream = settings
            .downstream
            .map(|(slots, slot_ms)| {
                let address = free_address()?;
                let mut command = api_command(&downstream_group, &python, address);
                command.args(["--role", "downstream", "--slots", &slots.to_string()]);
                command.args(["--slot-ms", &slot_ms.to_string()]);
                let log = directory.join("downstream.log");
                let mut process = Process::start("the downstream", &mut command, &log, Signal::TERM)?;
                process.wait_for(address)?;
                anyhow::Ok((process, address))
            })
            .transpose()?;

        let namespace = settings.ports.map(Namespace::start).transpose()?;
        let listen = free_address()?;
        let listen = namespace
            .as_ref()
            .map_or(listen, |namespace| namespace.outside(listen.port()));
        let api = if settings.sections.is_some() {
            Api::ours(binary, directory, listen, asked.port(), settings)?
        } else {
            let behind = downstream.as_ref().map(|(_, address)| *address);
            Api::foreign(&python, directory, listen, asked.port(), behind, settings)?
        };
        let credits = credits::control(Party::Api, &api.group, settings)?;
        let proxy = Proxy::start(directory, api.address, namespace.as_ref(), settings)?;
        Ok(Rig {
            proxy,
            _credits: credits,
            api,
            _namespace: namespace,
            _downstream: downstream.map(|(process, _)| process),
            _relay: relay,
            database,
            generator: Group::of(Party::Generator, settings)?,
            _groups: vec![downstream_group],
        })
    }

    /// What is asked for.
    pub(crate) fn url(&self) -> String {
        format!("https://{}{}", self.proxy.address, self.api.path)
    }

    /// What a quest may be told of the rig.
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            metrics: self.api.metrics.clone(),
            postgres: Database::url(self.database.address.port()),
            processes: vec![
                self.api.process.pid().to_string(),
                self.proxy.process.pid().to_string(),
            ],
            proxy_logs: vec![self.proxy.log.clone(), self.proxy.access_log.clone()],
        }
    }

    /// What a control claims to show.
    pub(crate) fn shown(&self) -> anyhow::Result<Shown> {
        Ok(Shown {
            throttled: self.api.group.throttled(),
            checkpoints: self.database.checkpoints()?,
        })
    }

    /// A program of the generator: in its group.
    pub(crate) fn generator(&self, program: &Path) -> Command {
        process::command(&self.generator, program)
    }
}

impl Api {
    fn foreign(
        python: &Path,
        directory: &Path,
        listen: SocketAddr,
        database_port: u16,
        downstream: Option<SocketAddr>,
        settings: &Settings,
    ) -> anyhow::Result<Api> {
        let group = Arc::new(Group::of(Party::Api, settings)?);
        let distance = Distance::of(Party::Api, directory, settings)?;
        let listen = distance
            .as_ref()
            .map_or(listen, |distance| distance.listen(listen.port()));
        let mut command = api_command(&group, python, listen);
        command.args(["--database", &Database::url(database_port)]);
        command.arg("--map-file").arg(directory.join("mapped"));
        if let Some(address) = downstream {
            command.args(["--downstream", &format!("http://{address}/item/1")]);
        }
        for (option, values) in &settings.api {
            if values.is_empty() {
                command.arg(option);
            }
            for value in *values {
                command.args([option, value]);
            }
        }
        let mut process = Process::start("the API", &mut command, &directory.join("api.log"), Signal::TERM)?;
        process.wait_for(listen)?;
        let reached = distance
            .as_ref()
            .map_or(listen, |distance| distance.reached(listen));
        Ok(Api {
            process,
            address: reached,
            metrics: format!("http://{listen}/metrics"),
            path: "/item/{id}",
            group,
            _distance: distance,
        })
    }

    fn ours(
        binary: &Path,
        directory: &Path,
        listen: SocketAddr,
        database_port: u16,
        settings: &Settings,
    ) -> anyhow::Result<Api> {
        let group = Arc::new(Group::of(Party::Api, settings)?);
        let admin = free_address()?;
        let mut command = ours::command(&group, binary, directory, listen, admin, database_port, settings)?;
        let mut process = Process::start(
            "sidequest serve",
            &mut command,
            &directory.join("serve.log"),
            Signal::TERM,
        )?;
        process.wait_for(listen)?;
        Ok(Api {
            process,
            address: listen,
            metrics: format!("http://{admin}/metrics"),
            path: "/api/v1/objects/{id}/analysis",
            group,
            _distance: None,
        })
    }
}

/// What a control claims to show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) throttled: Option<Duration>,
    pub(crate) checkpoints: u64,
}

/// What a quest may be told of the rig.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) metrics: String,
    pub(crate) postgres: String,
    pub(crate) processes: Vec<String>,
    pub(crate) proxy_logs: Vec<PathBuf>,
}

fn api_command(group: &Group, python: &Path, address: SocketAddr) -> Command {
    let mut command = process::command(group, python);
    command.arg(root().join("benchsuite/plants/api.py"));
    command.args(["--host", &address.ip().to_string()]);
    command.args(["--port", &address.port().to_string()]);
    command
}

/// A Python with the foreign API's libraries: the one that `SIDEQUEST_PLANTS_PYTHON` names, else one made for it.
fn python(directory: &Path) -> anyhow::Result<PathBuf> {
    if let Some(python) = variable("SIDEQUEST_PLANTS_PYTHON") {
        return Ok(PathBuf::from(python));
    }
    let environment = directory.join("python");
    let python = environment.join("bin/python");
    let marker = environment.join("installed");
    if !marker.exists() {
        say("installing the foreign API's libraries");
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(root().join("benchsuite/plants/requirements.txt")))?;
        std::fs::write(&marker, "").with_context(|| format!("write {}", marker.display()))?;
    }
    Ok(python)
}
