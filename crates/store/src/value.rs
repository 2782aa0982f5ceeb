//! Values between PostgreSQL's binary format, JSON and text, by the model's types.
//!
//! The JSON is written straight from the wire: for a document of 11,000 lines a `Value` tree takes
//! three times as long. Every statement of ours casts its columns to the declared types, so a
//! value's wire format follows from the declaration alone.

use model::column::Type;

use crate::id::{format_uuid, parse_uuid};

/// Microseconds from the Unix epoch to PostgreSQL's, 2000-01-01.
pub const EPOCH_US: i64 = 946_684_800_000_000;

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;

/// A whole number, a truth value (0, 1), or a time in microseconds since 2000-01-01; a date is its midnight.
/// None where the type is another or the bytes do not fit.
#[inline]
pub fn integer(kind: Type, raw: &[u8]) -> Option<i64> {
    match kind {
        Type::Bool => raw.first().map(|byte| i64::from(*byte != 0)),
        Type::Int2 => raw
            .try_into()
            .ok()
            .map(|bytes| i64::from(i16::from_be_bytes(bytes))),
        Type::Int4 => raw
            .try_into()
            .ok()
            .map(|bytes| i64::from(i32::from_be_bytes(bytes))),
        Type::Int8 | Type::Timestamp | Type::Timestamptz => raw.try_into().ok().map(i64::from_be_bytes),
        Type::Date => raw.try_into().ok().map(|bytes| match i32::from_be_bytes(bytes) {
            i32::MAX => i64::MAX,
            i32::MIN => i64::MIN,
            days => i64::from(days) * DAY_US,
        }),
        Type::Float4 | Type::Float8 | Type::Text | Type::Uuid | Type::Json => None,
    }
}

/// A float of either width.
#[inline]
pub fn float(kind: Type, raw: &[u8]) -> Option<f64> {
    match kind {
        Type::Float4 => raw
            .try_into()
            .ok()
            .map(|bytes| f64::from(f32::from_be_bytes(bytes))),
        Type::Float8 => raw.try_into().ok().map(f64::from_be_bytes),
        _ => None,
    }
}

/// An object's id or a record's key in canonical text.
pub fn key(kind: Type, raw: &[u8]) -> Option<String> {
    match kind {
        Type::Text => std::str::from_utf8(raw).ok().map(str::to_owned),
        Type::Uuid => raw
            .try_into()
            .ok()
            .map(|bytes| format_uuid(u128::from_be_bytes(bytes))),
        Type::Int2 | Type::Int4 | Type::Int8 => integer(kind, raw).map(|value| value.to_string()),
        _ => None,
    }
}

/// Writes a value as JSON; null for none. False where the bytes do not fit the type.
pub fn write_json(kind: Type, raw: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
    let Some(raw) = raw else {
        out.extend_from_slice(b"null");
        return true;
    };
    match kind {
        Type::Text => match std::str::from_utf8(raw) {
            Ok(text) => write_text(text, out),
            Err(_) => return false,
        },
        Type::Float4 => match raw.try_into() {
            Ok(bytes) => write_float4(f32::from_be_bytes(bytes), out),
            Err(_) => return false,
        },
        Type::Float8 => match float(kind, raw) {
            Some(value) => write_float(value, out),
            None => return false,
        },
        Type::Uuid => match key(kind, raw) {
            Some(text) => write_text(&text, out),
            None => return false,
        },
        // `json` keeps the line breaks it was written with, all of them between its tokens, where a blank
        // means the same. One document is one line.
        Type::Json => out.extend(raw.iter().map(|byte| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                *byte
            }
        })),
        Type::Bool
        | Type::Int2
        | Type::Int4
        | Type::Int8
        | Type::Date
        | Type::Timestamp
        | Type::Timestamptz => match integer(kind, raw) {
            Some(value) => write_integer(kind, value, out),
            None => return false,
        },
    }
    true
}

/// Writes what [`integer`] read.
#[inline]
pub fn write_integer(kind: Type, value: i64, out: &mut Vec<u8>) {
    match kind {
        Type::Bool => out.extend_from_slice(if value == 0 { b"false" } else { b"true" }),
        Type::Date | Type::Timestamp | Type::Timestamptz => write_time(kind, value, out),
        _ => write_number(value, out),
    }
}

/// Most numbers of an answer are counts and minutes below a thousand: written from a table, by moves of fixed
/// size. A copy whose length is known only at run time is a call of `memmove`.
#[inline]
pub fn write_number(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let magnitude = value.unsigned_abs();
    match SMALL.get(magnitude as usize) {
        Some((text, len)) if magnitude < 1000 => {
            let end = out.len() + len;
            out.extend_from_slice(text);
            out.truncate(end);
        }
        _ => out.extend_from_slice(itoa::Buffer::new().format(magnitude).as_bytes()),
    }
}

/// The numbers below a thousand as text, and its length.
static SMALL: [([u8; 4], usize); 1000] = {
    let mut table = [([b'0'; 4], 1); 1000];
    let mut number = 0;
    while number < 1000 {
        let digits = [
            b'0' + (number / 100) as u8,
            b'0' + (number / 10 % 10) as u8,
            b'0' + (number % 10) as u8,
        ];
        table[number] = match number {
            0..10 => ([digits[2], 0, 0, 0], 1),
            10..100 => ([digits[1], digits[2], 0, 0], 2),
            _ => ([digits[0], digits[1], digits[2], 0], 3),
        };
        number += 1;
    }
    table
};

/// Writes a float in its shortest form, whole ones without a fraction. JSON has no NaN and no infinity: null.
pub fn write_float(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        write_shortest(zmij::Buffer::new().format_finite(value), out);
    } else {
        out.extend_from_slice(b"null");
    }
}

/// The same for the narrow one: `0.1`, not `0.10000000149011612`.
pub fn write_float4(value: f32, out: &mut Vec<u8>) {
    if value.is_finite() {
        write_shortest(zmij::Buffer::new().format_finite(value), out);
    } else {
        out.extend_from_slice(b"null");
    }
}

fn write_shortest(text: &str, out: &mut Vec<u8>) {
    let text = text.strip_suffix(".0").unwrap_or(text);
    out.extend_from_slice(if text == "-0" { b"0" } else { text.as_bytes() });
}

/// Writes a JSON string.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0..=0x1f => {
                out.extend_from_slice(&bytes[written..at]);
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                written = at + 1;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[written..at]);
        out.extend_from_slice(escape);
        written = at + 1;
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}

/// `"2013-01-01T13:40:00Z"`, without the `Z` for a local time, `"2013-01-01"` for a date.
fn write_time(kind: Type, value: i64, out: &mut Vec<u8>) {
    if value == i64::MAX || value == i64::MIN {
        out.extend_from_slice(if value > 0 {
            b"\"infinity\""
        } else {
            b"\"-infinity\""
        });
        return;
    }
    let us = value.rem_euclid(DAY_US);
    let (year, month, day) = civil(value.div_euclid(DAY_US));
    if kind == Type::Timestamptz && us % 1_000_000 == 0 && (0..=9999).contains(&year) {
        // Nearly every time of an answer: filled into its mask and copied at once.
        let mut text = *b"\"0000-00-00T00:00:00Z\"";
        let seconds = us / 1_000_000;
        let parts = [
            (1, year / 100),
            (3, year % 100),
            (6, month),
            (9, day),
            (12, seconds / 3600),
            (15, seconds / 60 % 60),
            (18, seconds % 60),
        ];
        for (at, part) in parts {
            text[at] += (part / 10) as u8;
            text[at + 1] += (part % 10) as u8;
        }
        out.extend_from_slice(&text);
        return;
    }
    out.push(b'"');
    write_day(value.div_euclid(DAY_US), out);
    if kind != Type::Date {
        let seconds = us / 1_000_000;
        out.push(b'T');
        write_two(seconds / 3600, out);
        out.push(b':');
        write_two(seconds / 60 % 60, out);
        out.push(b':');
        write_two(seconds % 60, out);
        write_fraction(us % 1_000_000, out);
        if kind == Type::Timestamptz {
            out.push(b'Z');
        }
    }
    out.push(b'"');
}

/// Writes days since 2000-01-01 as `2013-01-01`.
pub fn write_day(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    if (0..=9999).contains(&year) {
        write_two(year / 100, out);
        write_two(year % 100, out);
    } else {
        out.extend_from_slice(format!("{year:+07}").as_bytes());
    }
    out.push(b'-');
    write_two(month, out);
    out.push(b'-');
    write_two(day, out);
}

fn write_two(value: i64, out: &mut Vec<u8>) {
    let value = value.rem_euclid(100) as u8;
    out.extend_from_slice(&[b'0' + value / 10, b'0' + value % 10]);
}

fn write_fraction(us: i64, out: &mut Vec<u8>) {
    if us != 0 {
        out.extend_from_slice(format!(".{us:06}").trim_end_matches('0').as_bytes());
    }
}

/// Year, month and day of days since 2000-01-01, in the proleptic Gregorian calendar.
pub fn civil(days: i64) -> (i64, i64, i64) {
    // Shifted so that eras of 400 years begin on a 1 March: the leap day is then the last of its year.
    let shifted = days + 730_425;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A value from a URL in the text form that PostgreSQL casts without fail, or none if it does not fit the type.
pub fn parse(kind: Type, text: &str) -> Option<String> {
    if text.contains('\0') {
        return None;
    }
    match kind {
        Type::Bool => matches!(text, "true" | "false").then(|| text.to_owned()),
        Type::Int2 => text.parse::<i16>().ok().map(|value| value.to_string()),
        Type::Int4 => text.parse::<i32>().ok().map(|value| value.to_string()),
        Type::Int8 => text.parse::<i64>().ok().map(|value| value.to_string()),
        Type::Float4 => text.parse::<f32>().ok().map(|value| value.to_string()),
        Type::Float8 => text.parse::<f64>().ok().map(|value| value.to_string()),
        Type::Text => Some(text.to_owned()),
        Type::Uuid => parse_uuid(text).map(format_uuid),
        Type::Date => text.parse::<jiff::civil::Date>().ok().and_then(printed_time),
        Type::Timestamp => text.parse::<jiff::civil::DateTime>().ok().and_then(printed_time),
        Type::Timestamptz => text.parse::<jiff::Timestamp>().ok().and_then(printed_time),
        Type::Json => None,
    }
}

/// None before the year 1: PostgreSQL writes and reads those years in another way.
fn printed_time(time: impl std::fmt::Display) -> Option<String> {
    let text = time.to_string();
    (!text.starts_with('-') && !text.starts_with("0000")).then_some(text)
}

#[cfg(test)]
mod tests;
