//! When requests are meant to start: a closed loop, or a schedule that does not wait for answers.
//!
//! One value for the one loop. A schedule is absolute: the n-th request has its time from the beginning, whatever
//! became of those before it, so a server that stalls cannot slow down the users it is measured with.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::error::Error;

/// Nanoseconds of a second.
const SECOND: f64 = 1e9;

/// Requests a second at most, over all connections.
pub const RATE_MAX: f64 = 1e8;

/// When requests start.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// Every stream of every connection asks again as soon as it is answered.
    Closed,
    /// At times that were fixed before.
    Open(Schedule),
}

/// One part of a schedule, as it is declared: from the rate before it to its own, over a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Requests a second at its end.
    pub per_second: f64,
    /// How long it takes; zero for a jump.
    pub over: Duration,
}

/// Times of all requests, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    segments: Vec<Segment>,
}

/// A time in which the rate changes by a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    /// Nanoseconds from the beginning of the run.
    from_ns: f64,
    /// Infinite for the last one of a constant rate.
    span_ns: f64,
    /// Requests a nanosecond at both ends.
    rate_from: f64,
    rate_to: f64,
    /// Requests before this segment.
    before: f64,
}

impl Arrivals {
    /// Requests a second, for as long as the run lasts.
    pub fn rate(per_second: f64) -> Result<Arrivals, Error> {
        checked(per_second)?;
        if per_second == 0.0 {
            return Err(refused(per_second));
        }
        Ok(Arrivals::Open(Schedule {
            segments: vec![Segment {
                from_ns: 0.0,
                span_ns: f64::INFINITY,
                rate_from: per_second / SECOND,
                rate_to: per_second / SECOND,
                before: 0.0,
            }],
        }))
    }

    /// From one rate to another by a straight line.
    pub fn ramp(from: f64, to: f64, over: Duration) -> Result<Arrivals, Error> {
        Arrivals::stages(from, &[Stage { per_second: to, over }])
    }

    /// One line after the other.
    pub fn stages(from: f64, stages: &[Stage]) -> Result<Arrivals, Error> {
        checked(from)?;
        let mut segments = Vec::with_capacity(stages.len());
        let (mut from_ns, mut rate_from, mut before) = (0.0, from / SECOND, 0.0);
        for stage in stages {
            checked(stage.per_second)?;
            let segment = Segment {
                from_ns,
                span_ns: stage.over.as_nanos() as f64,
                rate_from,
                rate_to: stage.per_second / SECOND,
                before,
            };
            from_ns += segment.span_ns;
            before += segment.count();
            rate_from = segment.rate_to;
            if segment.span_ns > 0.0 {
                segments.push(segment);
            }
        }
        if before < 1.0 {
            return Err(Error::Config {
                what: "stages that ask for a request: theirs are empty".to_owned(),
            });
        }
        Ok(Arrivals::Open(Schedule { segments }))
    }

    /// All at the beginning, as a page asks for its parts.
    pub fn at_once() -> Arrivals {
        Arrivals::Open(Schedule { segments: Vec::new() })
    }
}

impl Schedule {
    /// Whether all start together.
    pub(crate) fn is_at_once(&self) -> bool {
        self.segments.is_empty()
    }

    /// When the request of this number starts, in nanoseconds; none after the last stage.
    pub fn at(&self, index: u64) -> Option<u64> {
        if self.segments.is_empty() {
            return Some(0);
        }
        let index = index as f64;
        self.segments.iter().find_map(|segment| {
            let within = index - segment.before;
            if within >= segment.count() {
                return None;
            }
            // To the next whole one: cut off, a hair below the end of a second would be within it.
            let ns = segment.when(within).round();
            (ns < segment.span_ns).then_some((segment.from_ns + ns) as u64)
        })
    }

    /// How many start before a time.
    pub fn count_before(&self, end_ns: u64) -> u64 {
        if self.segments.is_empty() {
            return u64::MAX;
        }
        // The formula gives the neighbourhood, `at` decides: both must agree to the last request.
        let end = end_ns as f64;
        let estimate: f64 = self
            .segments
            .iter()
            .map(|segment| segment.count_within(end - segment.from_ns))
            .sum();
        let mut count = estimate.max(0.0) as u64;
        while self.at(count).is_some_and(|at| at < end_ns) {
            count += 1;
        }
        while count > 0 && self.at(count - 1).is_none_or(|at| at >= end_ns) {
            count -= 1;
        }
        count
    }

    /// How long the stages take; none where the rate is for ever.
    pub fn span(&self) -> Option<Duration> {
        let last = self.segments.last()?;
        last.span_ns
            .is_finite()
            .then(|| Duration::from_nanos((last.from_ns + last.span_ns) as u64))
    }
}

impl Segment {
    fn count(&self) -> f64 {
        (self.rate_from + self.rate_to) / 2.0 * self.span_ns
    }

    fn slope(&self) -> f64 {
        if self.span_ns.is_finite() {
            (self.rate_to - self.rate_from) / self.span_ns
        } else {
            0.0
        }
    }

    fn count_within(&self, ns: f64) -> f64 {
        let ns = ns.clamp(0.0, self.span_ns);
        self.rate_from * ns + self.slope() * ns * ns / 2.0
    }

    /// When `count` requests of this segment are due: the positive root of `rate t + slope t²/2 = count`, in the
    /// form that does not cancel.
    fn when(&self, count: f64) -> f64 {
        let root = (self.rate_from * self.rate_from + 2.0 * self.slope() * count)
            .max(0.0)
            .sqrt();
        let below = self.rate_from + root;
        // What the segment before rounded away may be a hair below zero here.
        if below == 0.0 {
            0.0
        } else {
            (2.0 * count / below).max(0.0)
        }
    }
}

fn checked(per_second: f64) -> Result<(), Error> {
    if per_second.is_finite() && (0.0..=RATE_MAX).contains(&per_second) {
        Ok(())
    } else {
        Err(refused(per_second))
    }
}

fn refused(per_second: f64) -> Error {
    Error::Config {
        what: format!("a rate of {per_second} a second: give more than 0 and at most {RATE_MAX}"),
    }
}
