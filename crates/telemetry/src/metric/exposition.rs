//! Metrics as text: Prometheus' format 0.0.4, or OpenMetrics 1.0 for those who ask for it.

use std::fmt::Write;

use super::{
    Metric, Registry,
    family::{Kind, Series, Value},
    histogram::{Exemplar, Snapshot},
};

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// What every scraper reads.
    Prometheus,
    /// With exemplars and units.
    OpenMetrics,
}

impl Format {
    /// The one that `Accept` prefers; Prometheus' own if it says nothing.
    pub fn negotiate(accept: Option<&str>) -> Format {
        let mut best = (Format::Prometheus, 0.0_f32);
        for range in accept.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next() {
                Some("application/openmetrics-text") => Format::OpenMetrics,
                Some("text/plain" | "text/*" | "*/*") => Format::Prometheus,
                Some(_) | None => continue,
            };
            let quality = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1.0, |quality| quality.parse().unwrap_or(0.0));
            if quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    /// What the answer is said to be.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// All metrics of the registry.
pub fn write(registry: &Registry, format: Format) -> String {
    let mut out = String::with_capacity(64 * 1024);
    for metric in registry.gather() {
        write_metric(&mut out, &metric, format);
    }
    if format == Format::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

fn write_metric(out: &mut String, metric: &Metric, format: Format) {
    let description = &metric.description;
    let name = description.name;
    // OpenMetrics names a counter without the suffix that its samples have.
    let family = match (format, description.kind) {
        (Format::OpenMetrics, Kind::Counter) => name.strip_suffix("_total").unwrap_or(name),
        (Format::OpenMetrics | Format::Prometheus, _) => name,
    };
    let kind = match description.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let _ = writeln!(out, "# HELP {family} {}", escape_help(description.about, format));
    let _ = writeln!(out, "# TYPE {family} {kind}");
    if let (Format::OpenMetrics, Some(unit)) = (format, unit(family)) {
        let _ = writeln!(out, "# UNIT {family} {unit}");
    }
    for series in &metric.series {
        match &series.value {
            Value::Number(value) => {
                out.push_str(name);
                write_labels(out, description.labels, series, None);
                out.push(' ');
                write_number(out, *value);
                out.push('\n');
            }
            Value::Histogram(snapshot) => {
                let named = Named {
                    name,
                    snapshot,
                    format,
                };
                write_histogram(out, description.labels, series, &named);
            }
        }
    }
}

struct Named<'a> {
    name: &'a str,
    snapshot: &'a Snapshot,
    format: Format,
}

fn write_histogram(out: &mut String, labels: &[&str], series: &Series, named: &Named<'_>) {
    let Named {
        name,
        snapshot,
        format,
    } = named;
    let mut below = 0;
    let bounds = snapshot.bounds.iter().copied().chain([f64::INFINITY]);
    for ((bound, count), exemplar) in bounds.zip(&snapshot.counts).zip(&snapshot.exemplars) {
        below += count;
        let _ = write!(out, "{name}_bucket");
        write_labels(out, labels, series, Some(bound));
        let _ = write!(out, " {below}");
        if let (Format::OpenMetrics, Some(exemplar)) = (format, exemplar) {
            write_exemplar(out, exemplar);
        }
        out.push('\n');
    }
    let _ = write!(out, "{name}_sum");
    write_labels(out, labels, series, None);
    out.push(' ');
    write_number(out, snapshot.sum);
    let _ = write!(out, "\n{name}_count");
    write_labels(out, labels, series, None);
    let _ = writeln!(out, " {below}");
}

fn write_exemplar(out: &mut String, exemplar: &Exemplar) {
    let Exemplar { trace, value, at } = exemplar;
    let _ = write!(out, " # {{trace_id=\"{trace}\"}} ");
    write_number(out, *value);
    let _ = write!(out, " {at:.3}");
}

fn write_labels(out: &mut String, names: &[&str], series: &Series, bound: Option<f64>) {
    if names.is_empty() && bound.is_none() {
        return;
    }
    out.push('{');
    let mut first = true;
    let pairs = names.iter().zip(&series.labels);
    for (name, value) in pairs {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        let _ = write!(out, "{name}=\"");
        for letter in value.chars() {
            match letter {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    if let Some(bound) = bound {
        if !first {
            out.push(',');
        }
        out.push_str("le=\"");
        // OpenMetrics wants a point in it; the same text in both makes the same series of both.
        if bound.is_infinite() {
            out.push_str("+Inf");
        } else {
            let _ = write!(out, "{bound:?}");
        }
        out.push('"');
    }
    out.push('}');
}

fn write_number(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        let _ = write!(out, "{value}");
    }
}

/// The unit that a name ends in.
fn unit(family: &str) -> Option<&'static str> {
    ["seconds", "bytes", "ratio"]
        .into_iter()
        .find(|unit| family.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')))
}

fn escape_help(about: &str, format: Format) -> String {
    let text = about.replace('\\', "\\\\").replace('\n', "\\n");
    match format {
        Format::Prometheus => text,
        Format::OpenMetrics => text.replace('"', "\\\""),
    }
}
