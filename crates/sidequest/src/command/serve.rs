//! `sidequest serve`.

use crate::{
    args::Serve,
    config::{Config, Environment},
    exit::{Exit, Failure},
};

/// Serves until told to stop.
pub(crate) fn run(serve: Serve) -> Result<Exit, Failure> {
    let _config = Config::resolve(serve, &Environment::read())?;
    Ok(Exit::Fine)
}
