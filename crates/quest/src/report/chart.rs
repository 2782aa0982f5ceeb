//! Charts in SVG: bars of attribution, curves of throughput and latency.

use std::fmt::Write as _;

use diagnosis::{attribution::Attribution, verdict::Verdict};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 30.0;
const ROW: f64 = 24.0;
/// Where bars begin: the names stand before it.
const NAMES: f64 = 330.0;
/// Rows that grew or are less than this are left out of the picture; the table of the text has their sum.
const SMALL_MS: f64 = 0.02;

/// Text that may hold anything.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Each part at high load as a bar, with what of it was there at low load.
pub(super) fn attribution(attribution: &Attribution) -> String {
    let mut rows: Vec<_> = attribution
        .rows
        .iter()
        .filter(|row| row.low_ms.abs() >= SMALL_MS || row.high_ms.abs() >= SMALL_MS)
        .collect();
    rows.sort_by(|one, other| other.high_ms.total_cmp(&one.high_ms));
    let most = rows
        .iter()
        .map(|row| row.high_ms.max(row.low_ms))
        .fold(1e-9, f64::max);
    let height = ROW * rows.len() as f64 + 10.0;
    let mut out =
        format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"parts of latency\">\n");
    for (at, row) in rows.iter().enumerate() {
        let top = ROW * at as f64 + 4.0;
        let long = |ms: f64| (ms.max(0.0) / most * (WIDTH - NAMES - 190.0)).max(0.0);
        let name = row.part.words(&row.subject);
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar\" opacity=\".35\" x=\"{NAMES}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"16\"/>\
             <rect class=\"bar\" x=\"{NAMES}\" y=\"{:.1}\" width=\"{:.1}\" height=\"6\"/>\
             <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\">{:.2} to {:.2} ms, {:+.0} % of growth</text>",
            NAMES - 8.0,
            top + 12.0,
            escaped(&name),
            long(row.high_ms),
            top + 5.0,
            long(row.low_ms),
            NAMES + long(row.high_ms).max(long(row.low_ms)) + 6.0,
            top + 12.0,
            row.low_ms,
            row.high_ms,
            row.share.mid * 100.0
        );
    }
    out.push_str("</svg>\n<p class=\"soft\">Pale: at high load. Dark: at low load.</p>\n");
    out
}

/// Answers a second against users, with the nearest limit and the knee.
pub(super) fn throughput(verdict: &Verdict) -> String {
    let points: Vec<(f64, f64)> = verdict
        .steps
        .iter()
        .map(|step| (step.users, step.rate.mid))
        .collect();
    let limit = verdict
        .limits
        .first()
        .map(|limit| (limit.rate.mid, limit.resource.clone()));
    let knee = verdict.knee.as_ref().map(|knee| knee.users.mid);
    curve("answers a second", &points, limit, knee)
}

/// Mean latency against users.
pub(super) fn latency(verdict: &Verdict) -> String {
    let points: Vec<(f64, f64)> = verdict
        .steps
        .iter()
        .map(|step| (step.users, step.latency_ms.mid))
        .collect();
    let knee = verdict.knee.as_ref().map(|knee| knee.users.mid);
    curve("mean latency, ms", &points, None, knee)
}

fn curve(name: &str, points: &[(f64, f64)], limit: Option<(f64, String)>, knee: Option<f64>) -> String {
    let users_max = points.iter().map(|point| point.0).fold(2.0, f64::max);
    let seen = points.iter().map(|point| point.1).fold(1e-9, f64::max);
    // A limit far beyond what was seen would flatten the curve.
    let limit = limit.filter(|(rate, _)| rate.is_finite() && *rate <= seen * 2.0);
    let top = limit.as_ref().map_or(seen, |(rate, _)| seen.max(*rate)) * 1.1;
    // Users double from step to step.
    let x = |users: f64| LEFT + users.max(1.0).log2() / users_max.log2() * (WIDTH - LEFT - 20.0);
    let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - BOTTOM - 20.0);
    let mut out = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{name}\">\n");
    let _ = writeln!(
        out,
        "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{0}\" x2=\"{1}\" y2=\"{0}\"/><text x=\"4\" y=\"14\">{name}</text>",
        HEIGHT - BOTTOM,
        WIDTH - 20.0
    );
    for (users, value) in points {
        let _ = writeln!(
            out,
            "<circle class=\"dot\" cx=\"{0:.1}\" cy=\"{1:.1}\" r=\"4\"><title>{users:.0} users: {value:.2}</title></circle>\
             <text class=\"soft\" x=\"{0:.1}\" y=\"{2:.1}\" text-anchor=\"middle\">{users:.0}</text>",
            x(*users),
            y(*value),
            HEIGHT - BOTTOM + 16.0
        );
    }
    let line: Vec<String> = points
        .iter()
        .map(|(users, value)| format!("{:.1},{:.1}", x(*users), y(*value)))
        .collect();
    let _ = writeln!(out, "<polyline class=\"curve\" points=\"{}\"/>", line.join(" "));
    if let Some((rate, resource)) = limit {
        let _ = writeln!(
            out,
            "<line class=\"mark\" stroke-dasharray=\"6 4\" x1=\"{LEFT}\" y1=\"{0:.1}\" x2=\"{1}\" y2=\"{0:.1}\"/>\
             <text x=\"{LEFT}\" y=\"{2:.1}\">limit of {3}: {rate:.0}</text>",
            y(rate),
            WIDTH - 20.0,
            y(rate) - 4.0,
            escaped(&resource)
        );
    }
    if let Some(knee) = knee.filter(|knee| *knee >= 1.0 && *knee <= users_max) {
        let _ = writeln!(
            out,
            "<line class=\"mark\" x1=\"{0:.1}\" y1=\"20\" x2=\"{0:.1}\" y2=\"{1}\"/><text x=\"{2:.1}\" y=\"32\">knee: {knee:.1} users</text>",
            x(knee),
            HEIGHT - BOTTOM,
            x(knee) + 5.0
        );
    }
    let _ = writeln!(
        out,
        "<text class=\"soft\" x=\"4\" y=\"{:.1}\">{:.0}</text><text class=\"soft\" x=\"{WIDTH}\" y=\"{}\" text-anchor=\"end\">users</text>\n</svg>",
        y(seen) + 4.0,
        seen,
        HEIGHT - 2.0
    );
    out
}
