//! A build, or a machine, without the engine.

use std::{convert::Infallible, path::Path};

use crate::bridge::{Answer, Backend, Fault};

/// Whether there is an engine.
pub(crate) const BUILT: bool = false;

/// Never made.
pub(super) struct Engine(Infallible);

impl Engine {
    pub(super) fn open(_directory: &Path) -> Result<Self, Fault> {
        Err(Fault("this build has no engine".to_owned()))
    }
}

impl Backend for Engine {
    fn parameters(&mut self) -> Result<Vec<(String, String)>, Fault> {
        match self.0 {}
    }

    fn exchange(&mut self, request: &[u8], answer: Answer) -> Result<(), Fault> {
        // Never run; it keeps the pipe in use where no engine is built.
        answer.part(request);
        match self.0 {}
    }

    fn close(self) -> Result<(), Fault> {
        match self.0 {}
    }
}
