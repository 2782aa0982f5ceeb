//! A scenario: what is planted, what is asked, and what the truth is. The truth comes from the design, never from
//! what a quest says.

mod control;
mod double;
mod plant;

use diagnosis::bottleneck::Bottleneck;

use super::means::{Means, Settings};

/// What is planted and what must be found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) id: &'static str,
    pub(crate) kind: Kind,
    /// In words, for the table.
    pub(crate) what: &'static str,
    /// The verdict; of a double plant, any of them. Empty: none.
    pub(crate) expected: &'static [Bottleneck],
    /// What limits next or now, where it is known.
    pub(crate) next: Option<Next>,
    /// What the rig has, with the plant and without.
    pub(crate) base: &'static [Means],
    /// What is planted.
    pub(crate) plant: &'static [Means],
    pub(crate) load: Load,
    pub(crate) sources: &'static [Source],
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

/// The test load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) protocol: Protocol,
    pub(crate) users_max: u32,
    /// Requests of a burst, where that is what fails.
    pub(crate) at_once: Option<u32>,
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

const ALL_SOURCES: &[Source] = &[Source::Metrics, Source::Postgres, Source::Process];

/// Everything, in the order of the design.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    plant::PLANTS
        .iter()
        .chain(double::DOUBLES)
        .chain(control::CONTROLS)
}

impl Load {
    /// Of the twin: as it is, but where the protocol is what is planted.
    pub(crate) fn twin(self) -> Load {
        match self.protocol {
            Protocol::Http1 | Protocol::Http2 => self,
            Protocol::Browser => Load {
                protocol: Protocol::Http2,
                ..self
            },
        }
    }
}

impl Scenario {
    /// What the rig is to be.
    pub(crate) fn settings(&self, is_planted: bool) -> Settings {
        let plant: &[Means] = if is_planted { self.plant } else { &[] };
        Settings::of(self.base.iter().chain(plant))
    }
}
