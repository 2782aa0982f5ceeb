//! What comes next on one thread: its clients' share of all numbers, and the times they are meant for.

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::{
    arrivals::{Arrivals, Schedule},
    ending::Ending,
};

/// One thread's share: numbers go around all clients, and these are its own clients'.
///
/// Its clients take them as they come, so that a slow one does not keep back another's.
#[derive(Debug)]
pub(crate) struct Source {
    clients: Clients,
    /// The next number, taken apart so that nothing is divided for it: where its turn around all clients begins, and
    /// whose it is within that.
    turn: u64,
    client: u64,
    taken: u64,
    /// How many of the first are of the warm-up, where a schedule says so.
    warm_up: u64,
    /// None in a closed loop that only time ends.
    share: Option<u64>,
    schedule: Option<Schedule>,
    end: Option<u64>,
    /// When the next one is due, so that the schedule is asked once for each.
    next_at: Option<u64>,
    stopped: bool,
}

/// A thread's clients among all.
#[derive(Clone, Copy, Debug)]
struct Clients {
    first: u64,
    end: u64,
    all: u64,
}

impl Clients {
    /// How many of the first `total` numbers are theirs.
    fn share(self, total: u64) -> u64 {
        let of_the_last_turn = (total % self.all).clamp(self.first, self.end) - self.first;
        total / self.all * (self.end - self.first) + of_the_last_turn
    }
}

impl Source {
    /// For these of so many clients.
    pub(crate) fn new(arrivals: &Arrivals, ending: &Ending, clients: Range<u32>, all: u32) -> Source {
        let clients = Clients {
            first: clients.start.into(),
            end: clients.end.into(),
            all: all.into(),
        };
        let schedule = match arrivals {
            Arrivals::Closed => None,
            Arrivals::Open(schedule) => Some(schedule.clone()),
        };
        let total = total(schedule.as_ref(), ending);
        let share = total.map(|total| clients.share(total));
        let warm_up = match &schedule {
            Some(schedule) if ending.warm_up_ns() > 0 => {
                clients.share(schedule.count_before(ending.warm_up_ns()))
            }
            Some(_) | None => 0,
        };
        let mut source = Source {
            clients,
            turn: 0,
            client: clients.first,
            taken: 0,
            warm_up,
            share,
            schedule,
            end: ending.end_ns(),
            next_at: None,
            stopped: false,
        };
        source.look_ahead();
        source
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
        let (index, at) = (self.index(), self.next_at);
        self.taken += 1;
        self.client += 1;
        if self.client == self.clients.end {
            self.client = self.clients.first;
            self.turn += self.clients.all;
        }
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

    /// How many were asked for and never taken; the warm-up asks for nothing that counts. Where the run was stopped,
    /// those that were not due are not asked for.
    pub(crate) fn unsent(&self, now: u64) -> u64 {
        let Some(mut share) = self.share else { return 0 };
        if let Some(schedule) = self.schedule.as_ref().filter(|_| self.stopped) {
            share = share.min(self.clients.share(schedule.count_before(now.saturating_add(1))));
        }
        share.saturating_sub(self.taken.max(self.warm_up))
    }

    fn index(&self) -> u64 {
        self.turn + self.client
    }

    fn look_ahead(&mut self) {
        let is_left = self.share.is_none_or(|share| self.taken < share);
        self.next_at = match &self.schedule {
            Some(schedule) if is_left && !self.stopped => schedule.at(self.index()),
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
