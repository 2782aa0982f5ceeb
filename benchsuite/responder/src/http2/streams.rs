//! The streams that are not answered at once: those whose body is to come, and those whose answer waits for a window.

use std::collections::VecDeque;

use crate::answer::Choice;

/// A stream whose answer is under way.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) stream: u32,
    pub(crate) choice: Choice,
    pub(crate) sent: usize,
    pub(crate) window: i64,
}

/// All of them. There are at most a thousand, mostly none: a walk is cheaper than a map.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    receiving: Vec<(u32, Choice)>,
    sending: VecDeque<Sending>,
}

impl Streams {
    pub(crate) fn is_empty(&self) -> bool {
        self.receiving.is_empty() && self.sending.is_empty()
    }

    pub(crate) fn awaits_body(&mut self, stream: u32, choice: Choice) {
        self.receiving.push((stream, choice));
    }

    /// What the stream asked for, if its body was still to come.
    pub(crate) fn body_ended(&mut self, stream: u32) -> Option<Choice> {
        let at = self.receiving.iter().position(|(id, _)| *id == stream)?;
        Some(self.receiving.swap_remove(at).1)
    }

    pub(crate) fn send(&mut self, sending: Sending) {
        self.sending.push_back(sending);
    }

    pub(crate) fn remove(&mut self, stream: u32) {
        self.receiving.retain(|(id, _)| *id != stream);
        self.sending.retain(|sending| sending.stream != stream);
    }

    pub(crate) fn widen(&mut self, stream: u32, more: i64) {
        if let Some(sending) = self.sending.iter_mut().find(|sending| sending.stream == stream) {
            sending.window += more;
        }
    }

    /// The peer changed the window of all streams.
    pub(crate) fn shift(&mut self, by: i64) {
        for sending in &mut self.sending {
            sending.window += by;
        }
    }

    /// Calls with each, the oldest first; those for which it says that all was sent are gone.
    pub(crate) fn each_sending(&mut self, mut send: impl FnMut(&mut Sending) -> bool) {
        while let Some(oldest) = self.sending.front_mut() {
            if !send(oldest) {
                break;
            }
            self.sending.pop_front();
        }
        // The oldest waits for its own window: the others need not.
        if self.sending.len() > 1 {
            self.sending.retain_mut(|sending| !send(sending));
        }
    }
}
