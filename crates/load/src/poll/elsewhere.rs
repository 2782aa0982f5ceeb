//! Where there is no epoll, nothing runs, and the reason is said.

use std::{io, os::fd::AsFd, time::Duration};

use super::{Happened, Interest};

#[derive(Debug)]
pub(crate) struct Poll {
    never: std::convert::Infallible,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Poll> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the load loop is made of epoll, which only Linux has; run `sidequest load` in a Linux container",
        ))
    }

    pub(crate) fn add(&self, _: impl AsFd, _: u64, _: Interest) -> io::Result<()> {
        match self.never {}
    }

    pub(crate) fn modify(&self, _: impl AsFd, _: u64, _: Interest) -> io::Result<()> {
        match self.never {}
    }

    pub(crate) fn wait(&mut self, _: Duration, _: bool) -> io::Result<usize> {
        match self.never {}
    }

    pub(crate) fn happened(&self, _: usize) -> Option<Happened> {
        match self.never {}
    }
}
