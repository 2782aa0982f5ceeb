//! The request that a line is about: whatever is said while it is answered stands under its id.
//!
//! No span of `tracing`, which costs a request 2 µs whether anything is said or not: the id goes with the task, and is
//! looked for when something is said. The line looks as if there were a span.

use std::{fmt, sync::Arc};

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use super::Format;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// Runs a future that answers the request of this id, in which there are only letters, digits and `-_.~`.
pub fn scope<F: Future>(id: Arc<str>, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(id, future)
}

/// Puts the request's id into what another format makes of an event.
pub(super) struct UnderRequest<F> {
    pub(super) inner: F,
    pub(super) format: Format,
    pub(super) colours: bool,
}

impl<S, N, F> FormatEvent<S, N> for UnderRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Ok(id) = CURRENT.try_with(Arc::clone) else {
            return self.inner.format_event(context, writer, event);
        };
        let mut line = String::with_capacity(512);
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        match self.format {
            Format::Json => in_json(&mut line, &id),
            Format::Text => in_text(&mut line, &id, event.metadata().level().as_str(), self.colours),
        }
        writer.write_str(&line)
    }
}

fn in_json(line: &mut String, id: &str) {
    let span = format!(r#"{{"id":"{id}","name":"request"}}"#);
    const SPANS: &str = r#","spans":["#;
    // Quotes within a value are escaped, so this is the list itself. It begins with the outermost.
    if let Some(at) = line.rfind(SPANS) {
        line.insert_str(at + SPANS.len(), &format!("{span},"));
    } else if let Some(at) = line.rfind('}') {
        line.insert_str(at, &format!(r#","span":{span},"spans":[{span}]"#));
    }
}

fn in_text(line: &mut String, id: &str, level: &str, colours: bool) {
    // The time before it has no letters of a level.
    let after = line.find(level).map(|at| at + level.len());
    let Some(at) = after.and_then(|after| Some(after + line[after..].find(' ')? + 1)) else {
        return;
    };
    let span = if colours {
        let bold = |text: &str| format!("\u{1b}[1m{text}\u{1b}[0m");
        format!(
            "{}{}\u{1b}[3mid\u{1b}[0m\u{1b}[2m=\u{1b}[0m{id}{}\u{1b}[2m:\u{1b}[0m ",
            bold("request"),
            bold("{"),
            bold("}")
        )
    } else {
        format!("request{{id={id}}}: ")
    };
    line.insert_str(at, &span);
}
