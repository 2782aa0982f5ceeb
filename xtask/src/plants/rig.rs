//! The rig: nginx, the foreign API, its downstream and PostgreSQL, each in the control groups of its plant.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::Signal;

use super::{
    database::Database,
    group::Group,
    means::{Party, Settings},
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
    api: Process,
    _downstream: Option<Process>,
    _relay: Option<Relay>,
    database: Database,
    api_address: SocketAddr,
    generator: Group,
    _groups: Vec<Group>,
}

impl Rig {
    /// As the settings say.
    pub(crate) fn start(settings: &Settings) -> anyhow::Result<Rig> {
        if !rustix::process::geteuid().is_root() {
            bail!("plant: control groups and PostgreSQL's user need root");
        }
        let directory = Path::new(DATA);
        std::fs::create_dir_all(directory).with_context(|| format!("create {DATA}"))?;
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

        let api_group = Group::of(Party::Api, settings)?;
        let api_address = free_address()?;
        let mut command = api_command(&api_group, &python, api_address);
        command.args(["--database", &Database::url(asked.port())]);
        if let Some((_, address)) = &downstream {
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
        let mut api = Process::start("the API", &mut command, &directory.join("api.log"), Signal::TERM)?;
        api.wait_for(api_address)?;
        let proxy = Proxy::start(directory, api_address, settings)?;
        Ok(Rig {
            proxy,
            api,
            _downstream: downstream.map(|(process, _)| process),
            _relay: relay,
            database,
            api_address,
            generator: Group::of(Party::Generator, settings)?,
            _groups: vec![downstream_group, api_group],
        })
    }

    /// What is asked for.
    pub(crate) fn url(&self) -> String {
        format!("https://{}/item/{{id}}", self.proxy.address)
    }

    /// What a quest may be told of the rig.
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            metrics: format!("http://{}/metrics", self.api_address),
            postgres: Database::url(self.database.address.port()),
            processes: vec![self.api.pid().to_string(), self.proxy.process.pid().to_string()],
        }
    }

    /// A program of the generator: in its group.
    pub(crate) fn generator(&self, program: &Path) -> Command {
        process::command(&self.generator, program)
    }
}

/// What a quest may be told of the rig.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) metrics: String,
    pub(crate) postgres: String,
    pub(crate) processes: Vec<String>,
}

fn api_command(group: &Group, python: &Path, address: SocketAddr) -> Command {
    let mut command = process::command(group, python);
    command.arg(root().join("benchsuite/plants/api.py"));
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
