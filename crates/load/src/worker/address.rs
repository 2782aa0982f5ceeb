//! Which of a name's addresses is connected to: one after the other until a connection is made, and then no other, so
//! that a run measures one server.

#[cfg(test)]
mod tests;

/// The addresses of a name, by their place in its list.
#[derive(Debug)]
pub(super) struct Addresses {
    count: usize,
    found: Option<usize>,
}

impl Addresses {
    /// There is at least one.
    pub(super) fn new(count: usize) -> Addresses {
        Addresses { count, found: None }
    }

    /// The one for a client, after so many attempts that came to nothing.
    pub(super) fn of(&self, failed: usize) -> usize {
        self.found.unwrap_or(failed % self.count)
    }

    /// A client is connected, after so many attempts.
    pub(super) fn found(&mut self, failed: usize) {
        self.found = Some(self.of(failed));
    }

    /// How many there are to choose from.
    pub(super) fn choice(&self) -> usize {
        if self.found.is_some() { 1 } else { self.count }
    }
}
