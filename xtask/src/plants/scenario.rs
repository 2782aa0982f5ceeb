//! A scenario: what is planted, what is asked, and what the truth is. The truth comes from the design, never from
//! what a quest says.

mod control;
mod database;
mod double;
mod network;
mod ours;
mod protocol;
mod proxy;
mod server;

use diagnosis::bottleneck::Bottleneck;

use super::means::{Means, Settings};

/// What is planted and what must be found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) id: &'static str,
    pub(crate) kind: Kind,
    /// The verdict; of a double plant, any of them. Empty: none.
    pub(crate) expected: &'static [Bottleneck],
    /// What the rig has, with the plant and without.
    pub(crate) base: &'static [Means],
    /// How it may be planted: weak, medium and strong, or one of them.
    pub(crate) doses: &'static [Dose],
    pub(crate) load: Load,
    pub(crate) sources: &'static [Source],
    /// What a control must be seen to have, or it shows nothing.
    pub(crate) shows: Option<Shows>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One bottleneck; its twin has none.
    Plant,
    /// Two at once.
    Double,
    /// Healthy, and looks as if it were not.
    Control,
}

/// How much of it is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Severity {
    Weak,
    Medium,
    Strong,
}

/// A plant of one severity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dose {
    pub(crate) severity: Severity,
    /// In words, for the table.
    pub(crate) what: &'static str,
    pub(crate) plant: &'static [Means],
    /// What limits next or now, where it is known.
    pub(crate) next: Option<Next>,
    /// Where the load is what is planted.
    pub(crate) load: Option<Load>,
}

/// The test load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) protocol: Protocol,
    pub(crate) users_max: u32,
    /// Requests of a burst, where that is what fails.
    pub(crate) at_once: Option<u32>,
    /// What a client lets a stream send unasked: 2^N-1 bytes; without it as much as there is.
    pub(crate) window_bits: Option<u32>,
    /// How long it is measured, after the warm-up.
    pub(crate) seconds: u32,
    pub(crate) client: Client,
}

/// Who sends the test load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// `sidequest load`, which makes another connection and sends again what was not answered.
    Ours,
    /// One that does not: what a connection leaves unanswered has failed.
    H2load,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
    /// HTTP/1.1 over six connections, as a browser asks for the parts of a page.
    Browser,
}

/// What the quest is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Metrics,
    Postgres,
    Process,
}

/// A limit that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    pub(crate) resource: Bottleneck,
    pub(crate) rate: Rate,
}

/// How the truth of a limit is known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rate {
    /// By arithmetic over what was planted: answers a second.
    Known(f64),
    /// What the test load reached with the plant.
    Plateau,
}

/// What a control must be seen to have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shows {
    /// A quota that holds the API now and then: more than never, and at most this share of the time.
    Throttled { share_max: f64 },
    /// Checkpoints, so many at least.
    Checkpoints(u64),
}

const ALL_SOURCES: &[Source] = &[Source::Metrics, Source::Postgres, Source::Process];

/// What a short run is made of: a few of each layer that are found quickly, and a healthy target.
pub(crate) const SMOKE: [&str; 8] = [
    "streams8",
    "limitreq",
    "apicpu",
    "downstream",
    "pool3",
    "rowlock",
    "dbcpu",
    "smallscan",
];

/// Everything.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    protocol::PLANTS
        .iter()
        .chain(server::PLANTS)
        .chain(database::PLANTS)
        .chain(network::PLANTS)
        .chain(ours::PLANTS)
        .chain(proxy::PLANTS)
        .chain(double::DOUBLES)
        .chain(control::CONTROLS)
        .chain(network::CONTROLS)
}

impl Load {
    const fn users(protocol: Protocol, users_max: u32) -> Load {
        Load {
            protocol,
            users_max,
            at_once: None,
            window_bits: None,
            seconds: 3,
            client: Client::Ours,
        }
    }

    const fn at_once(self, requests: u32) -> Load {
        Load {
            at_once: Some(requests),
            ..self
        }
    }

    const fn lasting(self, seconds: u32) -> Load {
        Load { seconds, ..self }
    }

    const fn window(self, bits: u32) -> Load {
        Load {
            window_bits: Some(bits),
            ..self
        }
    }

    const fn without_resending(self) -> Load {
        Load {
            client: Client::H2load,
            ..self
        }
    }

    /// Of the twin: as it is, but where the client is what is planted.
    pub(crate) fn twin(self) -> Load {
        let protocol = match self.protocol {
            Protocol::Http1 | Protocol::Http2 => self.protocol,
            Protocol::Browser => Protocol::Http2,
        };
        Load {
            protocol,
            window_bits: None,
            ..self
        }
    }

    /// What a user would tell a quest of his clients.
    pub(crate) fn flags(self) -> Vec<String> {
        let mut flags = match self.protocol {
            Protocol::Http1 => vec!["--h1".to_owned()],
            Protocol::Http2 => vec!["--h2".to_owned()],
            Protocol::Browser => vec!["--h1".to_owned(), "--connections".to_owned(), "6".to_owned()],
        };
        let mut option = |name: &str, value: u32| flags.extend([name.to_owned(), value.to_string()]);
        option("--max-concurrency", self.users_max);
        if let Some(at_once) = self.at_once {
            option("--at-once", at_once);
        }
        if let Some(bits) = self.window_bits {
            option(WINDOW_FLAG, bits);
        }
        flags
    }
}

/// How a user tells a quest what window his clients have.
pub(crate) const WINDOW_FLAG: &str = "--window-bits";

const fn http1(users_max: u32) -> Load {
    Load::users(Protocol::Http1, users_max)
}

const fn http2(users_max: u32) -> Load {
    Load::users(Protocol::Http2, users_max)
}

const fn browser(users_max: u32, at_once: u32) -> Load {
    Load::users(Protocol::Browser, users_max).at_once(at_once)
}

const fn plant(
    id: &'static str,
    expected: &'static [Bottleneck],
    base: &'static [Means],
    load: Load,
    doses: &'static [Dose],
) -> Scenario {
    Scenario {
        id,
        kind: Kind::Plant,
        expected,
        base,
        doses,
        load,
        sources: ALL_SOURCES,
        shows: None,
    }
}

const fn dose(severity: Severity, what: &'static str, plant: &'static [Means]) -> Dose {
    Dose {
        severity,
        what,
        plant,
        next: None,
        load: None,
    }
}

impl Dose {
    const fn limit(self, resource: Bottleneck, rate: Rate) -> Dose {
        Dose {
            next: Some(Next { resource, rate }),
            ..self
        }
    }

    const fn load(self, load: Load) -> Dose {
        Dose {
            load: Some(load),
            ..self
        }
    }
}

impl Scenario {
    /// What is planted at a severity, if anything is.
    pub(crate) fn dose(&self, severity: Severity) -> Option<&'static Dose> {
        self.doses.iter().find(|dose| dose.severity == severity)
    }

    /// What the rig is to be.
    pub(crate) fn settings(&self, dose: &Dose, is_planted: bool) -> Settings {
        let plant: &[Means] = if is_planted { dose.plant } else { &[] };
        Settings::of(self.base.iter().chain(plant))
    }

    /// The test load.
    pub(crate) fn load(&self, dose: &Dose, is_planted: bool) -> Load {
        let load = dose.load.unwrap_or(self.load);
        if is_planted { load } else { load.twin() }
    }
}

impl Severity {
    /// For tables and names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Severity::Weak => "weak",
            Severity::Medium => "medium",
            Severity::Strong => "strong",
        }
    }
}
