//! What is kept of requests that are over: counts and histograms, whose size does not depend on their number.

use std::{cmp::Reverse, collections::BinaryHeap, sync::mpsc::SyncSender};

use hdrhistogram::Histogram;

use crate::{
    outcome::{Lost, Outcome, Resent},
    sample::Sample,
    watch::{Tally, class},
};

/// Times are told apart to three digits, from 0.1 µs to a day.
const LOWEST_NS: u64 = 100;
const HIGHEST_NS: u64 = 24 * 3_600_000_000_000;
const DIGITS: u8 = 3;

/// Samples handed over at once.
const CHUNK: usize = 4_096;

/// Kinds of requests of which each has times of its own: 256 kB on each thread.
const TIMED_MAX: usize = 64;

/// Statuses counted one by one: 0 to 999.
const STATUSES: usize = 1_000;

/// Times: their distribution, and the exact mean and deviation.
#[derive(Clone, Debug)]
pub struct Times {
    histogram: Histogram<u64>,
    count: u64,
    min: u64,
    max: u64,
    sum: f64,
    squares: f64,
    /// Within one standard deviation is counted from the histogram.
    shift: f64,
}

/// Everything that one thread keeps.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) response: Times,
    pub(crate) service: Times,
    pub(crate) first_byte: Times,
    pub(crate) slot_wait: Times,
    pub(crate) send_lag: Times,
    pub(crate) statuses: Box<[u64; STATUSES]>,
    pub(crate) ok: u64,
    pub(crate) http_errors: u64,
    pub(crate) failed_checks: u64,
    pub(crate) lost: [u64; Lost::ALL.len()],
    pub(crate) resent: [u64; Resent::ALL.len()],
    pub(crate) body_bytes: u64,
    /// By request of the scenario: answered well, and not.
    pub(crate) by_request: Vec<ByRequest>,
    pub(crate) tally: Tally,
    pub(crate) first_scheduled: u64,
    pub(crate) last_done: u64,
    pub(crate) last_answered: u64,
    slowest: BinaryHeap<Reverse<Slow>>,
    slowest_max: usize,
    warm_up: u64,
    pub(crate) warm_up_requests: u64,
    samples: Option<SyncSender<Vec<Sample>>>,
    chunk: Vec<Sample>,
    pub(crate) stalled_by_samples: bool,
}

/// What became of one kind of request.
#[derive(Clone, Debug)]
pub(crate) struct ByRequest {
    pub(crate) ok: u64,
    pub(crate) other: u64,
    pub(crate) body_bytes: u64,
    /// Kept only where there are several, and not too many.
    pub(crate) response: Option<Times>,
}

/// One of the slowest requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slow {
    pub(crate) response: u64,
    pub(crate) service: u64,
    pub(crate) index: u64,
    pub(crate) status: u16,
    pub(crate) connection: u32,
}

impl Times {
    pub(crate) fn new() -> Times {
        Times {
            histogram: Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS)
                .expect("the bounds are constants that a test has made a histogram of"),
            count: 0,
            min: u64::MAX,
            max: 0,
            sum: 0.0,
            squares: 0.0,
            shift: 0.0,
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, ns: u64) {
        self.histogram.saturating_record(ns);
        let value = ns as f64;
        if self.count == 0 {
            // Squares of differences from something near the mean do not cancel.
            self.shift = value;
        }
        let difference = value - self.shift;
        self.count += 1;
        self.sum += difference;
        self.squares += difference * difference;
        self.min = self.min.min(ns);
        self.max = self.max.max(ns);
    }

    pub(crate) fn add(&mut self, other: &Times) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            self.shift = other.shift;
        }
        self.histogram
            .add(&other.histogram)
            .expect("all histograms have the same bounds");
        // The other's differences, seen from our shift.
        let count = other.count as f64;
        let move_by = other.shift - self.shift;
        self.squares += other.squares + 2.0 * move_by * other.sum + count * move_by * move_by;
        self.sum += other.sum + count * move_by;
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest, or 0.
    pub fn min_ns(&self) -> u64 {
        if self.count == 0 { 0 } else { self.min }
    }

    /// The largest, or 0.
    pub fn max_ns(&self) -> u64 {
        self.max
    }

    /// The mean, or 0.
    pub fn mean_ns(&self) -> f64 {
        if self.count == 0 {
            0.0
        } else {
            self.shift + self.sum / self.count as f64
        }
    }

    /// The standard deviation of a sample, or 0.
    pub fn deviation_ns(&self) -> f64 {
        if self.count < 2 {
            return 0.0;
        }
        let count = self.count as f64;
        ((self.squares - self.sum * self.sum / count) / (count - 1.0))
            .max(0.0)
            .sqrt()
    }

    /// The share within one standard deviation of the mean.
    pub fn within_deviation(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        let (mean, deviation) = (self.mean_ns(), self.deviation_ns());
        let low = (mean - deviation).max(0.0) as u64;
        let high = (mean + deviation) as u64;
        self.histogram.count_between(low, high) as f64 / self.count as f64
    }

    /// The time that this share of all does not exceed: 0.99 for p99. Never more than the largest.
    pub fn quantile_ns(&self, share: f64) -> u64 {
        self.histogram.value_at_quantile(share).min(self.max)
    }

    /// The distribution.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }
}

impl Recorder {
    pub(crate) fn new(
        requests: usize,
        slowest_max: usize,
        warm_up: u64,
        samples: Option<SyncSender<Vec<Sample>>>,
    ) -> Recorder {
        let one = ByRequest {
            ok: 0,
            other: 0,
            body_bytes: 0,
            response: (2..=TIMED_MAX).contains(&requests).then(Times::new),
        };
        Recorder {
            response: Times::new(),
            service: Times::new(),
            first_byte: Times::new(),
            slot_wait: Times::new(),
            send_lag: Times::new(),
            statuses: Box::new([0; STATUSES]),
            ok: 0,
            http_errors: 0,
            failed_checks: 0,
            lost: [0; Lost::ALL.len()],
            resent: [0; Resent::ALL.len()],
            body_bytes: 0,
            by_request: vec![one; requests],
            tally: Tally::default(),
            first_scheduled: u64::MAX,
            last_done: 0,
            last_answered: 0,
            slowest: BinaryHeap::with_capacity(slowest_max + 1),
            slowest_max,
            warm_up,
            warm_up_requests: 0,
            samples,
            chunk: Vec::new(),
            stalled_by_samples: false,
        }
    }

    /// Whether a request belongs to the warm-up.
    #[inline]
    pub(crate) fn is_warm_up(&self, scheduled: u64) -> bool {
        scheduled < self.warm_up
    }

    /// A request is over.
    #[inline]
    pub(crate) fn record(&mut self, sample: &Sample, request: u16) {
        if self.is_warm_up(sample.scheduled_ns) {
            self.warm_up_requests += 1;
            return;
        }
        let response = sample.done_ns.saturating_sub(sample.scheduled_ns);
        let service = sample.done_ns.saturating_sub(sample.sent_ns);
        self.first_scheduled = self.first_scheduled.min(sample.scheduled_ns);
        self.last_done = self.last_done.max(sample.done_ns);
        let by_request = &mut self.by_request[usize::from(request)];
        let answered = match sample.outcome {
            Outcome::Ok => {
                self.ok += 1;
                by_request.ok += 1;
                self.tally.ok += 1;
                true
            }
            Outcome::HttpError => {
                self.http_errors += 1;
                by_request.other += 1;
                self.tally.failed += 1;
                true
            }
            Outcome::FailedCheck => {
                self.failed_checks += 1;
                by_request.other += 1;
                self.tally.failed += 1;
                true
            }
            Outcome::Lost(reason) => {
                self.lost[reason as usize] += 1;
                by_request.other += 1;
                self.tally.failed += 1;
                false
            }
        };
        self.body_bytes += sample.body_bytes;
        by_request.body_bytes += sample.body_bytes;
        // Times are of whole answers; how long the lost ones were waited for is in the log.
        if answered {
            self.last_answered = self.last_answered.max(sample.done_ns);
            self.statuses[usize::from(sample.status) % STATUSES] += 1;
            self.response.record(response);
            self.service.record(service);
            self.first_byte
                .record(sample.first_byte_ns.saturating_sub(sample.sent_ns));
            self.tally.classes[class(response)] += 1;
            if let Some(times) = &mut by_request.response {
                times.record(response);
            }
        }
        self.keep_if_slow(sample, response, service);
        if self.samples.is_some() {
            self.hand_over(*sample);
        }
    }

    /// The slowest, the worst one first.
    pub(crate) fn take_slowest(&mut self) -> Vec<Slow> {
        let mut slowest: Vec<Slow> = self.slowest.drain().map(|Reverse(slow)| slow).collect();
        slowest.sort_unstable_by(|one, other| other.cmp(one));
        slowest
    }

    /// Hands over what is left.
    pub(crate) fn finish(&mut self) {
        self.send_chunk();
        self.samples = None;
    }

    #[inline]
    fn keep_if_slow(&mut self, sample: &Sample, response: u64, service: u64) {
        let is_full = self.slowest.len() >= self.slowest_max;
        if is_full
            && self
                .slowest
                .peek()
                .is_none_or(|Reverse(fastest)| fastest.response >= response)
        {
            return;
        }
        self.slowest.push(Reverse(Slow {
            response,
            service,
            index: sample.index,
            status: sample.status,
            connection: sample.connection,
        }));
        if is_full {
            self.slowest.pop();
        }
    }

    fn hand_over(&mut self, sample: Sample) {
        if self.chunk.capacity() == 0 {
            self.chunk.reserve_exact(CHUNK);
        }
        self.chunk.push(sample);
        if self.chunk.len() == CHUNK {
            self.send_chunk();
        }
    }

    fn send_chunk(&mut self) {
        let Some(samples) = self.samples.as_ref().filter(|_| !self.chunk.is_empty()) else {
            return;
        };
        let chunk = std::mem::take(&mut self.chunk);
        if let Err(error) = samples.try_send(chunk) {
            match error {
                std::sync::mpsc::TrySendError::Full(chunk) => {
                    // Waiting bends the measurement; losing rows of a log that was asked for would be worse.
                    self.stalled_by_samples = true;
                    if samples.send(chunk).is_err() {
                        self.samples = None;
                    }
                }
                std::sync::mpsc::TrySendError::Disconnected(_) => self.samples = None,
            }
        }
    }
}
