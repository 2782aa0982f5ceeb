//! Times in conditions, as microseconds since 2000-01-01: PostgreSQL's own count.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, date},
};

use crate::column::Type;

const EPOCH: DateTime = date(2000, 1, 1).at(0, 0, 0, 0);
/// 1970-01-01 to 2000-01-01.
const UNIX_TO_EPOCH_US: i64 = 946_684_800_000_000;

/// Reads a time for a column of that type, or says how it is written.
pub(super) fn read(text: &str, kind: Type) -> Result<i64, &'static str> {
    const DATE: &str = "a date is written '2013-07-01'";
    const TIMESTAMP: &str =
        "a timestamp is written '2013-07-01' or '2013-07-01T12:30:00', without a time zone";
    const TIMESTAMPTZ: &str =
        "a timestamptz is written '2013-07-01' (midnight UTC) or '2013-07-01T12:30:00Z'";
    let usual = match kind {
        Type::Date => DATE,
        Type::Timestamptz => TIMESTAMPTZ,
        _ => TIMESTAMP,
    };
    let day = text.get(..10).and_then(day).ok_or(usual)?;
    let clock = &text[10..];
    let midnight = day.at(0, 0, 0, 0);
    let microseconds = match kind {
        _ if clock.is_empty() => since(midnight),
        Type::Date => None,
        Type::Timestamptz => {
            let instant: Option<Timestamp> = text.parse().ok();
            instant
                .filter(|instant| instant.as_nanosecond() % 1000 == 0)
                .map(|instant| instant.as_microsecond() - UNIX_TO_EPOCH_US)
        }
        // jiff reads and forgets an offset here, PostgreSQL too: both would compare with another instant.
        _ if clock.contains(['Z', 'z', '+', '-', '[']) => None,
        _ => text.parse().ok().and_then(since),
    };
    microseconds.ok_or(usual)
}

/// `2013-07-01` and nothing else; years 1 to 9999.
fn day(text: &str) -> Option<Date> {
    let shape = text.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let day: Date = text.parse().ok().filter(|_| shape)?;
    (day.year() >= 1).then_some(day)
}

fn since(time: DateTime) -> Option<i64> {
    let duration = time.duration_since(EPOCH);
    (duration.subsec_nanos() % 1000 == 0)
        .then(|| duration.as_micros())
        .and_then(|us| i64::try_from(us).ok())
}

/// As [`read`] reads it. What no calendar of four digits holds is printed as its microseconds, which
/// nobody can write.
pub(super) fn print(microseconds: i64, kind: Type) -> String {
    let time = Timestamp::from_microsecond(microseconds.saturating_add(UNIX_TO_EPOCH_US));
    let Ok(time) = time.map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).datetime()) else {
        return format!("{microseconds}");
    };
    match kind {
        Type::Date => time.date().to_string(),
        Type::Timestamptz => format!("{time}Z"),
        _ => time.to_string(),
    }
}
