//! One load, held still, with everything that observes it over the same span of time.

mod queue;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::{Duration, Instant},
};

use diagnosis::experiment::Purpose;
use load::{
    arrivals::Arrivals,
    config::Protocol,
    ending::Ending,
    outcome::{Lost, Outcome},
    sample::Sample,
    scenario::Scenario,
    summary::Summary,
    watch::Watch,
};

use self::queue::Queue;
use crate::{
    config::{Bounds, Config},
    error::Error,
    observer::{Watcher, Window},
};

/// Chunks of samples that wait to be counted.
const CHUNKS_MAX: usize = 64;

/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// With nothing in flight for so long, nobody is there.
const SILENCE_MAX: Duration = Duration::from_secs(3);

/// Whoever is in the middle of an answer when a round ends is waited for as long as the budget lasts, and at least for so
/// long.
const DRAIN_MIN: Duration = Duration::from_secs(4);

/// Requests before their failures stop a run.
const JUDGED_MIN: u64 = 40;

/// An answer that took within this share of a round time is on its pile.
const PILE: f64 = 0.03;

/// Times at which timeouts are set, in milliseconds.
const ROUND_MS: [u32; 9] = [500, 1_000, 2_000, 3_000, 5_000, 10_000, 15_000, 30_000, 60_000];

/// What is done in one experiment.
#[derive(Clone, Debug)]
pub(crate) struct Experiment {
    /// Unique in the evidence.
    pub id: String,
    /// What for.
    pub purpose: Purpose,
    /// When requests start.
    pub drive: Drive,
    /// Users of a closed loop, where they are more than can ask at once: they share the connections, and wait in line.
    pub users: Option<u32>,
    /// Connections.
    pub clients: u32,
    /// Requests at once on each.
    pub streams: u32,
    /// What is spoken.
    pub protocol: Protocol,
    /// Of a stream, if not the usual.
    pub window: Option<u32>,
    /// Whether connections were chosen, and so may be what limits.
    pub is_bound_by_connections: bool,
}

/// When requests start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Drive {
    /// So long, each user asking again when answered.
    Closed(Duration),
    /// So many at once.
    Burst(u64),
    /// So many a second, for so long.
    Rate(f64, Duration),
}

/// What came of one round.
#[derive(Debug)]
pub(crate) struct Outcomes {
    /// What the generator says.
    pub summary: Summary,
    /// What its requests say.
    pub tally: Tally,
    /// By source.
    pub windows: BTreeMap<String, Window>,
    /// When it began to be measured.
    pub start: Duration,
    /// When requests began, those of the warm-up too: what the times of requests are counted from.
    pub load_start: Duration,
    /// How long requests were begun: what throughput is over. A server that is gone is not waited for.
    pub seconds: f64,
    /// Share of what the generator counted that is of this span, where it counts its warm-up too.
    pub counted_share: f64,
    /// Why it was stopped before its time.
    pub stopped: Option<Stop>,
    /// Requests in flight, by time of looking.
    pub in_flight: Vec<[f64; 2]>,
}

/// Why a round was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Too many failures.
    Errors,
    /// Too many requests a second.
    Rate,
    /// Nothing was under way any more, and nothing came.
    Silence,
    /// The budget is over, and some are not answered yet.
    Late,
    /// The user asked for it.
    User,
}

/// Requests added up: good ones in their parts, all by status.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// Answered well.
    pub ok: u64,
    /// Milliseconds of good answers, all together: from the wish to send to the last byte.
    pub latency_ms: f64,
    /// Of it, until it was sent.
    pub wait_ms: f64,
    /// Of it, until the first byte.
    pub first_byte_ms: f64,
    /// Of it, until the last.
    pub transfer_ms: f64,
    /// Bytes of good answers' bodies.
    pub body_bytes: u64,
    /// Failures, and the milliseconds that they took.
    pub failed: u64,
    /// Milliseconds of failures, all together.
    pub failed_ms: f64,
    /// Count and milliseconds by status; 0 is none.
    pub statuses: BTreeMap<u16, (u64, f64)>,
    /// Requests that ended near a round time.
    pub piles: BTreeMap<u32, u64>,
    /// All that ended.
    pub all: u64,
    /// From the first wish to send to the last end, in nanoseconds from the beginning of the run.
    pub span_ns: Option<(u64, u64)>,
    /// Latencies of good answers in microseconds, for percentiles: every one up to a limit, then every second and so on.
    latencies_us: Vec<u32>,
    stride: u64,
    /// Latencies over time: count and milliseconds of the good answers that ended in each [`COURSE_STEP`].
    pub course: BTreeMap<u64, (u64, f64)>,
    /// Good answers by class of latency: see [`class_end_ms`].
    pub classes: BTreeMap<i32, u64>,
    /// Where more users than connections wait in line.
    queue: Option<Queue>,
    /// Of a closed loop those are counted that were sent in time, whenever they were wished for: who waits for a
    /// stream or a connection is asked for at the end as at the beginning.
    is_by_sent: bool,
}

/// The step of latency over time.
pub(crate) const COURSE_STEP: Duration = Duration::from_millis(50);

/// Classes of latency in each doubling.
const CLASSES: f64 = 2.0;

fn class(latency_ms: f64) -> i32 {
    (latency_ms.max(1e-3).log2() * CLASSES).ceil() as i32
}

/// The latency that a class ends with.
pub(crate) fn class_end_ms(class: i32) -> f64 {
    (f64::from(class) / CLASSES).exp2()
}

/// Latencies kept for percentiles.
const LATENCIES_MAX: usize = 200_000;

impl Tally {
    /// The latency that this share of good answers does not exceed.
    pub(crate) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        let at = ((sorted.len() as f64 * share).ceil() as usize)
            .saturating_sub(1)
            .min(last);
        Some(f64::from(sorted[at]) / 1e3)
    }

    /// From the first wish to send to the last end.
    pub(crate) fn seconds(&self) -> f64 {
        self.span_ns
            .map_or(0.0, |(first, last)| last.saturating_sub(first) as f64 / 1e9)
    }

    fn of(experiment: &Experiment) -> Tally {
        Tally {
            queue: experiment
                .waiting()
                .map(|waiting| Queue::new(waiting, experiment.clients)),
            is_by_sent: matches!(experiment.drive, Drive::Closed(_)),
            ..Tally::default()
        }
    }

    fn add(&mut self, sample: &Sample, from: u64) {
        // What we have broken off says nothing of the target.
        if sample.outcome == Outcome::Lost(Lost::Cut) {
            return;
        }
        let mut sample = *sample;
        if let Some(queue) = &mut self.queue {
            sample.scheduled_ns = queue.wished(&sample);
        }
        let counted = if self.is_by_sent {
            sample.sent_ns
        } else {
            sample.scheduled_ns
        };
        if counted < from {
            return;
        }
        let ms = |from: u64, to: u64| to.saturating_sub(from) as f64 / 1e6;
        let latency = ms(sample.scheduled_ns, sample.done_ns);
        self.all += 1;
        let (first, last) = self.span_ns.unwrap_or((sample.scheduled_ns, sample.done_ns));
        self.span_ns = Some((first.min(sample.scheduled_ns), last.max(sample.done_ns)));
        let of_status = self.statuses.entry(sample.status).or_default();
        of_status.0 += 1;
        of_status.1 += ms(sample.sent_ns, sample.done_ns);
        let service = ms(sample.sent_ns, sample.done_ns);
        for round in ROUND_MS {
            if (service / f64::from(round) - 1.0).abs() <= PILE {
                *self.piles.entry(round).or_default() += 1;
            }
        }
        match sample.outcome {
            Outcome::Ok => {
                self.ok += 1;
                self.latency_ms += latency;
                let step = self
                    .course
                    .entry(sample.done_ns / COURSE_STEP.as_nanos() as u64)
                    .or_default();
                *step = (step.0 + 1, step.1 + latency);
                self.wait_ms += ms(sample.scheduled_ns, sample.sent_ns);
                self.first_byte_ms += ms(sample.sent_ns, sample.first_byte_ns);
                self.transfer_ms += ms(sample.first_byte_ns, sample.done_ns);
                self.body_bytes += sample.body_bytes;
                self.keep(latency);
            }
            Outcome::HttpError | Outcome::FailedCheck | Outcome::Lost(_) => {
                self.failed += 1;
                self.failed_ms += latency;
            }
        }
    }

    fn keep(&mut self, latency_ms: f64) {
        *self.classes.entry(class(latency_ms)).or_default() += 1;
        self.stride = self.stride.max(1);
        if self.ok.is_multiple_of(self.stride) {
            self.latencies_us
                .push((latency_ms * 1e3).clamp(0.0, f64::from(u32::MAX)) as u32);
        }
        if self.latencies_us.len() >= LATENCIES_MAX {
            let mut at = 0;
            self.latencies_us.retain(|_| {
                at += 1;
                at % 2 == 0
            });
            self.stride *= 2;
        }
    }
}

impl Experiment {
    /// Users that have no connection at a time.
    pub(crate) fn waiting(&self) -> Option<u32> {
        self.users
            .map(|users| users.saturating_sub(self.clients.saturating_mul(self.streams)))
            .filter(|waiting| *waiting > 0)
    }

    /// Most requests that are wished for at once.
    pub(crate) fn in_flight_max(&self) -> u32 {
        self.clients
            .saturating_mul(self.streams)
            .max(self.users.unwrap_or(0))
    }

    /// Whether it asks for no more than is allowed. What a closed loop brings is only known when it runs.
    pub(crate) fn is_within(&self, bounds: &Bounds) -> bool {
        let most = match self.drive {
            Drive::Closed(_) => 0.0,
            // It sends at once what a second may have at most.
            Drive::Burst(requests) => requests as f64,
            Drive::Rate(rate, _) => rate,
        };
        self.clients > 0
            && self.streams > 0
            && self.in_flight_max() <= bounds.concurrency_max
            && most <= bounds.rate_max
    }

    /// Requests that were wished for and are not answered.
    fn concurrency(&self, glance: &load::watch::Glance) -> f64 {
        match (self.drive, self.protocol) {
            // Those that wait for a stream are not under way, and count all the same.
            (Drive::Closed(_), Protocol::Http2) => f64::from(self.clients.saturating_mul(self.streams)),
            (Drive::Closed(_), Protocol::Http1 | Protocol::Auto) => {
                glance.in_flight as f64 + self.waiting().map_or(0.0, f64::from)
            }
            (Drive::Rate(..) | Drive::Burst(_), _) => glance.in_flight as f64,
        }
    }
}

/// Runs one round.
pub(crate) fn run(
    experiment: &Experiment,
    scenario: &Scenario,
    config: &Config,
    watchers: &mut [Watcher],
    epoch: Instant,
    interrupt: &Watch,
) -> Result<Outcomes, Error> {
    let (arrivals, mut ending, warm_up, span) = drive(experiment.drive)?;
    let is_in_line = matches!(experiment.drive, Drive::Closed(_))
        && (experiment.protocol == Protocol::Http2 || experiment.waiting().is_some());
    if is_in_line {
        // The generator would forget those that were wished for in the warm-up and sent after it.
        ending = Ending::within(warm_up + span, Duration::ZERO).map_err(Error::Load)?;
    }
    let (sender, receiver) = sync_channel(CHUNKS_MAX);
    let mut load = config.load.clone();
    load.threads = 1;
    load.clients = experiment.clients;
    load.streams = experiment.streams;
    load.protocol = experiment.protocol;
    load.samples = Some(sender);
    if let Some(window) = experiment.window {
        load.windows.stream = window;
    }
    let watch = Watch::new();
    let is_burst = warm_up.is_zero();
    let mut start = epoch.elapsed();
    let mut stopped = None;
    let mut in_flight = Vec::new();
    let mut windows = BTreeMap::new();
    if is_burst {
        begin(watchers);
        start = epoch.elapsed();
    }
    let load_start = epoch.elapsed();
    let drained = config.bounds.budget.max(load_start + warm_up + span + DRAIN_MIN);
    let (summary, tally) = thread::scope(|scope| {
        let tally = Tally::of(experiment);
        let counted = scope.spawn(move || count(tally, &receiver, warm_up.as_nanos() as u64));
        let (arrivals, ending, watch) = (&arrivals, &ending, &watch);
        let began = Instant::now();
        let running = scope.spawn(move || load::run::run(scenario, arrivals, ending, &load, watch));
        let mut has_begun = is_burst;
        let mut has_ended = false;
        let mut before = (Instant::now(), 0);
        let mut progress = (Instant::now(), 0);
        while !running.is_finished() {
            if !has_begun && began.elapsed() >= warm_up {
                begin(watchers);
                start = epoch.elapsed();
                has_begun = true;
            }
            if has_begun && !has_ended && !is_burst && began.elapsed() >= warm_up + span {
                windows = end(watchers);
                has_ended = true;
            }
            let glance = watch.glance();
            if has_begun && !has_ended {
                in_flight.push([
                    epoch.elapsed().as_secs_f64() * 1e3,
                    experiment.concurrency(&glance),
                ]);
            }
            if stopped.is_none() {
                stopped = breach(&glance, &mut before, &config.bounds);
                let all = glance.ok + glance.failed;
                if all != progress.1 || glance.in_flight > 0 {
                    progress = (Instant::now(), all);
                } else if progress.0.elapsed() >= SILENCE_MAX {
                    // The generator waits for a server that was there; we do not, and find out whether it is dead.
                    stopped = Some(Stop::Silence);
                }
                if epoch.elapsed() > drained {
                    stopped = Some(Stop::Late);
                }
                if interrupt.is_stopped() {
                    stopped = Some(Stop::User);
                }
                if stopped.is_some() {
                    watch.stop();
                }
            }
            thread::sleep(LOOK.min(warm_up.max(Duration::from_millis(5))));
        }
        if !has_begun {
            begin(watchers);
        }
        if !has_ended {
            windows = end(watchers);
        }
        (joined(running), joined(counted))
    });
    let seconds = if is_burst {
        tally.seconds()
    } else {
        // Those that were begun within the span are counted, whenever they ended.
        let last = tally.span_ns.map_or(0, |(_, last)| last);
        Duration::from_nanos(last)
            .saturating_sub(warm_up)
            .min(span)
            .as_secs_f64()
    };
    Ok(Outcomes {
        summary: summary.map_err(Error::Load)?,
        tally,
        seconds,
        counted_share: if is_in_line && !span.is_zero() {
            span.as_secs_f64() / (warm_up + span).as_secs_f64()
        } else {
            1.0
        },
        windows,
        start,
        load_start,
        stopped,
        in_flight,
    })
}

/// Whether a bound is broken.
fn breach(glance: &load::watch::Glance, before: &mut (Instant, u64), bounds: &Bounds) -> Option<Stop> {
    let all = glance.ok + glance.failed;
    if all >= JUDGED_MIN && glance.failed as f64 > all as f64 * bounds.errors_max {
        return Some(Stop::Errors);
    }
    let elapsed = before.0.elapsed();
    if elapsed >= Duration::from_millis(500) {
        let rate = (all - before.1) as f64 / elapsed.as_secs_f64();
        *before = (Instant::now(), all);
        if rate > bounds.rate_max * 1.1 {
            return Some(Stop::Rate);
        }
    }
    None
}

fn drive(drive: Drive) -> Result<(Arrivals, Ending, Duration, Duration), Error> {
    let warm_up = |span: Duration| (span / 3).min(Duration::from_secs(1));
    Ok(match drive {
        Drive::Closed(span) => {
            let warm_up = warm_up(span);
            let ending = Ending::within(span - warm_up, warm_up).map_err(Error::Load)?;
            (Arrivals::Closed, ending, warm_up, span - warm_up)
        }
        Drive::Burst(requests) => {
            let ending = Ending::after(requests).map_err(Error::Load)?;
            (Arrivals::at_once(), ending, Duration::ZERO, Duration::ZERO)
        }
        Drive::Rate(rate, span) => {
            let warm_up = warm_up(span);
            let ending = Ending::within(span - warm_up, warm_up).map_err(Error::Load)?;
            (
                Arrivals::rate(rate).map_err(Error::Load)?,
                ending,
                warm_up,
                span - warm_up,
            )
        }
    })
}

fn begin(watchers: &mut [Watcher]) {
    for watcher in watchers {
        watcher.begin();
    }
}

fn end(watchers: &mut [Watcher]) -> BTreeMap<String, Window> {
    watchers
        .iter_mut()
        .map(|watcher| (watcher.name.clone(), watcher.end()))
        .collect()
}

fn count(mut tally: Tally, samples: &Receiver<Vec<Sample>>, from: u64) -> Tally {
    for chunk in samples {
        for sample in &chunk {
            tally.add(sample, from);
        }
    }
    tally
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(value) => value,
        // A bug of ours: nothing that it counted can be believed.
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
