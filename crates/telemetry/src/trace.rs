//! Where the time of a request went: a span a step, kept for the slow, the failed and a random share.
//!
//! The recorder is always on and our own: a `Vec` of fixed structs a request, 51 spans in some 4 µs, where
//! tracing-opentelemetry costs 46 µs for a trace it throws away. Names are numbers until somebody reads.
//! What is read of many traces by one thread, as a batch does, stands beside the lock and not behind it.
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
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use id::{Ids, SpanId, TraceId};
use name::Name;
use parent::Traceparent;
use record::Record;
use routes::Routes;
use span::Step;

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

impl Open {
    /// A step of a trace that is off.
    pub const NONE: Open = Open(u16::MAX);
}

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
    began: Instant,
    trace: TraceId,
    root: SpanId,
    parent: Option<Traceparent>,
    /// Of a request: it will be kept however that ends.
    is_chosen: bool,
    /// It works for requests, whose routes and choice stand in its record.
    is_batch: bool,
    /// Of a request, once it is known: the number of a name. Read by batches, which need no lock for it.
    route: AtomicU16,
    record: Mutex<Record>,
}

/// A trace that several steps are written into at once: each taking of its lock costs as much as a step.
pub struct Steps<'a> {
    began: Instant,
    record: MutexGuard<'a, Record>,
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
        self.0.as_ref().map_or(Name::OTHER, |_| Name::of(text))
    }

    /// What to tell those that are asked on its behalf.
    pub fn traceparent(&self) -> Option<Traceparent> {
        self.0.as_ref().map(|recording| recording.traceparent())
    }

    /// Begins a step within the innermost that has begun and not ended.
    pub fn begin(&self, step: Step) -> Open {
        match &self.0 {
            Some(recording) => recording.begin(step, Instant::now()),
            None => Open::NONE,
        }
    }

    /// The same where the clock has been read already: each time costs 30 ns.
    pub fn begin_at(&self, step: Step, began: Instant) -> Open {
        match &self.0 {
            Some(recording) => recording.begin(step, began),
            None => Open::NONE,
        }
    }

    /// Ends a step.
    pub fn end(&self, open: Open) {
        if self.is_on() {
            self.end_at(open, Instant::now());
        }
    }

    /// The same where the clock has been read already.
    pub fn end_at(&self, open: Open, ended: Instant) {
        self.end_as(open, ended, |_| {});
    }

    /// Ends a step of which more is known than at its beginning.
    pub fn end_as(&self, open: Open, ended: Instant, tell: impl FnOnce(&mut Step)) {
        if let Some(recording) = &self.0 {
            let at = ended.saturating_duration_since(recording.began);
            recording.record().end(open, at, tell);
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
        self.steps(|steps| steps.add(step, began, ended));
    }

    /// Writes several steps at once. None where the trace is off.
    pub fn steps<R>(&self, write: impl FnOnce(&mut Steps<'_>) -> R) -> Option<R> {
        let recording = self.0.as_ref()?;
        let mut steps = Steps {
            began: recording.began,
            record: recording.record(),
        };
        Some(write(&mut steps))
    }

    /// A batch's trace, to be joined by those that it works for. Off, if this one is.
    pub fn batch(&self) -> Trace {
        self.0.as_ref().map_or_else(Trace::off, |_| Recording::batch())
    }

    /// The batch works for this trace: its steps are this one's too. Called when the want is taken that has waited
    /// since then for its source.
    pub fn join(&self, batch: &Trace, source: Name, since: Instant) {
        if let (Some(recording), Some(taking)) = (&self.0, &batch.0) {
            let from = since.saturating_duration_since(recording.began);
            // The clock was read for all of them when the batch began.
            let waited = taking.began.saturating_duration_since(since);
            recording.record().join(batch.clone(), source, from, waited);
        }
    }

    /// Where its own time went so far, as sums over its steps.
    pub fn split(&self) -> Split {
        self.steps(|steps| steps.split()).unwrap_or_default()
    }

    /// The trace works for another, which it then names in a link.
    pub fn works_for(&self, member: &Trace) {
        let (Some(recording), Some(member)) = (&self.0, &member.0) else {
            return;
        };
        let (chosen, routes) = (member.chosen(), member.routes());
        let mut record = recording.record();
        record.link(member.traceparent());
        record.chosen = record.chosen.or(chosen);
        for route in routes.iter() {
            record.routes.add(*route);
        }
    }

    /// The route of a request.
    pub fn route(&self, route: Name) {
        if let Some(recording) = &self.0 {
            recording.route.store(route.number(), Ordering::Relaxed);
        }
    }

    /// The routes that it works for: its own, or those of a batch's requests.
    pub fn routes(&self) -> Routes {
        self.0
            .as_ref()
            .map_or_else(Routes::default, |recording| recording.routes())
    }

    /// What a statement names in a comment: a trace that will be kept whatever happens, which is this one or one that
    /// it works for. Whether a trace turns out slow or failed is not known while its statements run.
    pub fn chosen(&self) -> Option<Traceparent> {
        self.0.as_ref()?.chosen()
    }
}

impl Steps<'_> {
    /// As [`Trace::begin_at`].
    pub fn begin_at(&mut self, step: Step, began: Instant) -> Open {
        let at = began.saturating_duration_since(self.began);
        self.record.begin(step, at)
    }

    /// As [`Trace::end_at`].
    pub fn end_at(&mut self, open: Open, ended: Instant) {
        let at = ended.saturating_duration_since(self.began);
        self.record.end(open, at, |_| {});
    }

    /// As [`Trace::add`].
    pub fn add(&mut self, step: Step, began: Instant, ended: Instant) {
        let from = began.saturating_duration_since(self.began);
        let took = ended.saturating_duration_since(began);
        self.record.add(step, from, took);
    }

    /// As [`Trace::split`].
    pub fn split(&self) -> Split {
        self.record.split()
    }
}

impl Recording {
    fn batch() -> Trace {
        let ids = Ids::next();
        Trace(Some(Arc::new(Recording {
            began: Instant::now(),
            trace: ids.trace(),
            root: ids.span(),
            parent: None,
            is_chosen: false,
            is_batch: true,
            route: AtomicU16::new(Name::OTHER.number()),
            record: Mutex::new(Record::new()),
        })))
    }

    fn traceparent(&self) -> Traceparent {
        Traceparent {
            trace: self.trace,
            span: self.root,
            sampled: self.parent.is_some_and(|parent| parent.sampled),
        }
    }

    fn chosen(&self) -> Option<Traceparent> {
        if self.is_batch {
            return self.record().chosen;
        }
        self.is_chosen.then_some(Traceparent {
            sampled: true,
            ..self.traceparent()
        })
    }

    fn routes(&self) -> Routes {
        if self.is_batch {
            return self.record().routes;
        }
        let mut routes = Routes::default();
        let route = Name::from_number(self.route.load(Ordering::Relaxed));
        if route != Name::OTHER {
            routes.add(route);
        }
        routes
    }

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
