//! Which sources there are: opened once, each with its state; and which processes belong to whom.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, ToSocketAddrs as _},
    process,
    time::Instant,
};

use diagnosis::source::{Source, SourceState, State as Told};
use load::{
    scenario::Scenario,
    target::{Place, Target},
};

use crate::{
    config::Config,
    error::Error,
    fetch::Fetcher,
    observer::{
        State, Watcher,
        postgres::{self, Postgres},
        prometheus::{self, Prometheus},
        proxy_log::{self, Lines, ProxyLog},
        system::{self, Party, Role, System, named, owner_of_port},
        tcp::{self, Tcp},
        timing::{self, Timing},
    },
};

/// Whose processes are on this machine and known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parties {
    pub(crate) server: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) proxy: Option<String>,
}

/// All sources.
pub(crate) struct Sources {
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) parties: Parties,
    pub(crate) states: Vec<SourceState>,
    /// What is fixed: settings, versions.
    pub(crate) facts: BTreeMap<String, String>,
}

impl Parties {
    /// Their names, ours first.
    pub(crate) fn local(&self) -> Vec<&'static str> {
        let mut all = vec!["client"];
        for (name, party) in [
            ("server", &self.server),
            ("database", &self.database),
            ("proxy", &self.proxy),
        ] {
            if party.is_some() {
                all.push(name);
            }
        }
        all
    }
}

/// Opens them. What was asked for and cannot be understood is an error; what cannot be read is a state.
pub(crate) fn open(config: &Config, epoch: Instant) -> Result<Sources, Error> {
    let mut sources = Sources {
        watchers: Vec::new(),
        parties: Parties::default(),
        states: vec![
            told(Source::Client, "", &State::Available, ""),
            told(Source::Generator, "", &State::Available, ""),
            told(
                Source::Traces,
                "",
                &if config.sources.traces.is_empty() {
                    State::Absent("no --traces URL was given".to_owned())
                } else {
                    State::Available
                },
                "the slowest that is kept is shown; none is judged",
            ),
        ],
        facts: BTreeMap::new(),
    };
    let believe_any = config.load.tls.insecure;
    sources.tcp(config, epoch);
    sources.proxy(config, epoch);
    sources.metrics(config, believe_any, epoch)?;
    sources.timing(config, believe_any, epoch)?;
    let database = sources.postgres(config, epoch);
    sources.system(config, database, epoch)?;
    Ok(sources)
}

impl Sources {
    /// What was asked for and is not read, with the reason: to be told before three minutes go by without it.
    pub(crate) fn unread(&self, config: &Config) -> Vec<String> {
        let given = &config.sources;
        // One for all that is read of a database.
        let asked = [
            (Source::Metrics, !given.metrics.is_empty()),
            (Source::Activity, !given.postgres.is_empty()),
            (Source::Proxy, !given.proxy_logs.is_empty()),
        ];
        let is_asked = |source: Source| asked.contains(&(source, true));
        self.states
            .iter()
            .filter(|state| is_asked(state.source))
            .filter_map(|state| {
                let words = state.source.words();
                match state.state {
                    Told::Available => None,
                    Told::Denied => Some(format!("goes on without {words}: denied: {}", state.reason)),
                    Told::Absent => Some(format!("goes on without {words}: {}", state.reason)),
                }
            })
            .collect()
    }

    fn metrics(&mut self, config: &Config, believe_any: bool, epoch: Instant) -> Result<(), Error> {
        if config.sources.metrics.is_empty() {
            let state = State::Absent("no --metrics URL was given".to_owned());
            self.states.push(told(Source::Metrics, "server", &state, ""));
        }
        for (at, url) in config.sources.metrics.iter().enumerate() {
            let fetcher = Fetcher::new(url, Vec::new(), believe_any).map_err(|reason| Error::Source {
                what: format!("metrics of {url}"),
                reason,
            })?;
            let observer = Box::new(Prometheus::new(fetcher));
            let mut watcher = Watcher::start(format!("metrics {at}"), observer, prometheus::INTERVAL, epoch);
            let known = watcher.facts();
            let mut state = watcher.state().clone();
            if state.is_available() && known.len() <= 1 {
                state = State::Absent(format!("{url} holds no metric that is known here"));
            }
            let how = format!(
                "{url}, every {} ms: {}",
                prometheus::INTERVAL.as_millis(),
                known
                    .iter()
                    .filter(|(name, _)| *name != "lines")
                    .map(|(name, _)| name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            self.states.push(told(Source::Metrics, "server", &state, &how));
            self.watchers.push(watcher);
        }
        Ok(())
    }

    fn tcp(&mut self, config: &Config, epoch: Instant) {
        let watcher = match Tcp::new(&addresses(config)) {
            Ok(tcp) => Watcher::start("tcp", Box::new(tcp), tcp::INTERVAL, epoch),
            Err(state) => Watcher::silent("tcp", state),
        };
        let how = format!(
            "TCP_INFO of our connections, every {} ms",
            tcp::INTERVAL.as_millis()
        );
        self.states.push(told(Source::Tcp, "", watcher.state(), &how));
        self.watchers.push(watcher);
    }

    fn proxy(&mut self, config: &Config, epoch: Instant) {
        let hint = format!("an access log with the upstream's times: {}", proxy_log::FORMAT);
        if config.sources.proxy_logs.is_empty() {
            for (subject, what) in [("errors", "no --proxy-log FILE was given"), ("times", &hint)] {
                let state = State::Absent(what.to_owned());
                self.states.push(told(Source::Proxy, subject, &state, ""));
            }
        }
        for (at, path) in config.sources.proxy_logs.iter().enumerate() {
            let name = format!("proxy log {at}");
            let shown = path.display();
            let watcher = match ProxyLog::open(path) {
                Ok(log) => {
                    let (errors, times) = match log.lines {
                        Lines::Errors | Lines::None => (None, Some(hint.clone())),
                        Lines::Times => (Some("no error log was given".to_owned()), None),
                        Lines::Requests => (Some("no error log was given".to_owned()), Some(hint.clone())),
                    };
                    for (subject, why_not) in [("errors", errors), ("times", times)] {
                        let state = why_not.map_or(State::Available, State::Absent);
                        self.states
                            .push(told(Source::Proxy, subject, &state, &shown.to_string()));
                    }
                    Watcher::start(name, Box::new(log), proxy_log::INTERVAL, epoch)
                }
                Err(state) => {
                    self.states.push(told(Source::Proxy, "", &state, ""));
                    Watcher::silent(name, state)
                }
            };
            self.watchers.push(watcher);
        }
    }

    fn timing(&mut self, config: &Config, believe_any: bool, epoch: Instant) -> Result<(), Error> {
        if config.scenario.requests()[0].method != "GET" {
            let state = State::Absent("only GET is probed beside the load".to_owned());
            self.states.push(told(Source::ServerTiming, "server", &state, ""));
            return Ok(());
        }
        let watcher = match first_request(&config.scenario, believe_any) {
            Ok(fetcher) => Watcher::start(
                "server timing",
                Box::new(Timing::new(fetcher)),
                timing::INTERVAL,
                epoch,
            ),
            Err(reason) => Watcher::silent("server timing", State::Absent(reason)),
        };
        let how = format!("one request of ours every {} ms", timing::INTERVAL.as_millis());
        self.states
            .push(told(Source::ServerTiming, "server", watcher.state(), &how));
        self.watchers.push(watcher);
        Ok(())
    }

    /// Gives the process behind the first local database.
    fn postgres(&mut self, config: &Config, epoch: Instant) -> Option<u32> {
        let all = [
            Source::Activity,
            Source::Statements,
            Source::Statistics,
            Source::Plans,
        ];
        if config.sources.postgres.is_empty() {
            let state = State::Absent("no --postgres URL was given".to_owned());
            self.states
                .extend(all.iter().map(|source| told(*source, "database", &state, "")));
        }
        let mut backend = None;
        for (at, location) in config.sources.postgres.iter().enumerate() {
            let shown = location.shown();
            let mut postgres = match Postgres::open(location) {
                Ok(postgres) => postgres,
                Err(state) => {
                    self.states
                        .extend(all.iter().map(|source| told(*source, "database", &state, &shown)));
                    continue;
                }
            };
            if location.is_local() && backend.is_none() {
                backend = postgres.backend();
            }
            let how = format!("{shown}, every {} ms", postgres::INTERVAL.as_millis());
            self.states
                .push(told(Source::Activity, "database", &postgres.activity(), &how));
            self.states.push(told(
                Source::Statements,
                "database",
                &postgres.statements(),
                &shown,
            ));
            self.states
                .push(told(Source::Statistics, "database", &State::Available, &shown));
            self.states
                .push(told(Source::Plans, "database", &postgres.statements(), &shown));
            let mut watcher = Watcher::start(
                format!("postgres {at}"),
                Box::new(postgres),
                postgres::INTERVAL,
                epoch,
            );
            for (name, value) in watcher.facts() {
                if !name.starts_with("statement/") {
                    let name = name.strip_prefix("setting/").unwrap_or(&name);
                    self.facts.insert(format!("postgres.{name}"), value);
                }
            }
            self.watchers.push(watcher);
        }
        backend
    }

    fn system(&mut self, config: &Config, backend: Option<u32>, epoch: Instant) -> Result<(), Error> {
        let mut parties = vec![Party {
            role: Role::Client,
            pid: process::id(),
            name: "sidequest".to_owned(),
        }];
        let mut why_no_server = None;
        for asked in &config.sources.processes {
            parties.extend(asked_for(asked)?);
        }
        let has = |parties: &[Party], role: Role| parties.iter().any(|party| party.role == role);
        if !has(&parties, Role::Server) {
            match found_by_port(config.scenario.target()) {
                Ok((pid, name)) if pid != process::id() => {
                    let role = match Role::of_name(&name) {
                        Role::Database => Role::Server,
                        role => role,
                    };
                    if !has(&parties, role) {
                        parties.push(Party { role, pid, name });
                    }
                }
                Ok(_) => why_no_server = Some("the target is in this very process".to_owned()),
                Err(reason) => why_no_server = Some(reason),
            }
        }
        if !has(&parties, Role::Database)
            && let Some(party) = backend.and_then(database_of)
        {
            parties.push(party);
        }
        for party in &parties {
            let place = match party.role {
                Role::Client => continue,
                Role::Proxy => &mut self.parties.proxy,
                Role::Server => &mut self.parties.server,
                Role::Database => &mut self.parties.database,
            };
            *place = Some(format!("{} (pid {})", party.name, party.pid));
        }
        let watcher = Watcher::start("system", Box::new(System::new(parties)), system::INTERVAL, epoch);
        let state = watcher.state().clone();
        for source in [Source::Process, Source::Cgroup, Source::Pressure, Source::Host] {
            self.states.push(told(source, "client", &state, ""));
            for (subject, party, hint) in [
                ("server", &self.parties.server, "give --process PID or NAME"),
                (
                    "database",
                    &self.parties.database,
                    "give --postgres URL of this machine, or --process postgres",
                ),
                (
                    "proxy",
                    &self.parties.proxy,
                    "give --process NAME if there is one on this machine",
                ),
            ] {
                match party {
                    Some(party) => self.states.push(told(source, subject, &state, party)),
                    None => {
                        let why = why_no_server
                            .as_deref()
                            .filter(|_| subject == "server")
                            .unwrap_or("its process is not known");
                        let absent = State::Absent(format!("{why}: {hint}"));
                        self.states.push(told(source, subject, &absent, ""));
                    }
                }
            }
        }
        self.watchers.push(watcher);
        Ok(())
    }
}

/// Asks for what the load asks for first, and as it does.
fn first_request(scenario: &Scenario, believe_any: bool) -> Result<Fetcher, String> {
    let target = scenario.target();
    let url = format!(
        "{}://{}{}",
        target.scheme.name(),
        target.authority,
        scenario.path_of(0)
    );
    Fetcher::new(&url, scenario.headers_of(0), believe_any)
}

/// Where a target is reached; nowhere by TCP if it is a socket of the file system, or its name is not known.
fn addresses(config: &Config) -> Vec<SocketAddr> {
    let place = config.load.connect_to.clone();
    match place.unwrap_or_else(|| config.scenario.target().place()) {
        Place::Tcp { host, port } => (host.as_str(), port)
            .to_socket_addrs()
            .map(Iterator::collect)
            .unwrap_or_default(),
        Place::Unix(_) => Vec::new(),
    }
}

/// Which process the user means.
fn asked_for(asked: &str) -> Result<Vec<Party>, Error> {
    let wrong = |reason: &str| Error::Source {
        what: format!("the process `{asked}`"),
        reason: reason.to_owned(),
    };
    let pids = match asked.parse::<u32>() {
        Ok(pid) => vec![pid],
        Err(_) => named(asked),
    };
    let mut parties = Vec::new();
    for pid in pids {
        let name = system::name_of(pid)
            .ok_or_else(|| wrong("there is none of this number, or it is not ours to see"))?;
        parties.push(Party {
            role: Role::of_name(&name),
            pid,
            name,
        });
    }
    if parties.is_empty() {
        return Err(wrong("there is none of this name"));
    }
    Ok(parties)
}

fn found_by_port(target: &Target) -> Result<(u32, String), String> {
    let is_here = target.host == "localhost"
        || target
            .host
            .parse()
            .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if is_here {
        owner_of_port(target.port)
    } else {
        Err(format!("{} is another machine", target.host))
    }
}

/// The database of which a process is a session.
fn database_of(backend: u32) -> Option<Party> {
    let parent = system::parent_of(backend)?;
    let name = system::name_of(parent)?;
    // In a container the number is of another namespace, and may be anything here.
    (Role::of_name(&name) == Role::Database).then_some(Party {
        role: Role::Database,
        pid: parent,
        name,
    })
}

/// A state in the diagnosis' own terms.
pub(crate) fn told(source: Source, subject: &str, state: &State, how: &str) -> SourceState {
    let (state, reason) = match state {
        State::Available => (Told::Available, how.to_owned()),
        State::Denied(reason) => (Told::Denied, reason.clone()),
        State::Absent(reason) => (Told::Absent, reason.clone()),
    };
    SourceState {
        source,
        subject: subject.to_owned(),
        state,
        reason,
    }
}

#[cfg(test)]
mod tests;
