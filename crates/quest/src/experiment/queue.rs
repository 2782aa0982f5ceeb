//! Users in line for fewer connections than they are.
//!
//! The generator keeps each connection busy and knows no users beyond them. In a closed loop without a pause the line
//! follows from the answers: a user that is answered wishes again at once and stands at the end, and each connection
//! that becomes free takes the first. So the request that takes it was wished for so many answers ago as users
//! waited. Nothing is assumed but that the line is kept, as HTTP clients keep it.

use std::collections::VecDeque;

use load::sample::Sample;

/// Answers that are remembered beyond those in line, for requests that take much longer than others.
const SLOWER_MAX: usize = 65_536;

/// Who waits, by when others were answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Queue {
    waiting: usize,
    /// Ends of answers, oldest first.
    ends: VecDeque<u64>,
    /// Answers before the oldest that is remembered.
    before: usize,
    most: usize,
}

impl Queue {
    pub(super) fn new(waiting: u32, connections: u32) -> Queue {
        let waiting = waiting as usize;
        Queue {
            waiting,
            ends: VecDeque::new(),
            before: 0,
            most: waiting + connections as usize + SLOWER_MAX,
        }
    }

    /// When the user of this request wished for it. Samples come in the order of their ends.
    pub(super) fn wished(&mut self, sample: &Sample) -> u64 {
        let answered = self.before + self.ends.partition_point(|end| *end <= sample.scheduled_ns);
        let wished = match answered.checked_sub(self.waiting) {
            // Everybody wished at the beginning.
            None | Some(0) => 0,
            Some(place) => {
                let at = place.saturating_sub(self.before + 1);
                self.ends.get(at).copied().unwrap_or(0)
            }
        };
        self.ends.push_back(sample.done_ns);
        if self.ends.len() > self.most {
            self.ends.pop_front();
            self.before += 1;
        }
        wished.min(sample.scheduled_ns)
    }
}
