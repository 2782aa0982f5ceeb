//! The routes that a trace works for: one of a request, several of a batch. In place, as every request has them.

use std::ops::Deref;

use super::name::Name;

/// Routes that a batch works for at most.
const ROUTES_MAX: usize = 16;

/// Some routes, each once.
#[derive(Clone, Copy, Debug)]
pub struct Routes {
    names: [Name; ROUTES_MAX],
    count: u8,
}

impl Routes {
    /// One more, if there is room and it is not there.
    pub(super) fn add(&mut self, route: Name) {
        if usize::from(self.count) < ROUTES_MAX && !self.contains(&route) {
            self.names[usize::from(self.count)] = route;
            self.count += 1;
        }
    }
}

impl Default for Routes {
    fn default() -> Routes {
        Routes {
            names: [Name::OTHER; ROUTES_MAX],
            count: 0,
        }
    }
}

impl Deref for Routes {
    type Target = [Name];

    fn deref(&self) -> &[Name] {
        &self.names[..usize::from(self.count)]
    }
}
