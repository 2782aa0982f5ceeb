//! A slow request of the target, from where it keeps its traces: a page of ours, or of Jaeger.

use diagnosis::trace::{SPANS_MAX, Span, Trace};
use serde_json::Value;
use std::time::Duration;

use crate::{fetch::Fetcher, observer::State};

/// A page of traces is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Letters of a note.
const NOTE_MAX: usize = 300;

/// The slowest of those that are kept.
pub(crate) fn slowest(fetcher: &mut Fetcher, path: &str) -> Result<Trace, State> {
    let page = ask(fetcher, path)?;
    if let Some(found) = page["data"].as_array() {
        return of_jaeger(found).ok_or_else(none);
    }
    let listed = page
        .as_array()
        .or_else(|| page["traces"].as_array())
        .ok_or_else(|| State::Absent("is neither our list of traces nor one of Jaeger's".to_owned()))?;
    let id = listed
        .iter()
        .filter(|line| line["status"].as_u64().is_some_and(|status| status < 400))
        .max_by_key(|line| line["took_ns"].as_u64().unwrap_or(0))
        .and_then(|line| line["trace_id"].as_str())
        .ok_or_else(none)?;
    let kept = ask(fetcher, &format!("{}/{id}", path.trim_end_matches('/')))?;
    of_ours(&kept).ok_or_else(none)
}

fn none() -> State {
    State::Absent("no trace of an answered request is kept there".to_owned())
}

fn ask(fetcher: &mut Fetcher, path: &str) -> Result<Value, State> {
    fetcher.aim(path.to_owned());
    let answer = fetcher.get(PATIENCE).map_err(State::Absent)?;
    match answer.status {
        200 => serde_json::from_slice(&answer.body)
            .map_err(|error| State::Absent(format!("does not answer in JSON: {error}"))),
        401 | 403 => Err(State::Denied(format!("answers {}", answer.status))),
        status => Err(State::Absent(format!("answers {status}"))),
    }
}

fn of_ours(kept: &Value) -> Option<Trace> {
    let ms = |value: &Value| value.as_f64().map(|ns| ns / 1e6);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let root = text(&kept["span_id"]);
    let spans = kept["spans"].as_array()?;
    let mut depths = std::collections::BTreeMap::from([(root, 0_u32)]);
    let mut told = Vec::new();
    for span in spans.iter().take(SPANS_MAX) {
        let depth = depths.get(&text(&span["parent_id"])).map_or(1, |depth| depth + 1);
        depths.insert(text(&span["span_id"]), depth);
        let name = match span["about"].as_str() {
            Some(about) => format!("{} {about}", text(&span["step"])),
            None => text(&span["step"]),
        };
        told.push(Span {
            depth,
            name,
            began_ms: ms(&span["began_ns"])?,
            took_ms: ms(&span["took_ns"])?,
            note: shortened(span["sql"].as_str().unwrap_or_default()),
        });
    }
    Some(Trace {
        id: text(&kept["trace_id"]),
        name: format!("{} {}", text(&kept["method"]), text(&kept["route"])),
        took_ms: ms(&kept["took_ns"])?,
        spans: told,
    })
}

/// Jaeger's times are in microseconds since 1970, and its spans stand in no order.
fn of_jaeger(found: &[Value]) -> Option<Trace> {
    let took = |trace: &Value| -> f64 {
        let spans = trace["spans"].as_array().into_iter().flatten();
        spans
            .filter_map(|span| span["duration"].as_f64())
            .fold(0.0, f64::max)
    };
    let trace = found
        .iter()
        .max_by(|one, other| took(one).total_cmp(&took(other)))?;
    let spans = trace["spans"].as_array()?;
    let parent = |span: &Value| {
        span["references"]
            .as_array()
            .and_then(|references| references.first())
            .and_then(|reference| reference["spanID"].as_str())
            .map(str::to_owned)
    };
    let began = |span: &Value| span["startTime"].as_f64().unwrap_or(0.0);
    let known: Vec<&str> = spans.iter().filter_map(|span| span["spanID"].as_str()).collect();
    let root = spans.iter().find(|span| {
        let parent = parent(span);
        parent.is_none_or(|parent| !known.contains(&parent.as_str()))
    })?;
    let mut told = Vec::new();
    let mut open: Vec<(&Value, u32)> = vec![(root, 0)];
    while let Some((span, depth)) = open.pop() {
        if told.len() >= SPANS_MAX {
            break;
        }
        if depth > 0 {
            let statement = span["tags"].as_array().into_iter().flatten().find(|tag| {
                tag["key"]
                    .as_str()
                    .is_some_and(|key| key == "db.statement" || key == "db.query.text")
            });
            told.push(Span {
                depth,
                name: span["operationName"].as_str().unwrap_or_default().to_owned(),
                began_ms: (began(span) - began(root)) / 1e3,
                took_ms: span["duration"].as_f64().unwrap_or(0.0) / 1e3,
                note: shortened(
                    statement
                        .and_then(|tag| tag["value"].as_str())
                        .unwrap_or_default(),
                ),
            });
        }
        let id = span["spanID"].as_str();
        let mut below: Vec<&Value> = spans
            .iter()
            .filter(|child| id.is_some() && parent(child).as_deref() == id)
            .collect();
        // The last one is taken first.
        below.sort_by(|one, other| began(other).total_cmp(&began(one)));
        open.extend(below.into_iter().map(|child| (child, depth + 1)));
    }
    Some(Trace {
        id: trace["traceID"].as_str().unwrap_or_default().to_owned(),
        name: root["operationName"].as_str().unwrap_or_default().to_owned(),
        took_ms: root["duration"].as_f64()? / 1e3,
        spans: told,
    })
}

fn shortened(text: &str) -> String {
    let text: Vec<&str> = text.split_whitespace().collect();
    text.join(" ").chars().take(NOTE_MAX).collect()
}

#[cfg(test)]
mod tests;
