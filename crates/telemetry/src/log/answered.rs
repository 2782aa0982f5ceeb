//! The line of a request, written by hand: the same bytes as `tracing` makes of the event, at a tenth of the cost.
//!
//! Its fields are known, so nobody has to be asked for them, nothing in it is secret, and the date is the same for a
//! second. What is out of the ordinary goes the ordinary way.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use tracing::{Level, dispatcher};

use super::{Format, Log};
use crate::trace::id::TraceId;

/// A request that was answered, or left.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Its id.
    pub request: &'a str,
    /// Its trace's, if it has one.
    pub trace: Option<TraceId>,
    /// HTTP's method.
    pub method: &'a str,
    /// The route's pattern, never the path.
    pub route: &'static str,
    /// The answer's status; 0 if the client left before there was one.
    pub status: u16,
    /// Of the answer's body.
    pub bytes: u64,
    /// The last byte was handed over.
    pub whole: bool,
    /// To its end.
    pub took: Duration,
}

/// Says at `info`, under the target `access`, that a request has ended.
pub fn answered(answered: &Answered<'_>) {
    if !tracing::enabled!(target: "access", Level::INFO) {
        return;
    }
    let is_said = is_plain(answered)
        && dispatcher::get_default(|log| match log.downcast_ref::<Log>() {
            Some(log) if !log.colours => say(log, answered),
            Some(_) | None => false,
        });
    if !is_said {
        event(answered);
    }
}

/// The event itself: for a log with colours, one that is not ours, and words that would need escapes.
pub(super) fn event(answered: &Answered<'_>) {
    tracing::info!(
        target: "access",
        request = %answered.request,
        trace = answered.trace.map(tracing::field::display),
        method = %answered.method,
        route = answered.route,
        status = answered.status,
        bytes = answered.bytes,
        whole = answered.whole,
        duration_ms = microseconds(answered.took) as f64 / 1e3,
        "answered"
    );
}

/// Of ids and methods, what can stand in both forms as it is.
fn is_plain(answered: &Answered<'_>) -> bool {
    let is_plain = |text: &str| {
        let mut bytes = text.bytes();
        bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
    };
    is_plain(answered.request) && is_plain(answered.method)
}

/// Room of a thread, so that a line costs no allocation.
struct Room {
    line: Vec<u8>,
    /// Of the date, since 1970.
    second: u64,
    /// As far as it is the same for a second.
    date: String,
}

thread_local! {
    static ROOM: RefCell<Room> = const {
        RefCell::new(Room {
            line: Vec::new(),
            second: 0,
            date: String::new(),
        })
    };
}

/// False: this thread is at its end.
fn say(log: &Log, answered: &Answered<'_>) -> bool {
    let said = ROOM.try_with(|room| {
        let room = &mut *room.borrow_mut();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default();
        if room.second != now.as_secs() || room.date.is_empty() {
            room.second = now.as_secs();
            room.date = date(room.second);
        }
        room.line.clear();
        let mut line = Text(&mut room.line);
        match log.format {
            Format::Json => json(&mut line, &room.date, now.subsec_micros(), answered),
            Format::Text => text(&mut line, &room.date, now.subsec_micros(), answered),
        }
        log.lines.push(&room.line);
    });
    said.is_ok()
}

fn json(line: &mut Text<'_>, date: &str, micros: u32, answered: &Answered<'_>) {
    line.put(r#"{"timestamp":""#).put(date).digits(micros, 6);
    line.put(r#"Z","level":"INFO","message":"answered","request":""#);
    line.put(answered.request);
    if let Some(trace) = answered.trace {
        line.put(r#"","trace":""#).id(trace);
    }
    line.put(r#"","method":""#).put(answered.method);
    line.put(r#"","route":""#).put(answered.route);
    line.put(r#"","status":"#).number(answered.status.into());
    line.put(r#","bytes":"#).number(answered.bytes);
    line.put(r#","whole":"#)
        .put(if answered.whole { "true" } else { "false" });
    line.put(r#","duration_ms":"#).milliseconds(answered.took);
    line.put(",\"target\":\"access\"}\n");
}

fn text(line: &mut Text<'_>, date: &str, micros: u32, answered: &Answered<'_>) {
    line.put(date).digits(micros, 6);
    line.put("Z  INFO access: answered request=")
        .put(answered.request);
    if let Some(trace) = answered.trace {
        line.put(" trace=").id(trace);
    }
    line.put(" method=").put(answered.method);
    line.put(" route=\"").put(answered.route);
    line.put("\" status=").number(answered.status.into());
    line.put(" bytes=").number(answered.bytes);
    line.put(" whole=")
        .put(if answered.whole { "true" } else { "false" });
    line.put(" duration_ms=").milliseconds(answered.took);
    line.put("\n");
}

/// `core::fmt` takes longer for the numbers of a line than all of it may.
struct Text<'a>(&'a mut Vec<u8>);

impl Text<'_> {
    fn put(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.put(itoa::Buffer::new().format(number))
    }

    /// With zeros before it.
    fn digits(&mut self, mut number: u32, width: usize) -> &mut Self {
        let from = self.0.len();
        self.0.resize(from + width, b'0');
        for digit in self.0[from..].iter_mut().rev() {
            *digit += (number % 10) as u8;
            number /= 10;
        }
        self
    }

    /// In hexadecimal.
    fn id(&mut self, id: TraceId) -> &mut Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for byte in id.bytes() {
            let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
            self.0.extend_from_slice(&digits);
        }
        self
    }

    /// To the microsecond, as a floating point number is written: at least one decimal, no zeros after it.
    fn milliseconds(&mut self, took: Duration) -> &mut Self {
        let micros = microseconds(took);
        self.number(micros / 1000).put(".");
        self.digits((micros % 1000) as u32, 3);
        while self.0.ends_with(b"0") && !self.0.ends_with(b".0") {
            self.0.pop();
        }
        self
    }
}

fn microseconds(took: Duration) -> u64 {
    u64::try_from((took.as_nanos() + 500) / 1000).unwrap_or(u64::MAX)
}

/// `2026-11-25T07:05:22.` of seconds since 1970, by Howard Hinnant's `civil_from_days`.
fn date(second: u64) -> String {
    let (days, second) = (second / 86_400 + 719_468, second % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // The year begins in March, so that the leap day is its last.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.",
        era * 400 + year + next,
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests;
