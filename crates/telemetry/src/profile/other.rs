//! Where there is no SIGPROF there is no profile.

use std::time::Duration;

use super::Profile;
use crate::error::Error;

/// Never made.
pub(super) struct Running(std::convert::Infallible);

pub(super) fn start(_: u32) -> Result<Running, Error> {
    Err(Error::Profile {
        reason: "this system has no SIGPROF".to_owned(),
    })
}

pub(super) fn cpu() -> Duration {
    Duration::ZERO
}

impl Running {
    pub(super) fn finish(self) -> Result<Profile, Error> {
        match self.0 {}
    }
}
