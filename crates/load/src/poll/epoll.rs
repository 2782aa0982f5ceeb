//! The wait, made of epoll and a timer that is finer than its milliseconds.

use std::{io, os::fd::OwnedFd, time::Duration};

use rustix::{
    event::{Timespec, epoll},
    fd::AsFd,
    io::Errno,
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime},
};

use super::{Happened, Interest};

/// Events taken at once; more are taken the next time.
const EVENTS_MAX: usize = 1_024;

/// The token of the timer; sockets have smaller ones.
const TIMER: u64 = u64::MAX;

/// What a timer is set to that is not to ring.
const NEVER: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

pub(crate) struct Poll {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// Whether the timer was set: once it has rung, it rings at every wait until it is set anew.
    is_armed: bool,
    events: Vec<epoll::Event>,
}

impl Poll {
    pub(crate) fn new() -> io::Result<Poll> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        epoll::add(
            &epoll,
            &timer,
            epoll::EventData::new_u64(TIMER),
            epoll::EventFlags::IN,
        )?;
        Ok(Poll {
            epoll,
            timer,
            is_armed: false,
            events: Vec::with_capacity(EVENTS_MAX),
        })
    }

    pub(crate) fn add(&self, socket: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            socket,
            epoll::EventData::new_u64(token),
            flags(interest),
        )?)
    }

    pub(crate) fn modify(&self, socket: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            socket,
            epoll::EventData::new_u64(token),
            flags(interest),
        )?)
    }

    /// Waits until something happens, at most until the time is over. Epoll rounds up to a millisecond, so a
    /// precise end takes the timer, at the price of a system call.
    pub(crate) fn wait(&mut self, at_most: Duration, precise: bool) -> io::Result<usize> {
        let timeout = Timespec {
            tv_sec: at_most.as_secs() as i64,
            tv_nsec: i64::from(at_most.subsec_nanos()),
        };
        if precise && !at_most.is_zero() {
            // Setting it also forgets that it has rung before.
            self.set_timer(timeout)?;
        } else if self.is_armed {
            self.set_timer(NEVER)?;
        }
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.events),
            Some(&timeout),
        ) {
            Ok(_) | Err(Errno::INTR) => Ok(self.events.len()),
            Err(error) => Err(error.into()),
        }
    }

    fn set_timer(&mut self, to: Timespec) -> io::Result<()> {
        timerfd_settime(
            &self.timer,
            TimerfdTimerFlags::empty(),
            &Itimerspec {
                it_interval: NEVER,
                it_value: to,
            },
        )?;
        self.is_armed = to != NEVER;
        Ok(())
    }

    /// What happened to the socket of one of the events; none for the timer.
    pub(crate) fn happened(&self, at: usize) -> Option<Happened> {
        use epoll::EventFlags as Flags;
        let event = self.events[at];
        let (flags, data) = (event.flags, event.data);
        let token = data.u64();
        // An error or the end is found by reading.
        (token != TIMER).then(|| Happened {
            token,
            readable: flags.intersects(Flags::IN | Flags::ERR | Flags::HUP | Flags::RDHUP),
            writable: flags.intersects(Flags::OUT | Flags::ERR | Flags::HUP),
        })
    }
}

fn flags(interest: Interest) -> epoll::EventFlags {
    match interest {
        Interest::Read => epoll::EventFlags::IN,
        Interest::ReadAndWrite => epoll::EventFlags::IN | epoll::EventFlags::OUT,
    }
}
