//! Which provider a database gets: what was asked for, what is there already, what was found, what is built in.
//!
//! Pure: the facts come in as data. Whoever installs a PostgreSQL later must not meet an empty database, so a
//! directory that already holds the database decides before anything that was found.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::{Engine, Error, External};

/// What is known before the choice, about one database.
pub(crate) struct Facts<'a> {
    /// The name of the database.
    pub(crate) name: &'a str,
    /// The data directory, for messages.
    pub(crate) directory: &'a Path,
    /// What the user said about this database.
    pub(crate) given: Option<&'a External>,
    /// What the user said about all.
    pub(crate) engine: Engine,
    /// Whether the managed cluster holds it.
    pub(crate) held_managed: bool,
    /// Whether an in-process directory holds it.
    pub(crate) held_in_process: bool,
    /// The major version of the managed cluster, if there is one.
    pub(crate) cluster_major: Option<u32>,
    /// The major versions found, in order of preference.
    pub(crate) found: &'a [u32],
    /// Where binaries were looked for, for messages.
    pub(crate) searched: &'a [PathBuf],
    /// Whether the in-process engine is built in.
    pub(crate) built: bool,
}

/// The choice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    External(String),
    /// The index of the installation in [`Facts::found`].
    Managed(usize),
    InProcess,
}

/// Applies the order of choice.
pub(crate) fn choose(facts: &Facts<'_>) -> Result<Chosen, Error> {
    match (facts.given, facts.engine) {
        (Some(External::Url(url)), _) => Ok(Chosen::External(url.clone())),
        (Some(External::Managed), _) | (None, Engine::Managed) => managed(facts),
        (Some(External::InProcess), _) | (None, Engine::InProcess) => in_process(facts),
        (None, Engine::Auto) => automatic(facts),
    }
}

fn automatic(facts: &Facts<'_>) -> Result<Chosen, Error> {
    match (facts.held_managed, facts.held_in_process) {
        (true, true) => Err(Error::Ambiguous {
            name: facts.name.to_owned(),
            directory: facts.directory.to_owned(),
        }),
        (true, false) => managed(facts),
        (false, true) => in_process(facts),
        (false, false) if !facts.found.is_empty() => managed(facts),
        (false, false) if facts.built => Ok(Chosen::InProcess),
        (false, false) => Err(Error::Nothing {
            name: facts.name.to_owned(),
        }),
    }
}

/// A cluster needs binaries of its own major version; a new one takes the first that was found.
fn managed(facts: &Facts<'_>) -> Result<Chosen, Error> {
    match facts.cluster_major {
        Some(needed) => match facts.found.iter().position(|major| *major == needed) {
            Some(index) => Ok(Chosen::Managed(index)),
            None => Err(Error::MajorVersion {
                directory: facts.directory.to_owned(),
                needed,
                found: listed(facts.found),
            }),
        },
        None if facts.found.is_empty() => Err(Error::NoBinaries {
            name: facts.name.to_owned(),
            searched: facts.searched.to_vec(),
        }),
        None => Ok(Chosen::Managed(0)),
    }
}

fn in_process(facts: &Facts<'_>) -> Result<Chosen, Error> {
    if facts.built {
        Ok(Chosen::InProcess)
    } else {
        Err(Error::NoEngine {
            name: facts.name.to_owned(),
        })
    }
}

fn listed(majors: &[u32]) -> Option<String> {
    if majors.is_empty() {
        return None;
    }
    Some(majors.iter().map(u32::to_string).collect::<Vec<_>>().join(", "))
}
