//! What a socket brings: cleartext or TLS, a protocol's bytes or the end of them.

use super::{
    Worker,
    connection::{Codec, Connection, Phase},
    lifecycle::Over,
};
use crate::{
    config::{Bodies, Protocol},
    dial,
    http2::frame,
    limit::Closing,
};

/// With so many streams open, an answer seldom comes alone.
const CROWD_MIN: u32 = 8;

/// How often one connection of HTTP/2 is read before it is written, and both before the others have their turn.
const TURNS_MAX: u32 = 16;

/// Where bodies are dropped, so much is read to see a head; it holds most small answers whole.
const DISCARD_HEAD_BYTES: usize = 16 * 1_024;

impl Worker<'_> {
    /// Reads what is there, and follows it with requests.
    ///
    /// A server that answers the streams of a connection one by one has the next answer ready by the time that the
    /// request which follows the last is written: it is read without being told by the kernel, and all that came
    /// meanwhile is followed by one write. Over eight connections of a hundred streams that is a tenth of the CPU, and
    /// the server is not woken for each.
    #[inline]
    pub(super) fn readable(&mut self, connection: &mut Connection, now: &mut u64) -> Over {
        let mut turns = 0;
        loop {
            let before = connection.facts.bytes_in;
            // Taken out, so that what is read can be looked at while everything else changes.
            let mut buffer = std::mem::take(&mut self.buffer);
            let over = if connection.tls.is_some() {
                self.read_tls(connection, &mut buffer, now)
            } else {
                self.read_clear(connection, &mut buffer, now)
            };
            self.buffer = buffer;
            over?;
            self.write_out(connection, *now)?;
            turns += 1;
            let has_more = connection.facts.bytes_in > before && is_crowded(connection);
            if !has_more || turns == TURNS_MAX {
                return Ok(());
            }
        }
    }

    #[inline]
    fn read_clear(&mut self, connection: &mut Connection, buffer: &mut [u8], now: &mut u64) -> Over {
        let discards = self.orders.config.bodies == Bodies::Discard;
        let mut turns = 0;
        loop {
            let skippable = if discards { self.skippable(connection) } else { 0 };
            let read = if skippable > 0 {
                let most = usize::try_from(skippable).map_or(buffer.len(), |most| most.min(buffer.len()));
                dial::discard(&connection.socket, &mut buffer[..most])
            } else if discards && matches!(connection.codec, Codec::Http1(_)) {
                dial::read(&connection.socket, &mut buffer[..DISCARD_HEAD_BYTES])
            } else {
                dial::read(&connection.socket, buffer)
            };
            *now = self.now();
            let bytes = match read {
                Ok(None) => return Ok(()),
                Ok(Some(0)) => return Err(self.ended(connection, *now)),
                Ok(Some(bytes)) => bytes,
                Err(_) => return Err(Closing::Reset),
            };
            connection.facts.bytes_in += bytes as u64;
            connection.last_activity = *now;
            if skippable > 0 {
                self.skipped(connection, bytes as u64, *now)?;
            } else {
                self.received(connection, &buffer[..bytes], *now)?;
            }
            turns += 1;
            if is_crowded(connection) && turns < TURNS_MAX {
                continue;
            }
            // The rest of a body is most likely there already.
            if !discards || self.skippable(connection) == 0 {
                return Ok(());
            }
        }
    }

    fn read_tls(&mut self, connection: &mut Connection, buffer: &mut [u8], now: &mut u64) -> Over {
        let read = dial::read(&connection.socket, buffer);
        *now = self.now();
        let bytes = match read {
            Ok(None) => return Ok(()),
            Ok(Some(0)) if connection.phase == Phase::Handshake => {
                self.findings
                    .note_failure("TLS: closed during the handshake".to_owned());
                return Err(Closing::Bare);
            }
            Ok(Some(0)) => return Err(self.ended(connection, *now)),
            Ok(Some(bytes)) => bytes,
            Err(error) => {
                if connection.phase == Phase::Handshake {
                    self.findings.note_failure(format!("TLS: {error}"));
                }
                return Err(Closing::Reset);
            }
        };
        connection.facts.bytes_in += bytes as u64;
        connection.last_activity = *now;
        let mut cipher = &buffer[..bytes];
        while !cipher.is_empty() {
            match connection.take_cipher(cipher) {
                // It takes nothing more after the other side's last word.
                Ok(0) => return Err(self.ended(connection, *now)),
                Ok(taken) => cipher = &cipher[taken..],
                Err(error) => {
                    // In TLS 1.3 the server judges our certificate after we are through.
                    if connection.facts.answered == 0 {
                        self.findings.note_failure(format!("TLS: {error}"));
                    }
                    // What went wrong is said to the server too.
                    let _ = connection.flush();
                    return Err(Closing::Malformed);
                }
            }
            if connection.phase == Phase::Handshake {
                self.shaken(connection, *now)?;
            }
            if connection.phase == Phase::Open {
                self.drain_plain(connection, *now)?;
            }
        }
        Ok(())
    }

    /// Reads all that is decrypted.
    fn drain_plain(&mut self, connection: &mut Connection, now: u64) -> Over {
        let mut plain = std::mem::take(&mut self.plain);
        let over = loop {
            match connection.read_plain(&mut plain) {
                Ok(None) => break Ok(()),
                Ok(Some(0)) => break Err(self.ended(connection, now)),
                Ok(Some(bytes)) => {
                    if let Err(closing) = self.received(connection, &plain[..bytes], now) {
                        break Err(closing);
                    }
                }
                Err(_) => break Err(Closing::Bare),
            }
        };
        self.plain = plain;
        over
    }

    /// Goes on when the handshake is over.
    fn shaken(&mut self, connection: &mut Connection, now: u64) -> Over {
        let Some(tls) = connection.tls.as_ref().filter(|tls| !tls.is_handshaking()) else {
            return Ok(());
        };
        let chosen = tls.alpn_protocol().map(<[u8]>::to_vec);
        connection.facts.tls_version = tls.protocol_version().and_then(|version| version.as_str());
        self.findings.tls_version = connection.facts.tls_version;
        self.findings.tls_suite = tls
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str());
        let protocol = match (chosen.as_deref(), self.orders.protocol) {
            (Some(b"h2"), _) => Protocol::Http2,
            (Some(_), _) | (None, Protocol::Http1 | Protocol::Auto) => Protocol::Http1,
            (None, Protocol::Http2) => {
                self.findings
                    .note_failure("TLS: the server does not choose h2 by ALPN".to_owned());
                return Err(Closing::Malformed);
            }
        };
        self.greet(connection, protocol, now);
        Ok(())
    }

    /// Bytes of the protocol.
    #[inline]
    fn received(&mut self, connection: &mut Connection, bytes: &[u8], now: u64) -> Over {
        match connection.codec {
            Codec::Http1(_) => self.received_http1(connection, bytes, now)?,
            Codec::Http2(_) => self.received_http2(connection, bytes, now)?,
            Codec::None => return Err(Closing::Malformed),
        }
        self.fill(connection, now);
        Ok(())
    }

    /// The other side has said its last word.
    fn ended(&mut self, connection: &mut Connection, now: u64) -> Closing {
        match &connection.codec {
            Codec::Http1(_) => self.ended_http1(connection, now),
            Codec::Http2(session) => match session.goaway() {
                Some(goaway) if goaway.code == frame::code::NO_ERROR => Closing::GoAway,
                Some(goaway) => Closing::GoAwayError(goaway.code),
                None => Closing::Bare,
            },
            Codec::None => Closing::Bare,
        }
    }
}

/// Whether the next answer is most likely there already: many streams are open on a connection of HTTP/2 in cleartext.
#[inline]
fn is_crowded(connection: &Connection) -> bool {
    match &connection.codec {
        Codec::Http2(session) => connection.tls.is_none() && session.open_streams() >= CROWD_MIN,
        Codec::None | Codec::Http1(_) => false,
    }
}
