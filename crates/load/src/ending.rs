//! When a run is over: after a number of requests, after a time, or at the first failure.

use std::time::Duration;

use crate::error::Error;

/// When no more requests are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    requests: Option<u64>,
    span: Option<Duration>,
    warm_up: Duration,
    at_failure: bool,
}

impl Ending {
    /// After this many requests.
    pub fn after(requests: u64) -> Result<Ending, Error> {
        if requests == 0 {
            return Err(Error::Config {
                what: "0 requests: give at least one".to_owned(),
            });
        }
        Ok(Ending {
            requests: Some(requests),
            span: None,
            warm_up: Duration::ZERO,
            at_failure: false,
        })
    }

    /// After this time, whose requests are all waited for. What is asked for in the warm-up before it is not counted.
    pub fn within(span: Duration, warm_up: Duration) -> Result<Ending, Error> {
        if span.is_zero() {
            return Err(Error::Config {
                what: "a duration of 0: give more".to_owned(),
            });
        }
        Ok(Ending {
            requests: None,
            span: Some(span),
            warm_up,
            at_failure: false,
        })
    }

    /// And at most this many requests.
    #[must_use]
    pub fn and_after(mut self, requests: u64) -> Ending {
        self.requests = Some(requests);
        self
    }

    /// And as soon as a request fails.
    #[must_use]
    pub fn and_at_failure(mut self) -> Ending {
        self.at_failure = true;
        self
    }

    /// Requests at most.
    pub fn requests(&self) -> Option<u64> {
        self.requests
    }

    /// Time after the warm-up at most.
    pub fn span(&self) -> Option<Duration> {
        self.span
    }

    /// What is not counted at the beginning.
    pub fn warm_up(&self) -> Duration {
        self.warm_up
    }

    /// Whether the first failure ends it.
    pub fn is_at_failure(&self) -> bool {
        self.at_failure
    }

    /// When no more requests are started, in nanoseconds from the beginning.
    pub(crate) fn end_ns(&self) -> Option<u64> {
        self.span.map(|span| (self.warm_up + span).as_nanos() as u64)
    }

    pub(crate) fn warm_up_ns(&self) -> u64 {
        self.warm_up.as_nanos() as u64
    }
}
