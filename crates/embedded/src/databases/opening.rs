//! From configuration to running databases: facts, choice, start, creation, probe.

use std::{
    collections::BTreeMap,
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tokio::task::{JoinSet, spawn_blocking};
use tokio_postgres::Client;

use super::{Connection, Database, Databases, Server, Source, connection};
use crate::{
    Backends, Caps, Config, Error, External, capability,
    choose::{Chosen, Facts, choose},
    claim::Claim,
    external::Address,
    in_process,
    managed::{self, Account, Installation, Managed, Plan},
};

/// PostgreSQL cuts longer names.
const NAME_BYTES_MAX: usize = 63;

/// What `initdb` makes by itself.
const NAMES_TAKEN: [&str; 3] = ["postgres", "template0", "template1"];

/// The database that is always there, to create others from.
const MAINTENANCE: &str = "postgres";

/// Chooses a provider for each database, starts what has to be started, creates what is missing, and asks each
/// database what it can do.
///
/// # Errors
///
/// The first thing that stands in the way, with a [`hint`](Error::hint). Nothing is left running then.
pub async fn open(config: &Config, names: &[String]) -> Result<Databases, Error> {
    let machine = look_around(config, names).await?;
    let mut chosen = BTreeMap::new();
    for name in names {
        chosen.insert(name.clone(), choose(&facts(config, &machine, name))?);
    }
    let ours = |choice: &Chosen| !matches!(choice, Chosen::External(_));
    let claim = if chosen.values().any(ours) {
        Some(claim(config, &machine)?)
    } else {
        None
    };
    let installation = chosen.values().find_map(|choice| match choice {
        Chosen::Managed(index) => machine.installations.get(*index),
        Chosen::External(_) | Chosen::InProcess => None,
    });
    let managed = match installation {
        Some(installation) => Some(start_managed(config, &machine, installation).await?),
        None => None,
    };
    let mut databases = Databases {
        databases: BTreeMap::new(),
        managed,
        tasks: Mutex::new(JoinSet::new()),
        directory: config.directory.clone(),
        connect_timeout: config.connect_timeout,
        _claim: claim,
    };
    for (name, choice) in chosen {
        let database = databases.prepare(config, &name, choice).await?;
        databases.databases.insert(name, database);
    }
    Ok(databases)
}

/// What was found on the machine, as far as it matters.
struct Machine {
    installations: Vec<Installation>,
    majors: Vec<u32>,
    searched: Vec<PathBuf>,
    /// None where only external databases are wanted.
    account: Option<Account>,
    cluster_major: Option<u32>,
}

/// Nothing is looked for if all databases are external.
async fn look_around(config: &Config, names: &[String]) -> Result<Machine, Error> {
    let ours = |name: &&String| !matches!(config.external.get(*name), Some(External::Url(_)));
    let mut machine = Machine {
        installations: Vec::new(),
        majors: Vec::new(),
        searched: managed::searched(&config.search, config.search_known),
        account: None,
        cluster_major: None,
    };
    if !names.iter().any(|name| ours(&name)) {
        return Ok(machine);
    }
    for name in names.iter().filter(ours) {
        check_name(name)?;
    }
    let directory = managed::directory(&config.directory);
    machine.cluster_major = managed::major(&directory);
    let account = Account::choose(&directory.join("data"))?;
    let (search, known, user) = (config.search.clone(), config.search_known, account.clone());
    let found = spawn_blocking(move || managed::find(&search, known, &user)).await;
    machine.installations = found.map_err(|_| Error::Stopped)?;
    machine.majors = machine
        .installations
        .iter()
        .map(|installation| installation.major)
        .collect();
    machine.account = Some(account);
    Ok(machine)
}

fn facts<'a>(config: &'a Config, machine: &'a Machine, name: &'a str) -> Facts<'a> {
    Facts {
        name,
        directory: &config.directory,
        given: config.external.get(name),
        engine: config.engine,
        held_managed: managed::holds(&managed::directory(&config.directory), name),
        held_in_process: in_process::holds(&in_process::directory(&config.directory, name)),
        cluster_major: machine.cluster_major,
        found: &machine.majors,
        searched: &machine.searched,
        built: in_process::BUILT,
    }
}

/// A database's name is a directory's and a file's, too.
fn check_name(name: &str) -> Result<(), Error> {
    let refused = |reason| {
        Err(Error::Name {
            name: name.to_owned(),
            reason,
        })
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        refused("it has no letter or more than 63")
    } else if !name.bytes().all(plain) {
        refused("only letters, digits, `_` and `-` may stand in it")
    } else if NAMES_TAKEN.contains(&name) {
        refused("PostgreSQL has one of that name already")
    } else {
        Ok(())
    }
}

fn claim(config: &Config, machine: &Machine) -> Result<Claim, Error> {
    if let Some(account) = &machine.account {
        account.make_passable(&config.directory)?;
    }
    Claim::take(&config.directory)
}

async fn start_managed(
    config: &Config,
    machine: &Machine,
    installation: &Installation,
) -> Result<Server, Error> {
    let account = machine.account.clone().ok_or(Error::Stopped)?;
    // The children work elsewhere, so a relative path would lead them astray.
    let directory = absolute(&managed::directory(&config.directory))?;
    let plan = Plan {
        directory,
        installation: Installation {
            directory: absolute(&installation.directory)?,
            ..installation.clone()
        },
        account: account.clone(),
        settings: config.settings.clone(),
        sync: config.sync,
        supervisor: config.supervisor.clone(),
    };
    Ok(Server {
        managed: Managed::start(plan).await?,
        binaries: installation.directory.clone(),
        account: account.other().map(str::to_owned),
    })
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|source| Error::path("look at", path, source))
}

impl Databases {
    async fn prepare(&self, config: &Config, name: &str, choice: Chosen) -> Result<Database, Error> {
        match choice {
            Chosen::External(url) => {
                let address = Address::read(name, &url, config.connect_timeout)?;
                self.probed(name, Source::External(address)).await
            }
            Chosen::Managed(_) => {
                self.create(name).await?;
                managed::mark(&managed::directory(&self.directory), name)?;
                self.probed(name, Source::Managed).await
            }
            Chosen::InProcess => {
                let directory = in_process::directory(&self.directory, name);
                make_private(directory.parent().unwrap_or(&directory))?;
                let bridge = in_process::open(&directory).await?;
                self.probed(name, Source::InProcess(bridge)).await
            }
        }
    }

    /// Creates a database in the managed cluster unless it is there.
    async fn create(&self, name: &str) -> Result<(), Error> {
        let failed = |source| Error::Query {
            action: "create",
            name: name.to_owned(),
            source,
        };
        let client = self.connect_source(MAINTENANCE, &Source::Managed).await?.client;
        let found = client
            .query_opt("select 1 from pg_database where datname = $1", &[&name])
            .await;
        if found.map_err(failed)?.is_none() {
            // The name was checked: it holds no quote.
            client
                .batch_execute(&format!("create database \"{name}\""))
                .await
                .map_err(failed)?;
        }
        let client = self.connect_source(name, &Source::Managed).await?.client;
        add_statements(name, &client).await;
        Ok(())
    }

    async fn probed(&self, name: &str, source: Source) -> Result<Database, Error> {
        let backends = match &source {
            Source::External(_) | Source::Managed => Backends::Many,
            Source::InProcess(_) => Backends::One,
        };
        let client = self.connect_source(name, &source).await?.client;
        let caps: Caps = capability::probe(name, &client, backends).await?;
        Ok(Database { source, caps })
    }

    async fn connect_source(&self, name: &str, source: &Source) -> Result<Connection, Error> {
        connection::connect(&connection::Target {
            name,
            source,
            managed: self.managed.as_ref().map(|server| &server.managed),
            tasks: &self.tasks,
            connect_timeout: self.connect_timeout,
        })
        .await
    }
}

/// The view is of use and its absence no harm.
async fn add_statements(name: &str, client: &Client) {
    let loaded = "select current_setting('shared_preload_libraries') ~ 'pg_stat_statements'";
    let loaded = client.query_one(loaded, &[]).await.is_ok_and(|row| row.get(0));
    if !loaded {
        return;
    }
    if let Err(error) = client
        .batch_execute("create extension if not exists pg_stat_statements")
        .await
    {
        tracing::warn!(database = name, %error, "pg_stat_statements is not available");
    }
}

fn make_private(directory: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(Error::path("create", directory, source))
        }
        _ => Ok(()),
    }
}
