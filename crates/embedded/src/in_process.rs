//! PostgreSQL as WebAssembly in this process: one engine, one thread and one directory for each database.

#[cfg(all(
    feature = "in-process",
    any(
        all(
            target_os = "linux",
            target_env = "gnu",
            any(target_arch = "x86_64", target_arch = "aarch64")
        ),
        all(target_os = "macos", target_arch = "aarch64")
    )
))]
#[path = "in_process/oliphaunt.rs"]
mod engine;
#[cfg(not(all(
    feature = "in-process",
    any(
        all(
            target_os = "linux",
            target_env = "gnu",
            any(target_arch = "x86_64", target_arch = "aarch64")
        ),
        all(target_os = "macos", target_arch = "aarch64")
    )
)))]
#[path = "in_process/absent.rs"]
mod engine;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(crate) use engine::BUILT;

use crate::{
    Error,
    bridge::{Bridge, Fault, LIMITS},
};

/// The directory of one database below the data directory.
pub(crate) fn directory(data_directory: &Path, database: &str) -> PathBuf {
    data_directory.join("in-process").join(database)
}

/// Whether it holds a database.
pub(crate) fn holds(directory: &Path) -> bool {
    directory.join("pgdata/PG_VERSION").is_file()
}

/// Opens the engine in the directory, and makes a database there if there is none.
pub(crate) async fn open(directory: &Path) -> Result<Bridge, Error> {
    let path = directory.to_owned();
    let opened = Bridge::open(move || engine::Engine::open(&path), LIMITS).await;
    opened.map_err(|Fault(reason)| Error::EngineFailed {
        directory: directory.to_owned(),
        reason,
    })
}
