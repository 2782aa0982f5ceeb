//! One connection: its socket, its TLS, its codec, and what is to be said about it when it is over.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    os::fd::OwnedFd,
};

use rustls::ClientConnection;

use super::facts::Bytes;
use crate::{dial, http1::Reader, http2::Session, sample::Ticket};

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: OwnedFd,
    pub(crate) number: u32,
    /// Which of this thread's clients it belongs to.
    pub(crate) client: usize,
    pub(crate) token: u64,
    pub(crate) phase: Phase,
    pub(crate) tls: Option<Box<ClientConnection>>,
    pub(crate) codec: Codec,
    pub(crate) out: Vec<u8>,
    /// What of `out` has been written.
    pub(crate) out_at: usize,
    /// Whether the kernel was asked to say when it takes more.
    pub(crate) waits_to_write: bool,
    /// Takes no more requests: the server leaves, or we do.
    pub(crate) leaving: bool,
    pub(crate) last_activity: u64,
    /// Requests at most, until they are over and the server has not left: those before it were cut off there.
    pub(crate) requests_max: Option<u64>,
    pub(crate) facts: Facts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Connecting,
    Handshake,
    Open,
}

#[derive(Debug)]
pub(crate) enum Codec {
    /// Not known before the handshake is over.
    None,
    Http1(Http1),
    Http2(Box<Session<Ticket>>),
}

/// Requests of HTTP/1.1 in the order of their answers.
#[derive(Debug)]
pub(crate) struct Http1 {
    pub(crate) reader: Reader,
    pub(crate) waiting: VecDeque<Ticket>,
    /// Whether the answer under way is the last.
    pub(crate) closes: bool,
}

/// What is remembered of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) dialled: u64,
    pub(crate) connected: u64,
    /// TLS is done, or there is none.
    pub(crate) ready: u64,
    /// Of an answer.
    pub(crate) first_byte: u64,
    pub(crate) last_answer: u64,
    /// Answers that were whole.
    pub(crate) answered: u64,
    /// Streams of HTTP/2 that came to nothing.
    pub(crate) lost: u32,
    /// Requests sent on it.
    pub(crate) sent: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) tls_version: Option<&'static str>,
}

impl Connection {
    /// Requests under way.
    pub(crate) fn in_flight(&self) -> u32 {
        match &self.codec {
            Codec::None => 0,
            Codec::Http1(http1) => http1.waiting.len() as u32,
            Codec::Http2(session) => session.open_streams(),
        }
    }

    /// Bytes so far.
    pub(crate) fn bytes(&self) -> Bytes {
        let (heads, heads_plain) = match &self.codec {
            Codec::None => (0, 0),
            Codec::Http1(http1) => (http1.reader.head_bytes(), http1.reader.head_bytes()),
            Codec::Http2(session) => session.head_bytes(),
        };
        Bytes {
            received: self.facts.bytes_in,
            sent: self.facts.bytes_out,
            heads,
            heads_plain,
        }
    }

    pub(crate) fn has_uploads(&self) -> bool {
        match &self.codec {
            Codec::Http2(session) => session.has_uploads(),
            Codec::None | Codec::Http1(_) => false,
        }
    }

    /// Writes what is waiting; true when nothing is left.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        if let Some(tls) = &mut self.tls {
            let mut wire = Wire {
                socket: &self.socket,
                written: 0,
            };
            let is_empty = flush_tls(tls, &self.out, &mut self.out_at, &mut wire);
            self.facts.bytes_out += wire.written;
            let is_empty = is_empty?;
            if self.out_at == self.out.len() {
                self.out.clear();
                self.out_at = 0;
            }
            return Ok(is_empty);
        }
        while self.out_at < self.out.len() {
            let sent = dial::write(&self.socket, &self.out[self.out_at..])?;
            if sent == 0 {
                return Ok(false);
            }
            self.out_at += sent;
            self.facts.bytes_out += sent as u64;
        }
        self.out.clear();
        self.out_at = 0;
        Ok(true)
    }

    /// Gives received bytes to TLS; what they say is then read by [`Connection::read_plain`].
    pub(crate) fn take_cipher(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return Ok(0) };
        if bytes.is_empty() {
            return Ok(0);
        }
        let before = bytes.len();
        tls.read_tls(&mut bytes)?;
        tls.process_new_packets()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(before - bytes.len())
    }

    /// Decrypted bytes; none when there are no more, 0 at the end.
    pub(crate) fn read_plain(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(tls) = &mut self.tls else { return Ok(None) };
        match tls.reader().read(buffer) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn flush_tls(
    tls: &mut ClientConnection,
    out: &[u8],
    out_at: &mut usize,
    wire: &mut Wire<'_>,
) -> io::Result<bool> {
    loop {
        if !tls.is_handshaking() && *out_at < out.len() {
            // It takes as much as its own buffer holds, and the rest after that was written.
            *out_at += tls.writer().write(&out[*out_at..])?;
        }
        if !tls.wants_write() {
            return Ok(tls.is_handshaking() || *out_at == out.len());
        }
        match tls.write_tls(wire) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// The socket as rustls writes to it.
struct Wire<'a> {
    socket: &'a OwnedFd,
    written: u64,
}

impl io::Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match dial::write(self.socket, bytes)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            sent => {
                self.written += sent as u64;
                Ok(sent)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
