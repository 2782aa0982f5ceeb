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

/// One bucket with rows, its measures as JSON members already.
pub(crate) struct Point {
    pub(crate) bucket: Bucket,
    /// `"flights":3,"delay":1.5`
    pub(crate) members: Vec<u8>,
    /// By measure; none where null.
    pub(crate) numbers: Vec<Option<f64>>,
}

/// Writes a section of a series.
pub(crate) fn write(shape: &SeriesShape, points: &[Point], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"points\":[");
    for (at, point) in points.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"time\":" } else { b"{\"time\":" });
        write_start(shape, point.bucket.start, out);
        if !point.members.is_empty() {
            out.push(b',');
            out.extend_from_slice(&point.members);
        }
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
fn present(points: &[Point], of: usize) -> (Vec<usize>, Vec<f64>, Vec<f64>) {
    let first = points.first().map_or(0, |point| point.bucket.number);
    let mut found = (Vec::new(), Vec::new(), Vec::new());
    for (at, point) in points.iter().enumerate() {
        if let Some(number) = point.numbers[of].filter(|number| number.is_finite()) {
            found.0.push(at);
            found.1.push((point.bucket.number - first) as f64);
            found.2.push(number);
        }
    }
    found
}

fn write_trend(points: &[Point], of: usize, out: &mut Vec<u8>) {
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

fn write_changes(shape: &SeriesShape, points: &[Point], of: usize, out: &mut Vec<u8>) {
    let (indices, _, ys) = present(points, of);
    out.extend_from_slice(b",\"changes\":[");
    for (at, Change { first, before, after }) in measure::changes(&ys).into_iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"time\":" } else { b"{\"time\":" });
        write_start(shape, points[indices[first]].bucket.start, out);
        write_member(b",\"before\":", before, out);
        write_member(b",\"after\":", after, out);
        out.push(b'}');
    }
    out.push(b']');
}

fn write_outliers(shape: &SeriesShape, points: &[Point], of: usize, out: &mut Vec<u8>) {
    let (indices, _, ys) = present(points, of);
    out.extend_from_slice(b",\"outliers\":[");
    for (at, outlier) in measure::outliers(&ys).into_iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"time\":" } else { b"{\"time\":" });
        write_start(shape, points[indices[outlier.at]].bucket.start, out);
        out.extend_from_slice(b",\"value\":");
        value::write_float(ys[outlier.at], out);
        write_member(b",\"score\":", outlier.score, out);
        out.push(b'}');
    }
    out.push(b']');
}

fn write_gaps(shape: &SeriesShape, points: &[Point], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"gaps\":[");
    let mut any = false;
    for pair in points.windows(2) {
        let (before, after) = (pair[0].bucket, pair[1].bucket);
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
