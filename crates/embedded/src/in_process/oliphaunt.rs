//! The engine: `oliphaunt-wasix`, PostgreSQL compiled to WebAssembly and ahead of time to native code.

use std::path::Path;

use oliphaunt_wasix::{DatabaseStorage, Oliphaunt};

use crate::bridge::{Answer, Backend, Fault};

/// Whether there is an engine.
pub(crate) const BUILT: bool = true;

/// What a client is told at the beginning of its session.
const PARAMETERS: &str = "select name, setting from pg_settings where name in ('server_version', 'server_encoding', \
     'client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone', 'integer_datetimes', \
     'standard_conforming_strings', 'is_superuser', 'session_authorization')";

/// One instance, tied to the thread that opened it.
pub(super) struct Engine(Oliphaunt);

impl Engine {
    pub(super) fn open(directory: &Path) -> Result<Self, Fault> {
        let storage = DatabaseStorage::Directory(directory.to_owned());
        Oliphaunt::builder()
            .storage(storage)
            .open()
            .map(Self)
            .map_err(fault)
    }
}

impl Backend for Engine {
    fn parameters(&mut self) -> Result<Vec<(String, String)>, Fault> {
        let result = self.0.query(PARAMETERS).map_err(fault)?;
        let decoded = result
            .rows()
            .iter()
            .map(|row| Ok((row.try_get("name")?, row.try_get("setting")?)));
        decoded
            .collect::<Result<_, oliphaunt_wasix::DecodeError>>()
            .map_err(|error| Fault(error.to_string()))
    }

    fn exchange(&mut self, request: &[u8], answer: Answer) -> Result<(), Fault> {
        let streamed = self
            .0
            .exec_protocol_raw_stream(request, move |part: &[u8]| answer.part(part));
        streamed.map_err(|error| Fault(error.to_string()))
    }

    fn close(mut self) -> Result<(), Fault> {
        self.0.close().map_err(fault)
    }
}

/// The causes, too: the outermost text is often a general one.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn fault(error: oliphaunt_wasix::Error) -> Fault {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    Fault(text)
}
