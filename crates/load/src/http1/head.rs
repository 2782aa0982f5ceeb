//! The head of an answer: status line, and the three fields that say where the body ends.

use crate::http1::Fault;

/// What a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// 100 to 999.
    pub status: u16,
    /// How the end of the body is known.
    pub framing: Framing,
    /// Whether the connection may be used again.
    pub keep_alive: bool,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By `content-length`.
    Length(u64),
    /// By an empty chunk.
    Chunked,
    /// By the end of the connection.
    UntilClose,
}

impl Head {
    /// Whether another head follows.
    pub fn is_informational(&self) -> bool {
        self.status < 200
    }
}

/// What the fields have said so far.
#[derive(Debug, Default)]
struct Said {
    length: Option<u64>,
    /// Whether there is a transfer-encoding, and whether `chunked` is its last.
    chunked: Option<bool>,
    close: bool,
    keep_alive: bool,
}

/// A head from the front of the input, and its length; none if it is cut.
pub(super) fn parse(input: &[u8]) -> Result<Option<(Head, usize)>, Fault> {
    let mut at = 0;
    let Some(end) = memchr::memchr(b'\n', &input[at..]) else {
        check_begin(&input[at..])?;
        return Ok(None);
    };
    let (status, is_http_1_0) = status_line(without_cr(&input[at..at + end]))?;
    at += end + 1;
    let mut said = Said::default();
    loop {
        let Some(end) = memchr::memchr(b'\n', &input[at..]) else {
            return Ok(None);
        };
        let line = without_cr(&input[at..at + end]);
        at += end + 1;
        if line.is_empty() {
            break;
        }
        field(line, &mut said)?;
    }
    let framing = match (said.chunked, said.length) {
        (Some(true), _) => Framing::Chunked,
        // The last coding is not chunked: only the end of the connection tells.
        (Some(false), _) => Framing::UntilClose,
        (None, Some(length)) => Framing::Length(length),
        (None, None) => Framing::UntilClose,
    };
    let head = Head {
        status,
        framing,
        keep_alive: !said.close && (!is_http_1_0 || said.keep_alive),
    };
    Ok(Some((head, at)))
}

/// Where a blank line ends, if there is one.
pub(super) fn blank_line(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| match &bytes[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// Refuses at once what cannot become a status line, so that garbage without a line end is not waited for.
pub(super) fn check_begin(bytes: &[u8]) -> Result<(), Fault> {
    let wanted = b"HTTP/1.";
    let length = bytes.len().min(wanted.len());
    if bytes[..length] == wanted[..length] {
        Ok(())
    } else {
        Err(Fault::StatusLine)
    }
}

pub(super) fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

/// A field of the trailers, which nobody reads.
pub(super) fn check_field(line: &[u8]) -> Result<(), Fault> {
    let line = without_cr(line.strip_suffix(b"\n").unwrap_or(line));
    split_field(line).map(|_| ())
}

/// The size at the front of a chunk; extensions behind it are ignored.
pub(super) fn chunk_size(line: &[u8]) -> Result<u64, Fault> {
    let line = without_cr(line.strip_suffix(b"\n").unwrap_or(line));
    let digits = line
        .iter()
        .position(|byte| !byte.is_ascii_hexdigit())
        .unwrap_or(line.len());
    if digits == 0 || digits > 16 {
        return Err(Fault::Chunk);
    }
    match line[digits..].trim_ascii_start() {
        [] | [b';', ..] => {}
        _ => return Err(Fault::Chunk),
    }
    Ok(line[..digits].iter().fold(0, |size, digit| {
        size << 4 | u64::from((*digit as char).to_digit(16).unwrap_or(0))
    }))
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The status, and whether it is HTTP/1.0.
fn status_line(line: &[u8]) -> Result<(u16, bool), Fault> {
    let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor, b' ', rest @ ..] = line else {
        return Err(Fault::StatusLine);
    };
    let ([a, b, c] | [a, b, c, b' ', ..]) = rest else {
        return Err(Fault::StatusLine);
    };
    let is_status = (b'1'..=b'9').contains(a) && b.is_ascii_digit() && c.is_ascii_digit();
    if !is_status || !minor.is_ascii_digit() {
        return Err(Fault::StatusLine);
    }
    let digit = |byte: &u8| u16::from(byte - b'0');
    Ok((digit(a) * 100 + digit(b) * 10 + digit(c), *minor == b'0'))
}

fn split_field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let colon = memchr::memchr(b':', line).ok_or(Fault::Field)?;
    let name = &line[..colon];
    // A space before the colon, or a folded line, has been used to smuggle answers.
    if name.is_empty() || name.iter().any(|byte| *byte <= b' ' || *byte >= 0x7f) {
        return Err(Fault::Field);
    }
    Ok((name, line[colon + 1..].trim_ascii()))
}

fn field(line: &[u8], said: &mut Said) -> Result<(), Fault> {
    let (name, value) = split_field(line)?;
    // Told apart by their lengths first: most fields are none of the three.
    match name.len() {
        10 if name.eq_ignore_ascii_case(b"connection") => {
            for token in value.split(|byte| *byte == b',') {
                let token = token.trim_ascii();
                said.close |= token.eq_ignore_ascii_case(b"close");
                said.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        14 if name.eq_ignore_ascii_case(b"content-length") => {
            // `5, 5` is one length, sent through a proxy that joined two fields.
            for part in value.split(|byte| *byte == b',') {
                let length = number(part.trim_ascii())?;
                if said.length.is_some_and(|before| before != length) {
                    return Err(Fault::Length);
                }
                said.length = Some(length);
            }
        }
        17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
            let last = value
                .rsplit(|byte| *byte == b',')
                .next()
                .unwrap_or_default()
                .trim_ascii();
            if last.is_empty() {
                return Err(Fault::TransferEncoding);
            }
            said.chunked = Some(last.eq_ignore_ascii_case(b"chunked"));
        }
        _ => {}
    }
    Ok(())
}

fn number(digits: &[u8]) -> Result<u64, Fault> {
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Fault::Length);
    }
    Ok(digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
