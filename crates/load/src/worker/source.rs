//! What comes next on one thread: its share of all numbers, and the times they are meant for.

use crate::{
    arrivals::{Arrivals, Schedule},
    ending::Ending,
};

/// One thread's share: every n-th number.
#[derive(Debug)]
pub(crate) struct Source {
    thread: u64,
    threads: u64,
    taken: u64,
    /// None in a closed loop that only time ends.
    share: Option<u64>,
    schedule: Option<Schedule>,
    end: Option<u64>,
    /// When the next one is due, so that the schedule is asked once for each.
    next_at: Option<u64>,
    stopped: bool,
}

impl Source {
    pub(crate) fn new(arrivals: &Arrivals, ending: &Ending, thread: usize, threads: usize) -> Source {
        let (thread, threads) = (thread as u64, threads as u64);
        let schedule = match arrivals {
            Arrivals::Closed => None,
            Arrivals::Open(schedule) => Some(schedule.clone()),
        };
        let total = total(schedule.as_ref(), ending);
        let share = total.map(|total| total / threads + u64::from(thread < total % threads));
        let mut source = Source {
            thread,
            threads,
            taken: 0,
            share,
            schedule,
            end: ending.end_ns(),
            next_at: None,
            stopped: false,
        };
        source.look_ahead();
        source
    }

    pub(crate) fn thread(&self) -> u64 {
        self.thread
    }

    pub(crate) fn is_open_loop(&self) -> bool {
        self.schedule.is_some()
    }

    /// When the next scheduled request is due; none in a closed loop, and after the last.
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.next_at
    }

    /// Whether a request may start now.
    pub(crate) fn has(&self, now: u64) -> bool {
        match self.next_at {
            Some(at) => at <= now,
            None => self.schedule.is_none() && !self.is_over(now),
        }
    }

    /// Whether none will start any more.
    pub(crate) fn is_over(&self, now: u64) -> bool {
        self.stopped
            || self.share.is_some_and(|share| self.taken >= share)
            // A schedule's last requests are sent although they are late: their users came in time.
            || (self.schedule.is_none() && self.end.is_some_and(|end| now >= end))
    }

    /// Takes the next: its number, and when it was scheduled, if it was.
    pub(crate) fn take(&mut self) -> (u64, Option<u64>) {
        let index = self.thread + self.taken * self.threads;
        let at = self.next_at;
        self.taken += 1;
        self.look_ahead();
        (index, at)
    }

    /// No more, for whatever reason.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
        self.next_at = None;
    }

    /// Requests that are later than their answers may be are not sent any more: a server that falls behind would
    /// keep a run of ten seconds for hours.
    pub(crate) fn give_up(&mut self, now: u64, late_max: u64) {
        if self.schedule.is_some() && self.end.is_some_and(|end| now > end.saturating_add(late_max)) {
            self.stop();
        }
    }

    /// The run is over; a stopped one asks for no more than was due.
    pub(crate) fn stop_keeping_share(&mut self, was_cut: bool) {
        self.stopped |= was_cut;
    }

    /// How many were asked for and never taken. Where the run was stopped, those that were not due are not asked for.
    pub(crate) fn unsent(&self, now: u64) -> u64 {
        let Some(share) = self.share else { return 0 };
        let mut left = share - self.taken.min(share);
        if let Some(schedule) = self.schedule.as_ref().filter(|_| self.stopped) {
            let due = schedule.count_before(now.saturating_add(1)).min(u64::MAX - 1);
            let due = due / self.threads + u64::from(self.thread < due % self.threads);
            left = left.min(due.saturating_sub(self.taken));
        }
        left
    }

    fn look_ahead(&mut self) {
        let is_left = self.share.is_none_or(|share| self.taken < share);
        self.next_at = match &self.schedule {
            Some(schedule) if is_left && !self.stopped => {
                schedule.at(self.thread + self.taken * self.threads)
            }
            Some(_) | None => None,
        };
    }
}

/// How many requests all threads have together, where that is known before.
pub(crate) fn total(schedule: Option<&Schedule>, ending: &Ending) -> Option<u64> {
    let by_schedule = schedule.and_then(|schedule| match (ending.end_ns(), schedule.span()) {
        (Some(end), _) => Some(schedule.count_before(end)),
        (None, Some(_)) => Some(schedule.count_before(u64::MAX)),
        (None, None) => None,
    });
    let by_schedule = by_schedule.filter(|count| *count < u64::MAX);
    match (by_schedule, ending.requests()) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
