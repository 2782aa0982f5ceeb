//! Buckets of time: where one begins, and which comes after which.

use std::sync::Mutex;

use jiff::{Timestamp, tz::TimeZone};
use model::{column::Type, section::Every};
use store::value::{DAY_US, EPOCH_US, civil};

use crate::table::Column;

const HOUR_US: i64 = 3_600_000_000;

/// A bucketing in a zone.
#[derive(Debug)]
pub(crate) struct Clock {
    every: Every,
    /// None: the times are local already, or the zone is UTC.
    zone: Option<TimeZone>,
    /// Spans of constant offset that have been met: from, until, offset. A zone has two a year.
    spans: Mutex<Vec<(i64, i64, i64)>>,
}

/// A bucket: its beginning and its number, which is one more than that of the bucket before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// For hours the instant; else local midnight; microseconds since 2000-01-01.
    pub(crate) start: i64,
    pub(crate) number: i64,
}

/// The buckets of one object's rows.
#[derive(Default)]
pub(crate) struct Bucketed {
    /// By row.
    pub(crate) codes: Vec<u32>,
    /// By code, ascending.
    pub(crate) buckets: Vec<Bucket>,
}

impl Clock {
    /// The zone's name has been checked with the model; an unknown one would be UTC.
    pub(crate) fn new(every: Every, zone: &str, kind: Type) -> Clock {
        let zoned = kind == Type::Timestamptz && zone != "UTC";
        let zone = if zoned { TimeZone::get(zone).ok() } else { None };
        Clock {
            every,
            zone,
            spans: Mutex::new(Vec::new()),
        }
    }

    /// Buckets the rows of an object, which come in order of time.
    pub(crate) fn fill(&self, times: &Column, bucketed: &mut Bucketed) {
        bucketed.codes.clear();
        bucketed.buckets.clear();
        let Column::Integer(times) = times else { return };
        let mut span = (0, 0, 0);
        for time in times {
            if self.zone.is_some() && !(span.0..span.1).contains(time) {
                span = self.span(*time);
            }
            let bucket = self.bucket(*time, span.2);
            if bucketed.buckets.last() != Some(&bucket) {
                bucketed.buckets.push(bucket);
            }
            bucketed.codes.push(bucketed.buckets.len() as u32 - 1);
        }
    }

    fn bucket(&self, time: i64, offset: i64) -> Bucket {
        let local = time.saturating_add(offset);
        let day = local.div_euclid(DAY_US);
        match self.every {
            Every::Hour => {
                let start = local.div_euclid(HOUR_US) * HOUR_US - offset;
                Bucket {
                    start,
                    number: start.div_euclid(HOUR_US),
                }
            }
            Every::Day | Every::Week | Every::Month | Every::Quarter | Every::Year => of_day(self.every, day),
        }
    }

    /// The span of constant offset around an instant.
    fn span(&self, time: i64) -> (i64, i64, i64) {
        let mut spans = self
            .spans
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(span) = spans.iter().find(|span| (span.0..span.1).contains(&time)) {
            return *span;
        }
        let span = self
            .zone
            .as_ref()
            .and_then(|zone| look_up(zone, time))
            .unwrap_or((time, time + 1, 0));
        spans.push(span);
        span
    }
}

/// The bucket of a day or more that holds the n-th day since 2000-01-01.
pub(crate) fn of_day(every: Every, day: i64) -> Bucket {
    let (number, first) = match every {
        Every::Hour | Every::Day => (day, day),
        Every::Week => {
            // 2000-01-03 was a Monday.
            let week = (day - 2).div_euclid(7);
            (week, week * 7 + 2)
        }
        Every::Month | Every::Quarter | Every::Year => {
            let (year, month, of_month) = civil(day);
            match every {
                Every::Month => (year * 12 + month - 1, day - of_month + 1),
                Every::Quarter => {
                    let quarter = (month - 1) / 3;
                    (year * 4 + quarter, days_before(year, quarter * 3 + 1))
                }
                Every::Hour | Every::Day | Every::Week | Every::Year => (year, days_before(year, 1)),
            }
        }
    };
    Bucket {
        start: first * DAY_US,
        number,
    }
}

/// The first day of a bucket by its number: the other way round.
pub(crate) fn start_of(every: Every, number: i64) -> i64 {
    match every {
        Every::Hour => number * HOUR_US,
        Every::Day => number * DAY_US,
        Every::Week => (number * 7 + 2) * DAY_US,
        Every::Month => days_before(number.div_euclid(12), number.rem_euclid(12) + 1) * DAY_US,
        Every::Quarter => days_before(number.div_euclid(4), number.rem_euclid(4) * 3 + 1) * DAY_US,
        Every::Year => days_before(number, 1) * DAY_US,
    }
}

/// Days from 2000-01-01 to the first of a month.
fn days_before(year: i64, month: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * from_march + 2) / 5 - 730_425
}

fn look_up(zone: &TimeZone, time: i64) -> Option<(i64, i64, i64)> {
    let instant = Timestamp::from_microsecond(time.checked_add(EPOCH_US)?).ok()?;
    let us = |at: Timestamp| at.as_microsecond() - EPOCH_US;
    let offset = i64::from(zone.to_offset(instant).seconds()) * 1_000_000;
    // `preceding` is exclusive: ask from just after, so that a transition at the instant itself counts.
    let after = Timestamp::from_microsecond(instant.as_microsecond() + 1).ok()?;
    let from = zone
        .preceding(after)
        .next()
        .map_or(i64::MIN, |transition| us(transition.timestamp()));
    let until = zone
        .following(instant)
        .next()
        .map_or(i64::MAX, |transition| us(transition.timestamp()));
    Some((from, until, offset))
}

#[cfg(test)]
mod tests;
