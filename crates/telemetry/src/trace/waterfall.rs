//! A trace in the terminal: a line a step, indented by what it stands under, with a bar where its time was.

use std::fmt::Write;

use super::{
    id::SpanId,
    kept::{Kept, KeptSpan},
};

/// Columns of a terminal at least; narrower ones wrap.
const WIDTH_MIN: usize = 60;
/// Columns of a step's name and what it is about.
const NAME_MAX: usize = 44;
/// Columns of a time.
const TIME: usize = 11;

/// The trace as text for a terminal of so many columns.
pub fn waterfall(trace: &Kept, columns: usize) -> String {
    let mut out = String::new();
    head(&mut out, trace);
    let mut rows = vec![Row {
        name: "request".to_owned(),
        began_ns: 0,
        took_ns: trace.took_ns,
    }];
    below(&mut rows, trace, trace.span_id, "");
    let name = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let name = name.min(NAME_MAX);
    let bar = columns.max(WIDTH_MIN).saturating_sub(name + TIME + 2);
    for row in &rows {
        let text: String = row.name.chars().take(NAME_MAX).collect();
        let drawn = draw(row, trace.took_ns, bar);
        let _ = writeln!(
            out,
            "{text:name$} {:>TIME$} {}",
            time(row.took_ns),
            drawn.trim_end()
        );
    }
    let _ = writeln!(out, "steps explain {:.1} % of it", trace.explained() * 100.0);
    if trace.spans_lost > 0 {
        let _ = writeln!(out, "{} more steps found no room", trace.spans_lost);
    }
    out
}

fn head(out: &mut String, trace: &Kept) {
    let status = match trace.status {
        0 => "no answer".to_owned(),
        status => status.to_string(),
    };
    let _ = writeln!(
        out,
        "{} {} {} {status}, {} bytes, {}, kept: {}",
        trace.trace_id,
        plain(&trace.method),
        plain(&trace.route),
        trace.body_bytes,
        time(trace.took_ns),
        trace.kept.name()
    );
}

struct Row {
    name: String,
    began_ns: u64,
    took_ns: u64,
}

/// The steps under one, by their beginning.
fn below(rows: &mut Vec<Row>, trace: &Kept, parent: SpanId, indent: &str) {
    let mut children: Vec<&KeptSpan> = trace
        .spans
        .iter()
        .filter(|span| span.parent_id == parent && span.span_id != parent)
        .collect();
    children.sort_by_key(|span| (span.began_ns, std::cmp::Reverse(span.took_ns)));
    let last = children.len().saturating_sub(1);
    for (at, span) in children.into_iter().enumerate() {
        let (branch, rail) = if at == last {
            ("└ ", "  ")
        } else {
            ("├ ", "│ ")
        };
        // A trace that came from elsewhere could have a circle in it.
        if rows.len() > trace.spans.len() {
            return;
        }
        rows.push(Row {
            name: format!("{indent}{branch}{}", name(span)),
            began_ns: span.began_ns,
            took_ns: span.took_ns,
        });
        below(rows, trace, span.span_id, &format!("{indent}{rail}"));
    }
}

fn name(span: &KeptSpan) -> String {
    let mut name = plain(&span.step);
    for text in [&span.about, &span.database].into_iter().flatten() {
        name.push(' ');
        name.push_str(&plain(text));
    }
    if let Some(rows) = span.rows {
        let _ = write!(name, ", {rows} rows");
    }
    if let (Some(wants), Some(objects)) = (span.wants, span.objects) {
        let _ = write!(name, " of {wants}, {objects} objects");
    }
    if span.failed {
        name.push_str(" FAILED");
    }
    if span.unended {
        name.push_str(" (goes on)");
    }
    name
}

/// Eighths of a column, so that what is short is seen.
fn draw(row: &Row, total_ns: u64, columns: usize) -> String {
    if total_ns == 0 || columns == 0 {
        return String::new();
    }
    let eighths = |ns: u64| (ns as f64 / total_ns as f64 * (columns * 8) as f64).round() as usize;
    let from = eighths(row.began_ns).min(columns * 8 - 1);
    let to = eighths(row.began_ns.saturating_add(row.took_ns)).clamp(from + 1, columns * 8);
    let mut bar = " ".repeat(from / 8);
    let whole = (to / 8).saturating_sub(from / 8);
    bar.push_str(&"█".repeat(whole));
    if !to.is_multiple_of(8) && (to / 8 > from / 8 || whole == 0) {
        const PARTS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
        bar.push(PARTS[to % 8 - 1]);
    }
    bar
}

fn time(ns: u64) -> String {
    match ns {
        0..1_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        1_000_000..10_000_000_000 => format!("{:.2} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}

/// Without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

/// The list of traces as text.
pub fn list(lines: &[super::kept::Line]) -> String {
    let mut out = String::new();
    for line in lines {
        let status = match line.status {
            0 => "-".to_owned(),
            status => status.to_string(),
        };
        let _ = writeln!(
            out,
            "{} {:>TIME$} {status:>3} {:6} {:4} spans  {} {}",
            line.trace_id,
            time(line.took_ns),
            line.kept.name(),
            line.spans,
            plain(&line.method),
            plain(&line.route),
        );
    }
    out
}
