//! One connection: reads, finds out which protocol it speaks, writes, closes without a reset.

use std::{
    io::{self, Read as _},
    net::{Shutdown, TcpStream},
};

use rustix::event::epoll::EventFlags;

use crate::{answer::Answers, http1::Http1, http2, http2::Http2, output::Output};

/// With more than this unsent, we read no more requests.
const UNSENT_MAX: usize = 1 << 20;
/// A request that is not whole after so much is none.
const PARTIAL_MAX: usize = 256 * 1024;

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection<'a> {
    stream: TcpStream,
    answers: &'a Answers,
    requests_max: u64,
    protocol: Protocol,
    /// What came and is not yet whole.
    partial: Vec<u8>,
    output: Output<'a>,
    interest: EventFlags,
    /// All was sent and told; what still comes is thrown away until the peer closes, since closing with unread
    /// bytes would be a reset, which may overtake our last answer.
    lingers: bool,
}

/// What a connection needs next.
#[derive(Debug)]
pub(crate) enum Fate {
    Lives,
    Wants(EventFlags),
    Ended,
}

/// The peer breaks the protocol: there is nothing to answer.
#[derive(Debug)]
pub(crate) struct Violation;

#[derive(Debug)]
enum Protocol {
    /// Too few bytes to know.
    Unknown,
    Http1(Http1),
    Http2(Box<Http2>),
}

impl<'a> Connection<'a> {
    pub(crate) fn new(stream: TcpStream, answers: &'a Answers, requests_max: u64) -> Connection<'a> {
        Connection {
            stream,
            answers,
            requests_max,
            protocol: Protocol::Unknown,
            partial: Vec::new(),
            output: Output::default(),
            interest: EventFlags::IN,
            lingers: false,
        }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Does what the socket is ready for.
    pub(crate) fn go_on(&mut self, ready: EventFlags, buffer: &mut [u8]) -> Fate {
        if ready.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            match self.stream.read(buffer) {
                Ok(0) => return Fate::Ended,
                Ok(_) if self.lingers => return Fate::Lives,
                Ok(read) => {
                    if self.take(&buffer[..read]).is_err() {
                        return Fate::Ended;
                    }
                }
                Err(error) if is_momentary(&error) => {}
                Err(_) => return Fate::Ended,
            }
        }
        match self.write() {
            Ok(blocked) => self.watch(blocked),
            Err(_) => Fate::Ended,
        }
    }

    fn take(&mut self, fresh: &[u8]) -> Result<(), Violation> {
        if self.partial.is_empty() {
            let used = self.read(fresh)?;
            self.partial.extend_from_slice(&fresh[used..]);
        } else {
            let mut joined = std::mem::take(&mut self.partial);
            joined.extend_from_slice(fresh);
            let used = self.read(&joined)?;
            joined.drain(..used);
            self.partial = joined;
        }
        if self.partial.len() > PARTIAL_MAX {
            return Err(Violation);
        }
        Ok(())
    }

    /// How much of the input was used.
    fn read(&mut self, input: &[u8]) -> Result<usize, Violation> {
        if let Protocol::Unknown = self.protocol {
            let known = input.len().min(http2::PREFACE.len());
            if input[..known] != http2::PREFACE[..known] {
                self.protocol = Protocol::Http1(Http1::new(self.requests_max));
            } else if known == http2::PREFACE.len() {
                self.protocol = Protocol::Http2(Box::new(Http2::new(self.requests_max, &mut self.output)));
            }
        }
        match &mut self.protocol {
            Protocol::Unknown => Ok(0),
            Protocol::Http1(http1) => http1.read(input, self.answers, &mut self.output),
            Protocol::Http2(http2) => http2.read(input, self.answers, &mut self.output),
        }
    }

    /// Whether the socket took less than there is.
    fn write(&mut self) -> io::Result<bool> {
        loop {
            if let Protocol::Http2(http2) = &mut self.protocol {
                http2.pump(self.answers, &mut self.output);
            }
            if self.output.is_empty() {
                return Ok(false);
            }
            match self.output.write(&mut self.stream) {
                Ok(true) => {}
                // The rest would be refused as well.
                Ok(false) => return Ok(true),
                Err(error) if is_momentary(&error) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    fn watch(&mut self, blocked: bool) -> Fate {
        let is_done = match &self.protocol {
            Protocol::Unknown => false,
            Protocol::Http1(http1) => http1.is_done(),
            Protocol::Http2(http2) => http2.is_done(),
        };
        if is_done && !blocked && !self.lingers {
            self.lingers = true;
            // The peer may have gone.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        let interest = match (blocked, self.output.len() > UNSENT_MAX) {
            (false, _) => EventFlags::IN,
            (true, false) => EventFlags::IN | EventFlags::OUT,
            (true, true) => EventFlags::OUT,
        };
        if interest == self.interest {
            return Fate::Lives;
        }
        self.interest = interest;
        Fate::Wants(interest)
    }
}

fn is_momentary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
