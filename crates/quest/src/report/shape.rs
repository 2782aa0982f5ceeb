//! How latencies are spread, and how one slow request went: charts in SVG.

use std::fmt::Write as _;

use diagnosis::trace::Trace;

use super::{Done, chart::escaped};

const WIDTH: f64 = 860.0;
/// Where charts begin: names stand before it.
const NAMES: f64 = 230.0;
const ROW: f64 = 20.0;
/// Height of one histogram.
const HISTOGRAM: f64 = 64.0;
/// Classes of latency in each doubling: a class begins where it would have been cut once more.
const CLASS: f64 = std::f64::consts::SQRT_2;
/// Steps of one request that are drawn.
const SPANS_DRAWN_MAX: usize = 60;

/// One below the other over the same scale of time, so that they can be compared.
pub(super) fn histograms(experiments: &[&Done]) -> String {
    let ends = || {
        experiments
            .iter()
            .flat_map(|done| done.histogram.iter().map(|class| class[0]))
    };
    let least = ends().fold(f64::INFINITY, f64::min) / CLASS;
    let most = ends().fold(0.0, f64::max);
    if !least.is_finite() || most <= least {
        return String::new();
    }
    let x = |ms: f64| NAMES + (ms / least).log2() / (most / least).log2() * (WIDTH - NAMES - 20.0);
    let height = HISTOGRAM * experiments.len() as f64 + 24.0;
    let mut out =
        format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"latencies\">\n");
    for (at, done) in experiments.iter().enumerate() {
        let bottom = HISTOGRAM * (at as f64 + 1.0);
        let all: f64 = done.histogram.iter().map(|class| class[1]).sum();
        let highest = done.histogram.iter().map(|class| class[1]).fold(1e-9, f64::max);
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text class=\"soft\" x=\"{0}\" y=\"{:.1}\" text-anchor=\"end\">{all:.0} answers</text>\
             <line class=\"axis\" x1=\"{NAMES}\" y1=\"{bottom:.1}\" x2=\"{}\" y2=\"{bottom:.1}\"/>",
            NAMES - 8.0,
            bottom - 26.0,
            escaped(&done.id),
            bottom - 10.0,
            WIDTH - 20.0
        );
        for [end, count] in &done.histogram {
            let (from, to) = (x(end / CLASS), x(*end));
            let high = count / highest * (HISTOGRAM - 12.0);
            let _ = write!(
                out,
                "<rect class=\"bar\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{high:.1}\"><title>up to {end:.2} ms: {:.1} %</title></rect>",
                bottom - high,
                (to - from - 1.0).max(1.0),
                count / all.max(1.0) * 100.0
            );
        }
        out.push('\n');
    }
    // Powers of ten below them.
    for power in least.log10().ceil() as i32..=most.log10().floor() as i32 {
        let tick = 10_f64.powi(power);
        let _ = writeln!(
            out,
            "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick} ms</text>",
            x(tick),
            height - 6.0
        );
    }
    out.push_str("</svg>\n");
    out
}

/// The steps of one request, each from when it began to when it ended.
pub(super) fn waterfall(trace: &Trace) -> String {
    let spans = &trace.spans[..trace.spans.len().min(SPANS_DRAWN_MAX)];
    let whole = trace.took_ms.max(1e-6);
    let height = ROW * (spans.len() as f64 + 1.0) + 6.0;
    let mut out =
        format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"one slow request\">\n");
    let mut row = |at: usize, depth: u32, name: &str, began: f64, took: f64, note: &str| {
        let top = ROW * at as f64 + 2.0;
        let wide = WIDTH - NAMES - 90.0;
        let from = NAMES + (began / whole).clamp(0.0, 1.0) * wide;
        let long = (took / whole).clamp(0.0, 1.0) * wide;
        let shown: String = name.chars().take(34).collect();
        let _ = writeln!(
            out,
            "<g><title>{}</title><text x=\"{:.1}\" y=\"{:.1}\">{}</text>\
             <rect class=\"bar\" x=\"{from:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"14\"/>\
             <text class=\"soft\" x=\"{:.1}\" y=\"{2:.1}\">{took:.2} ms</text></g>",
            escaped(note),
            4.0 + f64::from(depth) * 8.0,
            top + 12.0,
            escaped(&shown),
            long.max(1.0),
            from + long + 4.0
        );
    };
    row(0, 0, &trace.name, 0.0, trace.took_ms, &trace.id);
    for (at, span) in spans.iter().enumerate() {
        row(
            at + 1,
            span.depth,
            &span.name,
            span.began_ms,
            span.took_ms,
            &span.note,
        );
    }
    out.push_str("</svg>\n");
    if trace.spans.len() > spans.len() {
        let _ = writeln!(
            out,
            "<p class=\"soft\">And {} steps more, in report.json.</p>",
            trace.spans.len() - spans.len()
        );
    }
    out
}
