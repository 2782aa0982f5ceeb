//! The reference page of metrics, from what is registered.

use std::fmt::Write;

use super::family::{Description, Kind};

/// The page in Markdown.
pub fn page(descriptions: &[Description]) -> String {
    let mut out = String::from(
        "# Metrics\n\n\
         Everything on `/metrics` of the admin listener.\n\
         `Accept: application/openmetrics-text` adds units and exemplars: the trace that explains a bucket's last observation.\n\
         Generated from what the server registers; `cargo xtask docs` writes it again.\n",
    );
    let mut subject = "";
    for description in descriptions {
        let name = description.name;
        let begins = subject_of(name);
        if begins != subject {
            subject = begins;
            let _ = write!(
                out,
                "\n## `{subject}`\n\n| metric | kind | labels | |\n|---|---|---|---|\n"
            );
        }
        let kind = match description.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<String> = description
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let about = description.about.replace('|', "\\|");
        let _ = writeln!(out, "| `{name}` | {kind} | {} | {about} |", labels.join(", "));
    }
    out
}

/// `sidequest_http_..` → `sidequest_http`; `process_..` → `process`.
fn subject_of(name: &str) -> &str {
    let words = if name.starts_with("sidequest_") { 2 } else { 1 };
    match name.match_indices('_').nth(words - 1) {
        Some((at, _)) => &name[..at],
        None => name,
    }
}
