//! The tracer: begins traces, and at their end keeps some.

use std::{
    sync::{Arc, Mutex, atomic::AtomicU16},
    time::{Duration, Instant, SystemTime},
};

use super::{
    Recording, Trace,
    id::{Ids, TraceId},
    keep::{self, Reason},
    kept::{Kept, KeptSpan, Line, Link},
    name::Name,
    parent::Traceparent,
    record::{Joined, Record},
    ring::Ring,
    span::{Span, Step},
};
use crate::{
    metric::{New, Registry, number::Counter},
    otlp::Sink,
    rate::Rate,
};

/// How traces are recorded and kept.
#[derive(Clone, Debug)]
pub struct Config {
    /// Off, nothing is recorded and nothing allocated.
    pub enabled: bool,
    /// Of the traces that are neither slow nor failed, 0 to 1.
    pub share: f64,
    /// A trace that takes as long is kept.
    pub slow: Duration,
    /// A trace is kept if the caller keeps its part.
    pub follow_parent: bool,
    /// Kept in memory.
    pub ring_traces_max: usize,
    /// Kept a second: when everything is slow, not everything needs telling.
    pub kept_per_second_max: u32,
}

/// Records traces. Cheap to clone.
#[derive(Clone)]
pub struct Tracer(Arc<Inner>);

struct Inner {
    config: Config,
    ring: Ring,
    /// Failed and slow traces.
    telling: Rate,
    others: Rate,
    sink: Option<Sink>,
    kept: [Counter; Reason::ALL.len()],
    dropped: Counter,
    lost: Counter,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// HTTP's method; one of the known, or `other`.
    pub method: &'static str,
    /// The route's pattern, never the path.
    pub route: &'static str,
    /// The answer's status; 0 if the client left before there was one.
    pub status: u16,
    /// Of the answer's body.
    pub body_bytes: u64,
    /// A fault of the server, or a client left without an answer.
    pub failed: bool,
}

impl Tracer {
    /// One that keeps traces in memory, and offers them to the sink.
    pub fn new(config: Config, registry: &Registry, sink: Option<Sink>) -> Tracer {
        let kept = registry.counters(New {
            name: "sidequest_traces_kept_total",
            about: "Traces kept, by reason.",
            labels: &["reason"],
        });
        Tracer(Arc::new(Inner {
            ring: Ring::new(config.ring_traces_max),
            telling: Rate::new(config.kept_per_second_max, Duration::from_secs(1)),
            others: Rate::new(config.kept_per_second_max, Duration::from_secs(1)),
            kept: Reason::ALL.map(|reason| kept.with(&[reason.name()])),
            dropped: registry.counter(
                "sidequest_traces_dropped_total",
                "Traces worth keeping of which there were too many in one second.",
            ),
            lost: registry.counter(
                "sidequest_trace_spans_lost_total",
                "Spans of kept traces that found no room.",
            ),
            sink,
            config,
        }))
    }

    /// A request's trace, to be given back to [`Tracer::end`].
    pub fn request(&self, parent: Option<Traceparent>, began: Instant) -> Trace {
        if !self.0.config.enabled {
            return Trace::off();
        }
        let ids = Ids::next();
        let trace = parent.map_or_else(|| ids.trace(), |parent| parent.trace);
        Trace(Some(Arc::new(Recording {
            began,
            trace,
            root: ids.span(),
            parent,
            is_chosen: keep::is_chosen(&self.0.config, trace, parent),
            is_batch: false,
            route: AtomicU16::new(Name::OTHER.number()),
            record: Mutex::new(Record::new()),
        })))
    }

    /// A batch's trace: it is seen in those of the requests that join it.
    pub fn batch(&self) -> Trace {
        if !self.0.config.enabled {
            return Trace::off();
        }
        Recording::batch()
    }

    /// Ends a request's trace. Returns its id if it is kept.
    pub fn end(&self, trace: &Trace, end: End) -> Option<TraceId> {
        self.end_at(trace, end, Instant::now())
    }

    /// The same where the clock has been read already.
    pub fn end_at(&self, trace: &Trace, end: End, ended: Instant) -> Option<TraceId> {
        let recording = trace.0.as_ref()?;
        let took = ended.saturating_duration_since(recording.began);
        // Most are neither, and forgotten.
        if !end.failed && !recording.is_chosen && took < self.0.config.slow {
            return None;
        }
        let reason = keep::reason(
            &self.0.config,
            &keep::Ended {
                trace: recording.trace,
                parent: recording.parent,
                failed: end.failed,
                took,
            },
        )?;
        // What was asked for, or drawn by lot, must not take the place of what went wrong.
        let rate = match reason {
            Reason::Failed | Reason::Slow => &self.0.telling,
            Reason::Asked | Reason::Share => &self.0.others,
        };
        if !rate.permit_at(ended) {
            self.0.dropped.increment();
            return None;
        }
        let kept = Arc::new(self.tell(recording, end, reason, took));
        self.0.kept[reason as usize].increment();
        self.0.lost.add(u64::from(kept.spans_lost));
        self.0.ring.push(Arc::clone(&kept));
        if let Some(sink) = &self.0.sink {
            sink.offer(kept);
        }
        Some(recording.trace)
    }

    /// The trace as others may look for it: one that will be kept for all that is known before its end.
    pub fn findable(&self, trace: &Trace, failed: bool, now: Instant) -> Option<Traceparent> {
        let recording = trace.0.as_ref()?;
        let took = now.saturating_duration_since(recording.began);
        if failed || took >= self.0.config.slow {
            return trace.traceparent();
        }
        recording.chosen()
    }

    /// The traces in memory, the newest first.
    pub fn list(&self) -> Vec<Line> {
        self.0.ring.list().iter().map(|trace| trace.line()).collect()
    }

    /// A trace in memory.
    pub fn find(&self, id: TraceId) -> Option<Arc<Kept>> {
        self.0.ring.find(id)
    }

    fn tell(&self, recording: &Recording, end: End, reason: Reason, took: Duration) -> Kept {
        // Asked for only here: traces that are forgotten need no wall clock.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let began = now.unwrap_or_default().saturating_sub(took);
        let took_ns = Span::nanoseconds(took);
        let record = recording.record();
        let mut telling = Telling {
            recording,
            took_ns,
            spans: Vec::with_capacity(record.spans.len() + record.joined.len() * 5),
        };
        telling.own(&record.spans);
        let mut lost = record.lost;
        for joined in &record.joined {
            lost += telling.joined(joined);
        }
        Kept {
            trace_id: recording.trace,
            span_id: recording.root,
            parent_id: recording.parent.map(|parent| parent.span),
            kept: reason,
            method: end.method.into(),
            route: end.route.into(),
            status: end.status,
            body_bytes: end.body_bytes,
            began_unix_ns: Span::nanoseconds(began),
            took_ns,
            spans_lost: lost,
            spans: telling.spans,
        }
    }
}

/// A trace being written out.
struct Telling<'a> {
    recording: &'a Recording,
    took_ns: u64,
    spans: Vec<KeptSpan>,
}

impl Telling<'_> {
    fn own(&mut self, spans: &[Span]) {
        for span in spans {
            let id = self.next_id();
            let parent = self.parent(span.parent, 0);
            let told = self.told(span, 0);
            self.spans.push(KeptSpan {
                span_id: id,
                parent_id: parent,
                ..told
            });
        }
    }

    /// The wait for a batch, and its spans. Returns how many it had no room for.
    fn joined(&mut self, joined: &Joined) -> u32 {
        let queue = Span {
            step: Step::Queue {
                source: joined.source,
            },
            parent: joined.under,
            failed: false,
            began_ns: joined.began_ns,
            took_ns: joined.waited_ns,
        };
        self.own(&[queue]);
        match &joined.batch.0 {
            Some(batch) => self.batch(joined.under, batch),
            None => 0,
        }
    }

    fn batch(&mut self, under: u16, batch: &Recording) -> u32 {
        let under = self.parent(under, 0);
        let first = self.spans.len();
        let offset = Span::nanoseconds(batch.began.saturating_duration_since(self.recording.began));
        let record = batch.record();
        for span in &record.spans {
            let told = self.told(span, offset);
            let id = self.next_id();
            let outermost = span.parent == Span::ROOT;
            let links = record.links.iter().filter(|_| outermost);
            let others = links.filter(|link| link.trace != self.recording.trace);
            self.spans.push(KeptSpan {
                span_id: id,
                parent_id: if outermost {
                    under
                } else {
                    self.parent(span.parent, first)
                },
                links: others
                    .map(|link| Link {
                        trace_id: link.trace,
                        span_id: link.span,
                    })
                    .collect(),
                ..told
            });
        }
        record.lost
    }

    fn next_id(&self) -> super::id::SpanId {
        self.recording.root.child(self.spans.len() as u64)
    }

    fn parent(&self, place: u16, first: usize) -> super::id::SpanId {
        let span = self.spans.get(first + usize::from(place));
        span.filter(|_| place != Span::ROOT)
            .map_or(self.recording.root, |span| span.span_id)
    }

    fn told(&self, span: &Span, offset: u64) -> KeptSpan {
        let text = |name: Name| Some(name.text());
        let began_ns = span.began_ns.saturating_add(offset).min(self.took_ns);
        let rest = self.took_ns - began_ns;
        let mut told = KeptSpan {
            span_id: self.recording.root,
            parent_id: self.recording.root,
            step: span.step.kind().into(),
            about: None,
            began_ns,
            took_ns: span.took_ns.min(rest),
            // The last byte ends the writing and the trace together.
            unended: span.took_ns == Span::OPEN && span.step != Step::Write,
            failed: span.failed,
            database: None,
            sql: None,
            rows: None,
            wants: None,
            objects: None,
            links: Vec::new(),
        };
        match span.step {
            Step::Route | Step::Handle | Step::Wake | Step::Document | Step::Encode | Step::Write => {}
            Step::Queue { source } | Step::Measure { source } => told.about = text(source),
            Step::Batch { source, wants, ids } => {
                told.about = text(source);
                told.wants = Some(wants);
                told.objects = Some(ids);
            }
            Step::Pool { database } | Step::Prepare { database } => told.database = text(database),
            Step::Statement {
                database,
                statement,
                sql,
                rows,
            } => {
                told.about = text(statement);
                told.database = text(database);
                told.sql = text(sql);
                told.rows = Some(rows);
            }
        }
        told
    }
}
