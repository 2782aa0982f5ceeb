//! The line by hand against the event that it stands for.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use proptest::prelude::*;
use tracing_subscriber::fmt::{format::Writer, time::FormatTime};

use super::*;
use crate::log::{Config, redact::redact, start_scoped};

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Write for Said {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const ORDINARY: Answered<'static> = Answered {
    request: "9f2c1a-1f",
    trace: None,
    method: "GET",
    route: "/api/v1/objects/{id}",
    status: 200,
    bytes: 131,
    whole: true,
    took: Duration::from_micros(812),
};

fn said(format: Format, filter: &str, colours: bool, say: impl FnOnce()) -> String {
    let said = Said::default();
    let writer = said.clone();
    let config = Config {
        format,
        colours,
        filter: filter.to_owned(),
    };
    let (guard, _level) = start_scoped(&config, move || writer.clone()).unwrap();
    say();
    drop(guard);
    let bytes = said.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// Without its time of day, which has the same length and form.
fn timeless(line: &str) -> String {
    let at = line.find(|letter: char| letter.is_ascii_digit()).unwrap_or(0);
    let shape = |letter: char| if letter.is_ascii_digit() { '0' } else { letter };
    let (time, rest) = line[at..].split_at("2026-11-25T07:05:22.123456Z".len());
    format!(
        "{}{}{rest}",
        &line[..at],
        time.chars().map(shape).collect::<String>()
    )
}

#[track_caller]
fn same_as_the_event(what: &Answered<'_>) {
    for format in [Format::Json, Format::Text] {
        let by_hand = said(format, "info", false, || answered(what));
        let event = said(format, "info", false, || event(what));
        assert_eq!(timeless(&by_hand), timeless(&event));
    }
}

#[test]
fn it_is_the_line_of_the_event() {
    let trace = TraceId::new(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    for what in [
        ORDINARY,
        Answered { trace, ..ORDINARY },
        Answered {
            status: 0,
            bytes: 0,
            whole: false,
            ..ORDINARY
        },
        Answered {
            method: "M-SEARCH",
            route: "none",
            ..ORDINARY
        },
        Answered {
            request: "",
            ..ORDINARY
        },
        // These need escapes.
        Answered {
            method: "'%&",
            ..ORDINARY
        },
        Answered {
            request: "a \"b\"\n",
            ..ORDINARY
        },
    ] {
        same_as_the_event(&what);
    }
}

proptest! {
    #[test]
    fn for_any_numbers(status in 0u16..1000, bytes: u64, took in 0u64..10_000_000_000_000, trace in 1u128.., whole: bool) {
        same_as_the_event(&Answered {
            trace: TraceId::new(trace),
            status,
            bytes,
            whole,
            took: Duration::from_nanos(took),
            ..ORDINARY
        });
    }

    #[test]
    fn dates_are_those_of_the_other_lines(second in 0u64..16_725_225_600) {
        // 2500 years from 1970 on: no two of them agree by chance.
        let days = second / 86_400;
        let date = date(second);
        let back = days_of(&date);
        prop_assert_eq!(back, days);
    }
}

/// Days since 1970 of a date, counted year by year.
fn days_of(date: &str) -> u64 {
    let number = |range: std::ops::Range<usize>| date[range].parse::<u64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let years = (1970..year)
        .map(|year| if is_leap(year) { 366 } else { 365 })
        .sum::<u64>();
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    years + months[..month as usize - 1].iter().sum::<u64>() + day - 1
}

#[test]
fn the_date_is_that_of_now() {
    let mut now = String::new();
    tracing_subscriber::fmt::time::SystemTime
        .format_time(&mut Writer::new(&mut now))
        .unwrap();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let (before, after) = (date(since.as_secs() - 1), date(since.as_secs()));
    assert!(now.starts_with(&before) || now.starts_with(&after), "{now}");
}

#[test]
fn the_filter_holds_for_it() {
    for (filter, expected) in [
        ("info", 1),
        ("warn", 0),
        ("info,access=off", 0),
        ("off,access=info", 1),
    ] {
        let said = said(Format::Json, filter, false, || answered(&ORDINARY));
        assert_eq!(said.lines().count(), expected, "{filter}: {said}");
    }
}

#[test]
fn on_a_terminal_it_has_colours() {
    let by_hand = said(Format::Text, "info", true, || answered(&ORDINARY));
    assert!(by_hand.contains("\u{1b}[32m INFO"), "{by_hand}");
}

/// Otherwise it would have to be looked through like the others.
#[test]
fn nothing_in_it_is_taken_for_a_secret() {
    for request in ["password", "my-token", "bearer", "api_key"] {
        for method in ["GET", "COOKIE"] {
            let what = Answered {
                request,
                method,
                ..ORDINARY
            };
            let line = said(Format::Json, "info", false, || answered(&what));
            assert_eq!(redact(&line), line);
        }
    }
}
