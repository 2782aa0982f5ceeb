//! A series as JSON: its points, and the trend, changes, outliers and gaps that are asked for.

use model::{column::Type, section::Every};
use store::value;

use crate::{
    bucket::{Bucket, start_of},
    decimal,
    layout::SeriesShape,
    measure::{self, Change},
};

/// Decimals of slopes, means and scores: they describe, they are not data.
const DIGITS: u8 = 4;

/// The buckets with rows, their measures as JSON members already. Flat: a document has hundreds of points.
#[derive(Default)]
pub(crate) struct Points {
    measures: usize,
    buckets: Vec<Bucket>,
    /// `,"flights":3,"delay":1.5` of each point, one after the other.
    members: Vec<u8>,
    /// Where the members of each point end.
    ends: Vec<usize>,
    /// By point, then measure; none where null.
    numbers: Vec<Option<f64>>,
}

impl Points {
    /// Forgets the points; the next have so many measures.
    pub(crate) fn clear(&mut self, measures: usize) {
        self.measures = measures;
        self.buckets.clear();
        self.members.clear();
        self.ends.clear();
        self.numbers.clear();
    }

    /// Appends a point: `fill` writes its members, each with a comma before it, and its numbers.
    pub(crate) fn push(&mut self, bucket: Bucket, fill: impl FnOnce(&mut Vec<u8>, &mut Vec<Option<f64>>)) {
        self.buckets.push(bucket);
        fill(&mut self.members, &mut self.numbers);
        self.ends.push(self.members.len());
    }

    fn members(&self, point: usize) -> &[u8] {
        let from = point.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.members[from..self.ends[point]]
    }
}

/// Writes a section of a series.
pub(crate) fn write(shape: &SeriesShape, points: &Points, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"points\":[");
    for (at, bucket) in points.buckets.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"time\":" } else { b"{\"time\":" });
        write_start(shape, bucket.start, out);
        out.extend_from_slice(points.members(at));
        out.push(b'}');
    }
    out.push(b']');
    if let Some(of) = shape.trend {
        write_trend(points, of, out);
    }
    if let Some(of) = shape.changes {
        write_changes(shape, points, of, out);
    }
    if let Some(of) = shape.outliers {
        write_outliers(shape, points, of, out);
    }
    if shape.gaps {
        write_gaps(shape, points, out);
    }
    out.push(b'}');
}

/// Points that have the measure: index, number of the bucket counted from the first, value.
fn present(points: &Points, of: usize) -> (Vec<usize>, Vec<f64>, Vec<f64>) {
    let first = points.buckets.first().map_or(0, |bucket| bucket.number);
    let mut found = (Vec::new(), Vec::new(), Vec::new());
    for (at, bucket) in points.buckets.iter().enumerate() {
        let number = points.numbers[at * points.measures + of];
        if let Some(number) = number.filter(|number| number.is_finite()) {
            found.0.push(at);
            found.1.push((bucket.number - first) as f64);
            found.2.push(number);
        }
    }
    found
}

fn write_trend(points: &Points, of: usize, out: &mut Vec<u8>) {
    let (_, xs, ys) = present(points, of);
    out.extend_from_slice(b",\"trend\":");
    match measure::trend(&xs, &ys) {
        None => out.extend_from_slice(b"null"),
        Some(trend) => {
            write_member(b"{\"slope\":", trend.slope, out);
            write_member(b",\"start\":", trend.intercept, out);
            write_member(b",\"r2\":", trend.r2, out);
            out.push(b'}');
        }
    }
}

fn write_changes(shape: &SeriesShape, points: &Points, of: usize, out: &mut Vec<u8>) {
    let (indices, _, ys) = present(points, of);
    out.extend_from_slice(b",\"changes\":[");
    for (at, Change { first, before, after }) in measure::changes(&ys).into_iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"time\":" } else { b"{\"time\":" });
        write_start(shape, points.buckets[indices[first]].start, out);
        write_member(b",\"before\":", before, out);
        write_member(b",\"after\":", after, out);
        out.push(b'}');
    }
    out.push(b']');
}

fn write_outliers(shape: &SeriesShape, points: &Points, of: usize, out: &mut Vec<u8>) {
    let (indices, _, ys) = present(points, of);
    out.extend_from_slice(b",\"outliers\":[");
    for (at, outlier) in measure::outliers(&ys).into_iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"time\":" } else { b"{\"time\":" });
        write_start(shape, points.buckets[indices[outlier.at]].start, out);
        out.extend_from_slice(b",\"value\":");
        value::write_float(ys[outlier.at], out);
        write_member(b",\"score\":", outlier.score, out);
        out.push(b'}');
    }
    out.push(b']');
}

fn write_gaps(shape: &SeriesShape, points: &Points, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"gaps\":[");
    let mut any = false;
    for pair in points.buckets.windows(2) {
        let (before, after) = (pair[0], pair[1]);
        let missing = after.number - before.number - 1;
        if missing > 0 {
            out.extend_from_slice(if any { b",{\"from\":" } else { b"{\"from\":" });
            any = true;
            let from = match shape.every {
                Every::Hour => before.start + 3_600_000_000,
                Every::Day | Every::Week | Every::Month | Every::Quarter | Every::Year => {
                    start_of(shape.every, before.number + 1)
                }
            };
            write_start(shape, from, out);
            out.extend_from_slice(b",\"until\":");
            write_start(shape, after.start, out);
            out.extend_from_slice(b",\"buckets\":");
            value::write_integer(Type::Int8, missing, out);
            out.push(b'}');
        }
    }
    out.push(b']');
}

fn write_start(shape: &SeriesShape, start: i64, out: &mut Vec<u8>) {
    let kind = match (shape.every, shape.kind) {
        (Every::Hour, Type::Date) => Type::Timestamp,
        (Every::Hour, kind) => kind,
        _ => Type::Date,
    };
    value::write_integer(kind, start, out);
}

fn write_member(label: &[u8], number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(label);
    value::write_float(decimal::round(number, DIGITS), out);
}
