//! One quest from its beginning to its verdict.

mod plans;
mod preflight;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use diagnosis::{
    evidence::{Evidence, Head, Line},
    experiment::{Load, Purpose, Round as Recorded},
    observation::{Observation, Reading},
    signal::Signal,
    source::Source,
    verdict::Verdict,
};
use load::{
    config::{Protocol, WINDOW_MAX},
    scenario::Scenario,
    target::Target,
    watch::Watch,
};

use crate::{
    collect::{self, foreign},
    config::Config,
    counter,
    error::Error,
    experiment::{self, Drive, Experiment, Outcomes, Stop},
    fetch::Fetcher,
    observer::State,
    playbook,
    probe::Probe,
    recording::{self, Recording},
    traces,
    watch::{self, Sources},
};

/// A round in which foreign processes used more of the machine is repeated once.
const FOREIGN_MAX: f64 = 0.10;

/// And one in which the machine was not there for so long.
const STEAL_MAX: f64 = 0.02;

/// After so many rounds in a row that were repeated in vain, none is: what disturbs them is there to stay.
const IN_VAIN_MAX: u32 = 3;

/// So many bursts would take the whole budget: what fails beyond a number of requests is not found with fewer.
const BURSTS: u32 = 12;

/// What came of it.
#[derive(Debug)]
pub struct Investigation {
    /// All that was observed.
    pub evidence: Evidence,
    /// What it proves.
    pub verdict: Verdict,
    /// Where the evidence is.
    pub file: PathBuf,
}

/// A quest under way.
pub(crate) struct Quest<'a> {
    pub(crate) config: &'a Config,
    pub(crate) recording: Recording,
    pub(crate) round_span: Duration,
    sources: Sources,
    probes: Vec<Probe>,
    epoch: Instant,
    interrupt: &'a Watch,
    progress: &'a mut dyn FnMut(&str),
    /// What the target speaks, the one of the ramp first.
    protocols: Vec<Protocol>,
    /// The fastest answer of the preflight.
    fastest: Duration,
    /// Texts of statements.
    notes: BTreeMap<String, String>,
    /// Experiments that were run, with their users.
    pub(crate) done: Vec<(Experiment, Option<f64>)>,
    best_rate: f64,
    /// Rounds in a row that were disturbed the second time too.
    in_vain: u32,
    /// What rounds took beside their spans, all together: connecting, the last answers, the sources' readings.
    overhead: Duration,
    rounds: u32,
}

/// What a round has shown, in short.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) rate: f64,
    pub(crate) latency_ms: f64,
    pub(crate) error_share: f64,
    pub(crate) requests: u64,
    pub(crate) is_stopped: bool,
}

/// What will be sent where, for the user to read before it begins.
pub fn announcement(config: &Config) -> String {
    let bounds = &config.bounds;
    let methods: Vec<&str> = config
        .scenario
        .requests()
        .iter()
        .map(|request| request.method.as_str())
        .collect();
    let mut text = format!(
        "sends {} {} for about {} s: at most {} requests in flight, at most {:.0} a second; stops a step when more than {:.0} % fail",
        methods.join(", "),
        config.url,
        bounds.budget.as_secs(),
        bounds.concurrency_max,
        bounds.rate_max,
        bounds.errors_max * 100.0
    );
    for url in &config.sources.metrics {
        text.push_str(&format!("\nreads {url}"));
    }
    for url in &config.sources.traces {
        text.push_str(&format!("\nreads {url}, and the slowest trace that it lists"));
    }
    for location in &config.sources.postgres {
        text.push_str(&format!(
            "\nreads PostgreSQL at {}: its statistics views 33 times a second, and plans by EXPLAIN; changes nothing",
            location.shown()
        ));
    }
    for hook in &config.hooks {
        text.push_str(&format!(
            "\nmay change {} by `{}`, at most for as long as a round takes, and always changes it back by `{}`",
            hook.words(),
            hook.apply,
            hook.revert
        ));
    }
    for probe in &config.probes {
        text.push_str(&format!(
            "\nlistens on {} until it ends and forwards to the {} at {}, some rounds later by some milliseconds",
            probe.listen, probe.path, probe.to
        ));
    }
    text.push_str(&format!("\nwrites {}", config.out.display()));
    text
}

/// Does all of it. `interrupt` ends it early, with the evidence that there is; `progress` is told what happens.
pub fn investigate(
    config: &Config,
    interrupt: &Watch,
    progress: &mut dyn FnMut(&str),
) -> Result<Investigation, Error> {
    for request in config.scenario.requests() {
        if !config.bounds.allow_writes && !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Err(Error::Writes {
                method: request.method.clone(),
            });
        }
    }
    let probes = config
        .probes
        .iter()
        .map(|place| {
            Probe::open(place).map_err(|reason| Error::Source {
                what: format!("the path to the {}", place.path),
                reason: format!("the probe {reason}"),
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    if !probes.is_empty() {
        progress("waits until the target answers: its path goes through us");
        preflight::wait_until_it_answers(config, interrupt);
    }
    let epoch = Instant::now();
    let found = preflight::run(config)?;
    let sources = watch::open(config, epoch)?;
    for unread in sources.unread(config) {
        progress(&unread);
    }
    let recording = Recording::begin(&config.out, head(config, &sources))?;
    let mut quest = Quest {
        config,
        recording,
        round_span: playbook::round_of(config.bounds.budget, found.usual),
        sources,
        probes,
        epoch,
        interrupt,
        progress,
        protocols: found.protocols,
        fastest: found.fastest,
        notes: BTreeMap::new(),
        done: Vec::new(),
        best_rate: 0.0,
        in_vain: 0,
        overhead: Duration::ZERO,
        rounds: 0,
    };
    for state in quest.sources.states.clone() {
        quest.recording.push(Line::Source(state))?;
    }
    quest.facts()?;
    match gather(&mut quest) {
        // What was gathered before the user lost patience is judged.
        Ok(()) => {}
        Err(error) => {
            quest.recording.finish()?;
            return Err(error);
        }
    }
    quest.recording.finish()?;
    drop(quest);
    // Judged from the file, so that a replay reads the same numbers.
    let file = config.out.join(recording::FILE);
    let evidence = recording::read(&file)?;
    let verdict = diagnosis::diagnose(&evidence);
    Ok(Investigation {
        evidence,
        verdict,
        file,
    })
}

fn gather(quest: &mut Quest<'_>) -> Result<(), Error> {
    playbook::run(quest)?;
    quest.slow_request()?;
    plans::explain(quest)?;
    counter::run(quest)?;
    for unused in counter::unused(&quest.config.hooks, &quest.recording.evidence) {
        quest.tell(&unused);
    }
    if quest.config.undo.is_pending() {
        // It could not be changed back: whatever is measured now is of a target that nobody knows.
        return Ok(());
    }
    playbook::hold(quest)
}

fn head(config: &Config, sources: &Sources) -> Head {
    let mut settings: BTreeMap<String, String> = sources.facts.clone();
    let bounds = &config.bounds;
    settings.insert("budget_s".to_owned(), bounds.budget.as_secs().to_string());
    settings.insert("rate_max".to_owned(), bounds.rate_max.to_string());
    settings.insert("concurrency_max".to_owned(), bounds.concurrency_max.to_string());
    settings.insert("burst".to_owned(), bounds.burst.to_string());
    if bounds.is_burst_said {
        settings.insert("at_once".to_owned(), bounds.burst.to_string());
    }
    if let Some(connections) = config.connections {
        settings.insert("connections".to_owned(), connections.to_string());
    }
    Head {
        target: config.url.clone(),
        began: config.began.clone(),
        seed: config.seed,
        versions: BTreeMap::from([("sidequest".to_owned(), config.version.clone())]),
        settings,
        ..Head::default()
    }
}

impl Quest<'_> {
    /// Whether a stage may begin another round.
    pub(crate) fn may_begin(&self, until: f64) -> bool {
        let limit = self.config.bounds.budget.mul_f64(until);
        !self.interrupt.is_stopped() && self.epoch.elapsed() + self.round_span <= limit
    }

    /// What is left of the budget.
    pub(crate) fn left(&self) -> Duration {
        if self.interrupt.is_stopped() {
            return Duration::ZERO;
        }
        self.config.bounds.budget.saturating_sub(self.epoch.elapsed())
    }

    /// The probe in the path to a party.
    pub(crate) fn probe(&self, path: &str) -> Option<&Probe> {
        self.probes.iter().find(|probe| probe.path == path)
    }

    /// A target that was changed may have been restarted for it.
    pub(crate) fn wait_until_it_answers(&self) {
        preflight::wait_until_it_answers(self.config, self.interrupt);
    }

    /// What a round takes beside its span, usually.
    pub(crate) fn overhead(&self) -> Duration {
        self.overhead / self.rounds.max(1)
    }

    /// Tells the user.
    pub(crate) fn tell(&mut self, what: &str) {
        (self.progress)(what);
    }

    /// Whether the target speaks this.
    pub(crate) fn speaks(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }

    /// Whether so many users could ask more often than is allowed.
    pub(crate) fn exceeds_rate(&self, users: u32) -> bool {
        f64::from(users) / self.fastest.as_secs_f64().max(1e-6) > self.config.bounds.rate_max
    }

    /// The most answers a second that a step has brought.
    pub(crate) fn best_rate(&self) -> f64 {
        self.best_rate
    }

    /// Requests of one burst: as many as were asked for, and not more than a part of the budget suffices for.
    pub(crate) fn burst(&self) -> u64 {
        let span = (self.config.bounds.budget / BURSTS).max(self.round_span * 2);
        let most = (self.best_rate * span.as_secs_f64()).max(20.0);
        let most = most.min(self.config.bounds.rate_max.max(1.0));
        u64::from(self.config.bounds.burst).min(most as u64)
    }

    /// A step of the ramp.
    pub(crate) fn step(&self, users: u32) -> Experiment {
        let protocol = self.protocols[0];
        let shared = self.config.connections;
        let (clients, streams) = spread(users, protocol, shared);
        let is_single = users == 1;
        let drive = if is_single && self.exceeds_rate(users) {
            Drive::Rate(self.config.bounds.rate_max, self.round_span)
        } else {
            Drive::Closed(self.round_span)
        };
        Experiment {
            id: if is_single {
                "baseline".to_owned()
            } else {
                format!("ramp-{users}")
            },
            purpose: if is_single {
                Purpose::Baseline
            } else {
                Purpose::Ramp
            },
            drive,
            users: (protocol != Protocol::Http2 && clients < users).then_some(users),
            clients,
            streams,
            protocol,
            window: None,
            is_bound_by_connections: protocol == Protocol::Http2 || shared.is_some(),
        }
    }

    /// Runs one round and records it, and once more if the machine was disturbed.
    pub(crate) fn round(&mut self, experiment: &Experiment, number: u32) -> Result<Round, Error> {
        let scenario = self.config.scenario.clone();
        self.round_of(experiment, number, &scenario)
    }

    pub(crate) fn round_of(
        &mut self,
        experiment: &Experiment,
        number: u32,
        scenario: &Scenario,
    ) -> Result<Round, Error> {
        self.tell(&format!("{} ({number})", experiment.id));
        let outcomes = self.measure(experiment, scenario)?;
        let disturbed = self.disturbed(&outcomes);
        if let Some(why) = disturbed
            && self.left() > self.round_span * 3
            && self.in_vain < IN_VAIN_MAX
        {
            // Kept, and not believed; the second try counts whatever happens beside it.
            self.record(experiment, number + 1_000, &outcomes, Some(why))?;
            let again = self.measure(experiment, scenario)?;
            if self.disturbed(&again).is_some() {
                self.in_vain += 1;
                if self.in_vain == IN_VAIN_MAX {
                    self.tell("the machine is never quiet: from now on rounds are taken as they are");
                }
            } else {
                self.in_vain = 0;
            }
            return self.keep(experiment, number, &again);
        }
        self.keep(experiment, number, &outcomes)
    }

    fn measure(&mut self, experiment: &Experiment, scenario: &Scenario) -> Result<Outcomes, Error> {
        let began = Instant::now();
        let outcomes = experiment::run(
            experiment,
            scenario,
            self.config,
            &mut self.sources.watchers,
            self.epoch,
            self.interrupt,
        )?;
        if let Drive::Closed(span) = experiment.drive {
            self.overhead += began.elapsed().saturating_sub(span);
            self.rounds += 1;
        }
        for watcher in &mut self.sources.watchers {
            if watcher.name.starts_with("postgres") {
                for (name, text) in watcher.facts() {
                    if let Some(id) = name.strip_prefix("statement/") {
                        self.notes.entry(id.to_owned()).or_insert(text);
                    }
                }
            }
        }
        Ok(outcomes)
    }

    fn keep(&mut self, experiment: &Experiment, number: u32, outcomes: &Outcomes) -> Result<Round, Error> {
        self.record(experiment, number, outcomes, None)?;
        let tally = &outcomes.tally;
        let seconds = outcomes.seconds;
        let rate = if seconds > 0.0 {
            tally.ok as f64 / seconds
        } else {
            0.0
        };
        match experiment.purpose {
            Purpose::Baseline | Purpose::Ramp => self.best_rate = self.best_rate.max(rate),
            Purpose::Preflight
            | Purpose::Noise
            | Purpose::Story(_)
            | Purpose::Hold
            | Purpose::OpenLoop
            | Purpose::Counter { .. } => {}
        }
        if tally.ok == 0 && outcomes.stopped != Some(Stop::User) && preflight::is_dead(self.config) {
            return Err(Error::Died {
                target: self.config.url.clone(),
                after: self.epoch.elapsed().as_secs_f64(),
            });
        }
        Ok(Round {
            rate,
            latency_ms: if tally.ok > 0 {
                tally.latency_ms / tally.ok as f64
            } else {
                0.0
            },
            error_share: tally.failed as f64 / tally.all.max(1) as f64,
            requests: tally.all,
            is_stopped: outcomes.stopped.is_some(),
        })
    }

    /// Why a round must not be believed. Where the server's process is not known, its work would look foreign.
    fn disturbed(&self, outcomes: &Outcomes) -> Option<String> {
        self.sources.parties.server.as_ref()?;
        let window = outcomes.windows.get("system")?;
        let cores = window.last.get("host/cores").copied().unwrap_or(1.0).max(1.0);
        let foreign = foreign(window, cores)?;
        if foreign > FOREIGN_MAX {
            return Some(format!(
                "other processes used {:.0} % of the machine",
                foreign * 100.0
            ));
        }
        let steal = window.growth("host/steal_seconds").unwrap_or(0.0) / (window.seconds * cores);
        (steal > STEAL_MAX).then(|| format!("{:.0} % of the machine was stolen", steal * 100.0))
    }

    fn record(
        &mut self,
        experiment: &Experiment,
        number: u32,
        outcomes: &Outcomes,
        discarded: Option<String>,
    ) -> Result<(), Error> {
        if self.done.iter().all(|(known, _)| known.id != experiment.id) {
            let load = load_of(experiment, outcomes, self.config);
            self.done.push((experiment.clone(), load.users));
            self.recording
                .push(Line::Experiment(diagnosis::experiment::Experiment {
                    id: experiment.id.clone(),
                    purpose: experiment.purpose.clone(),
                    load,
                }))?;
        }
        self.recording.push(Line::Round(Recorded {
            experiment: experiment.id.clone(),
            number,
            start_ms: outcomes.start.as_secs_f64() * 1e3,
            duration_ms: outcomes.seconds * 1e3,
            discarded,
        }))?;
        for observation in collect::observe(experiment, number, outcomes, &self.sources.parties, &self.notes)
        {
            self.recording.push(Line::Observation(observation))?;
        }
        self.recording.flush()
    }

    /// One slow request, as the target tells it, while it still remembers the load.
    fn slow_request(&mut self) -> Result<(), Error> {
        for url in &self.config.sources.traces {
            let found = Target::parse(url)
                .map_err(|error| State::Absent(error.to_string()))
                .and_then(|(_, path)| {
                    let mut fetcher = Fetcher::new(url, Vec::new(), self.config.load.tls.insecure)
                        .map_err(State::Absent)?;
                    traces::slowest(&mut fetcher, &path)
                });
            let line = match found {
                Ok(trace) => Line::Trace(trace),
                Err(state) => Line::Source(watch::told(Source::Traces, "", &state, url)),
            };
            self.recording.push(line)?;
        }
        Ok(())
    }

    /// What is fixed for the whole investigation.
    fn facts(&mut self) -> Result<(), Error> {
        if let Some(most) = self
            .sources
            .facts
            .get("postgres.max_connections")
            .and_then(|most| most.parse().ok())
        {
            self.fact(Signal::PgMaxConnections, "", most, "")?;
        }
        Ok(())
    }

    /// Something that holds for the whole investigation.
    pub(crate) fn fact(
        &mut self,
        signal: Signal,
        subject: &str,
        value: f64,
        note: &str,
    ) -> Result<(), Error> {
        self.recording.push(Line::Observation(Observation {
            experiment: String::new(),
            round: 0,
            signal,
            subject: subject.to_owned(),
            reading: Reading::Value(value),
            note: note.to_owned(),
        }))
    }
}

/// Connections for so many users, and requests at once on each: never more than there are users.
pub(crate) fn spread(users: u32, protocol: Protocol, shared: Option<u32>) -> (u32, u32) {
    match protocol {
        Protocol::Http2 => {
            let clients = shared.unwrap_or(1).clamp(1, users);
            (clients, users / clients)
        }
        Protocol::Http1 | Protocol::Auto => (shared.unwrap_or(users).clamp(1, users), 1),
    }
}

fn load_of(experiment: &Experiment, outcomes: &Outcomes, config: &Config) -> Load {
    let all = experiment.in_flight_max();
    let (users, rate, requests) = match experiment.drive {
        Drive::Closed(_) => (Some(f64::from(all)), None, None),
        Drive::Rate(rate, _) => (None, Some(rate), None),
        Drive::Burst(requests) => (None, None, Some(requests)),
    };
    let is_bound = experiment.is_bound_by_connections;
    let is_burst = requests.is_some();
    // The largest that there is says nothing of the clients.
    let told = Some(config.load.windows.stream).filter(|window| *window < WINDOW_MAX);
    Load {
        users,
        rate,
        protocol: match outcomes.summary.protocol {
            Some(Protocol::Http2) => Some("HTTP/2".to_owned()),
            Some(Protocol::Http1) => Some("HTTP/1.1".to_owned()),
            Some(Protocol::Auto) | None => None,
        },
        connections: is_bound.then_some(experiment.clients),
        streams: (is_bound && is_burst).then_some(experiment.streams),
        requests,
        window_bytes: experiment.window.or(told).map(u64::from),
        is_new_connection_each: false,
        path: config.scenario.path_of(0),
    }
}
