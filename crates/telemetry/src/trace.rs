//! Where the time of a request went: a span a step, kept for the slow, the failed and a random share.
//!
//! The recorder is always on and our own: a `Vec` of fixed structs a request, 51 spans in some 4 µs, where
//! tracing-opentelemetry costs 46 µs for a trace it throws away. Names are numbers until somebody reads.
//!
//! The trace of a task is found by [`current`], not passed: it would be a parameter of every function between a
//! route and a statement, for something that changes no answer.

pub mod id;
pub mod kept;
pub mod name;
pub mod parent;
pub mod ring;
pub mod routes;
pub mod span;
pub mod tracer;
pub mod waterfall;

pub mod keep;
mod record;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use id::{SpanId, TraceId};
use name::Name;
use parent::Traceparent;
use record::Record;
use routes::Routes;
use span::Step;
use tracer::Tracer;

tokio::task_local! {
    static CURRENT: Trace;
}

/// The trace of one request or batch while it is recorded. Cheap to clone; off, it is nothing.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Recording>>);

/// A step that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a step that is not ended lasts as long as its trace"]
pub struct Open(u16);

/// Sums over the steps of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Waiting for connections.
    pub pool: Duration,
    /// Statements that have ended, their preparing included.
    pub database: Duration,
    /// How many.
    pub statements: u32,
}

struct Recording {
    tracer: Tracer,
    began: Instant,
    trace: TraceId,
    root: SpanId,
    parent: Option<Traceparent>,
    record: Mutex<Record>,
}

/// The trace of the task that runs now; one that is off where there is none.
pub fn current() -> Trace {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Runs a future whose steps belong to the trace.
pub fn scope<F: Future>(trace: Trace, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(trace, future)
}

/// Runs a function whose steps belong to the trace.
pub fn scope_sync<R>(trace: Trace, function: impl FnOnce() -> R) -> R {
    CURRENT.sync_scope(trace, function)
}

impl Trace {
    /// One that records nothing.
    pub fn off() -> Trace {
        Trace(None)
    }

    /// Whether it records.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Its id, by which logs and exemplars name it.
    pub fn id(&self) -> Option<TraceId> {
        self.0.as_ref().map(|recording| recording.trace)
    }

    /// The text's number; where the trace is off, nothing is looked up.
    pub fn name(&self, text: &str) -> Name {
        self.0
            .as_ref()
            .map_or(Name::OTHER, |recording| recording.tracer.name(text))
    }

    /// What to tell those that are asked on its behalf.
    pub fn traceparent(&self) -> Option<Traceparent> {
        let recording = self.0.as_ref()?;
        Some(Traceparent {
            trace: recording.trace,
            span: recording.root,
            sampled: recording.parent.is_some_and(|parent| parent.sampled),
        })
    }

    /// Begins a step within the innermost that has begun and not ended.
    pub fn begin(&self, step: Step) -> Open {
        match &self.0 {
            Some(recording) => recording.begin(step, Instant::now()),
            None => Open(u16::MAX),
        }
    }

    /// The same where the clock has been read already: each time costs 30 ns.
    pub fn begin_at(&self, step: Step, began: Instant) -> Open {
        match &self.0 {
            Some(recording) => recording.begin(step, began),
            None => Open(u16::MAX),
        }
    }

    /// Ends a step.
    pub fn end(&self, open: Open) {
        self.end_as(open, |_| {});
    }

    /// The same where the clock has been read already.
    pub fn end_at(&self, open: Open, ended: Instant) {
        if let Some(recording) = &self.0 {
            let at = ended.saturating_duration_since(recording.began);
            recording.record().end(open, at, |_| {});
        }
    }

    /// Ends a step of which more is known than at its beginning.
    pub fn end_as(&self, open: Open, tell: impl FnOnce(&mut Step)) {
        if let Some(recording) = &self.0 {
            let now = recording.began.elapsed();
            recording.record().end(open, now, tell);
        }
    }

    /// Ends a step that failed.
    pub fn fail(&self, open: Open) {
        if let Some(recording) = &self.0 {
            let now = recording.began.elapsed();
            let mut record = recording.record();
            record.end(open, now, |_| {});
            record.failed(open);
        }
    }

    /// A step that is over, for those that ran side by side. It stands under the innermost open one.
    pub fn add(&self, step: Step, began: Instant, ended: Instant) {
        if let Some(recording) = &self.0 {
            let from = began.saturating_duration_since(recording.began);
            let took = ended.saturating_duration_since(began);
            recording.record().add(step, from, took);
        }
    }

    /// A batch's trace of the same tracer, to be joined by those that it works for.
    pub fn batch(&self) -> Trace {
        self.0
            .as_ref()
            .map_or_else(Trace::off, |recording| recording.tracer.batch())
    }

    /// The batch works for this trace: its steps are this one's too. Called when the want is taken that has waited
    /// since then for its source.
    pub fn join(&self, batch: &Trace, source: Name, since: Instant) {
        if let (Some(recording), Some(_)) = (&self.0, &batch.0) {
            let from = since.saturating_duration_since(recording.began);
            let took = since.elapsed();
            let mut record = recording.record();
            record.add(Step::Queue { source }, from, took);
            record.join(batch.clone());
        }
    }

    /// Where its own time went so far, as sums over its steps.
    pub fn split(&self) -> Split {
        self.0
            .as_ref()
            .map_or_else(Split::default, |recording| recording.record().split())
    }

    /// The trace works for another, which it then names in a link.
    pub fn works_for(&self, member: &Trace) {
        let (Some(recording), Some(of), Some(parent)) = (&self.0, &member.0, member.traceparent()) else {
            return;
        };
        let (chosen, routes) = {
            let member = of.record();
            (member.chosen, member.routes)
        };
        let mut record = recording.record();
        record.link(parent);
        record.chosen = record.chosen.or(chosen);
        for route in routes.iter() {
            record.routes.add(*route);
        }
    }

    /// The route that asks; of a batch there are several.
    pub fn route(&self, route: &str) {
        if let Some(recording) = &self.0 {
            let route = recording.tracer.name(route);
            recording.record().routes.add(route);
        }
    }

    /// The routes that it works for.
    pub fn routes(&self) -> Routes {
        self.0
            .as_ref()
            .map_or_else(Routes::default, |recording| recording.record().routes)
    }

    /// What a statement names in a comment: a trace that will be kept whatever happens, which is this one or one that
    /// it works for. Whether a trace turns out slow or failed is not known while its statements run.
    pub fn chosen(&self) -> Option<Traceparent> {
        self.0.as_ref()?.record().chosen
    }
}

impl Recording {
    fn begin(&self, step: Step, began: Instant) -> Open {
        let at = began.saturating_duration_since(self.began);
        self.record().begin(step, at)
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.id() {
            Some(id) => write!(f, "Trace({id})"),
            None => f.write_str("Trace(off)"),
        }
    }
}

#[cfg(test)]
mod tests;
