//! What differs between two analyses: a list of changes by path, for people and for programs.
//!
//! Rows of an array are paired by what names them, not by their place: the first members of its objects that
//! tell all of them apart, which are a group's dimensions, a point's time, a row's time and number. One more row
//! is then one change, not a change of each row behind it.

use std::collections::HashMap;

use serde_json::Value;

/// Members that name a row at most.
const NAMES_MAX: usize = 4;

/// One place where two documents differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// A JSON Pointer into the later document, or, of what is gone, into the earlier.
    pub path: String,
    /// What stood there; none: nothing.
    pub from: Option<Value>,
    /// What stands there; none: nothing.
    pub to: Option<Value>,
}

/// All changes, in the order of the documents; none where they are equal. A document that was not there is none.
pub fn changes(from: Option<&Value>, to: Option<&Value>) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", from, to, &mut changes);
    changes
}

fn compare(path: &str, from: Option<&Value>, to: Option<&Value>, changes: &mut Vec<Change>) {
    match (from, to) {
        (Some(from), Some(to)) if from == to => {}
        (Some(Value::Object(from)), Some(Value::Object(to))) => {
            for (name, value) in to {
                compare(&below(path, name), from.get(name), Some(value), changes);
            }
            for (name, value) in from.iter().filter(|(name, _)| !to.contains_key(*name)) {
                compare(&below(path, name), Some(value), None, changes);
            }
        }
        (Some(Value::Array(from)), Some(Value::Array(to))) => arrays(path, from, to, changes),
        (None, None) => {}
        (from, to) => changes.push(Change {
            path: path.to_owned(),
            from: from.cloned(),
            to: to.cloned(),
        }),
    }
}

fn arrays(path: &str, from: &[Value], to: &[Value], changes: &mut Vec<Change>) {
    let place = |at: usize| below(path, &at.to_string());
    let Some(names) = (1..=NAMES_MAX).find(|names| is_told_apart(from, *names) && is_told_apart(to, *names))
    else {
        // Nothing names them: the place does.
        for at in 0..from.len().max(to.len()) {
            compare(&place(at), from.get(at), to.get(at), changes);
        }
        return;
    };
    let before: HashMap<String, &Value> = from.iter().map(|row| (name(row, names), row)).collect();
    let after: HashMap<String, &Value> = to.iter().map(|row| (name(row, names), row)).collect();
    for (at, row) in to.iter().enumerate() {
        compare(
            &place(at),
            before.get(&name(row, names)).copied(),
            Some(row),
            changes,
        );
    }
    for (at, row) in from.iter().enumerate() {
        if !after.contains_key(&name(row, names)) {
            compare(&place(at), Some(row), None, changes);
        }
    }
}

/// Whether the first members of its objects tell all of them apart.
fn is_told_apart(rows: &[Value], names: usize) -> bool {
    let mut seen = std::collections::HashSet::new();
    rows.iter()
        .all(|row| row.as_object().is_some_and(|row| row.len() >= names) && seen.insert(name(row, names)))
}

fn name(row: &Value, names: usize) -> String {
    let members = row.as_object().into_iter().flatten().take(names);
    members.map(|(_, value)| format!("{value},")).collect()
}

/// A member's path, as RFC 6901 writes it.
fn below(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests;
