//! The log: text or JSON lines, a level that changes while it runs, and no secret in it.

pub mod redact;

use std::{io::Write, sync::Arc};

use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

use crate::error::Error;
use redact::Redacting;

/// How the log is written.
#[derive(Clone, Debug)]
pub struct Config {
    /// The form of its lines.
    pub format: Format,
    /// Colours, in text.
    pub colours: bool,
    /// What is said, as `tracing` filters: `info`, `info,access=off`.
    pub filter: String,
}

/// The form of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For collectors: one object a line.
    Json,
}

/// What is said, while it is said. Cheap to clone.
#[derive(Clone)]
pub struct Level(Arc<dyn Filtered>);

/// A place that a filter can be put into.
trait Filtered: Send + Sync {
    fn set(&self, filter: EnvFilter) -> Result<(), Error>;
    fn get(&self) -> String;
}

impl Filtered for reload::Handle<EnvFilter, Registry> {
    fn set(&self, filter: EnvFilter) -> Result<(), Error> {
        // It fails only when the log is gone, at the very end.
        self.reload(filter).map_err(|_| Error::LogStarted)
    }

    fn get(&self) -> String {
        self.with_current(ToString::to_string).unwrap_or_default()
    }
}

impl Level {
    /// Says from now on what the filter lets through.
    pub fn set(&self, filter: &str) -> Result<(), Error> {
        self.0.set(parse(filter)?)
    }

    /// The filter now.
    pub fn get(&self) -> String {
        self.0.get()
    }
}

impl std::fmt::Debug for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Level").field(&self.get()).finish()
    }
}

/// Starts the log of this process. Each line goes to a writer in one write.
pub fn start<W: Write + 'static>(config: &Config, writer: fn() -> W) -> Result<Level, Error> {
    let (subscriber, level) = subscriber(config, writer)?;
    subscriber.try_init().map_err(|_| Error::LogStarted)?;
    Ok(level)
}

/// The same for one thread, for tests.
pub fn start_scoped<M>(
    config: &Config,
    writer: M,
) -> Result<(tracing::subscriber::DefaultGuard, Level), Error>
where
    M: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (subscriber, level) = subscriber(config, writer)?;
    Ok((subscriber.set_default(), level))
}

fn subscriber<M>(config: &Config, writer: M) -> Result<(impl tracing::Subscriber + Send + Sync, Level), Error>
where
    M: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // A filter's answer is kept a place of the code, so what is not said costs a load whether it can change or not.
    let (filter, handle) = reload::Layer::new(parse(&config.filter)?);
    let lines = fmt::layer().with_writer(Redacting(writer));
    let lines = match config.format {
        Format::Text => lines.with_ansi(config.colours).boxed(),
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    Ok((subscriber, Level(Arc::new(handle))))
}

/// PostgreSQL's notices are for whoever runs SQL by hand, and the profiler's beginnings and ends for nobody;
/// what is asked for by name still wins.
fn parse(filter: &str) -> Result<EnvFilter, Error> {
    EnvFilter::try_new(format!("tokio_postgres=warn,pprof=warn,{filter}")).map_err(|source| Error::Filter {
        filter: filter.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
