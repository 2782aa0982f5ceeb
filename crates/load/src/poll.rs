//! Waiting for sockets and for the next moment: level-triggered, and nothing to tell the kernel in the steady state.
//!
//! The loop is made of Linux's epoll. Elsewhere a run ends before it begins, with an error that says so.

#[cfg(target_os = "linux")]
#[path = "poll/epoll.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "poll/elsewhere.rs"]
mod system;

pub(crate) use system::Poll;

/// What a socket is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    ReadAndWrite,
}

/// What happened to a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happened {
    pub(crate) token: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}
