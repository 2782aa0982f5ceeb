//! The log: text or JSON lines, a level that changes while it runs, and no secret in it.

pub mod answered;
pub mod redact;
pub mod request;

mod lines;

use std::{
    io::{self, Write},
    sync::Arc,
};

use tracing::dispatcher;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

use crate::{
    error::Error,
    metric::{New, Registry as Metrics, number::Counter, read_counter},
};
use lines::{Gather, Lines};
use redact::Redacting;
use request::UnderRequest;

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
pub struct Level {
    filter: Arc<dyn Filtered>,
    dropped: Counter,
}

/// The log as a part of a subscriber, by which lines of requests find it.
struct Log {
    format: Format,
    colours: bool,
    lines: Arc<Lines>,
}

impl<S: tracing::Subscriber> Layer<S> for Log {}

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
        self.filter.set(parse(filter)?)
    }

    /// The filter now.
    pub fn get(&self) -> String {
        self.filter.get()
    }

    /// Registers what the log says of itself.
    pub fn register(&self, metrics: &Metrics) {
        register(metrics, self.dropped.clone());
    }
}

impl std::fmt::Debug for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Level").field(&self.get()).finish()
    }
}

/// Registers what a log says of itself.
pub fn register(metrics: &Metrics, dropped: Counter) {
    let description = read_counter(New {
        name: "sidequest_log_dropped_lines_total",
        about: "Lines of requests that found no room, as whoever reads the log does not keep up.",
        labels: &[],
    });
    metrics.readers(vec![description], move |readings| {
        readings.put(0, &[], dropped.get() as f64);
    });
}

/// Starts the log of this process. Lines of requests go to a writer many at once, each other in one write.
pub fn start<W: Write + 'static>(config: &Config, writer: fn() -> W) -> Result<Level, Error> {
    let (subscriber, level) = subscriber(config, writer, Gather::Many)?;
    subscriber.try_init().map_err(|_| Error::LogStarted)?;
    Ok(level)
}

/// The same for one thread, for tests: each line goes to a writer at once.
pub fn start_scoped<M>(
    config: &Config,
    writer: M,
) -> Result<(tracing::subscriber::DefaultGuard, Level), Error>
where
    M: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (subscriber, level) = subscriber(config, writer, Gather::None)?;
    Ok((subscriber.set_default(), level))
}

/// Writes what waits: before the process ends, by whichever way.
pub fn flush() {
    dispatcher::get_default(|log| {
        if let Some(log) = log.downcast_ref::<Log>() {
            log.lines.flush();
        }
    });
}

fn subscriber<M>(
    config: &Config,
    writer: M,
    gather: Gather,
) -> Result<(impl tracing::Subscriber + Send + Sync, Level), Error>
where
    M: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let dropped = Counter::default();
    let write = move |bytes: &[u8]| writer.make_writer().write_all(bytes);
    let lines = Arc::new(Lines::new(gather, dropped.clone(), Box::new(write)));
    // A filter's answer is kept a place of the code, so what is not said costs a load whether it can change or not.
    let (filter, handle) = reload::Layer::new(parse(&config.filter)?);
    let log = Log {
        format: config.format,
        colours: config.colours && config.format == Format::Text,
        lines: Arc::clone(&lines),
    };
    let (format, colours) = (log.format, log.colours);
    let events = fmt::layer().with_writer(Redacting(AtOnce(lines)));
    let events = match format {
        Format::Text => events
            .with_ansi(colours)
            .map_event_format(|inner| UnderRequest {
                inner: inner.with_ansi(colours),
                format,
                colours,
            })
            .boxed(),
        Format::Json => events
            .json()
            .flatten_event(true)
            .map_event_format(|inner| UnderRequest {
                inner,
                format,
                colours,
            })
            .boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(events).with(log);
    let filter = Arc::new(handle);
    Ok((subscriber, Level { filter, dropped }))
}

/// Writers of events, each of which is written after what waits.
struct AtOnce(Arc<Lines>);

impl<'w> MakeWriter<'w> for AtOnce {
    type Writer = EventWriter<'w>;

    fn make_writer(&'w self) -> EventWriter<'w> {
        EventWriter(&self.0)
    }
}

struct EventWriter<'w>(&'w Lines);

impl Write for EventWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
