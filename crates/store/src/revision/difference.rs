//! What differs between two revisions of a record: column by column, and as a JSON Patch.

use model::collection::Collection;
use serde_json::{Map, Value, json};

use super::Revision;

/// A column that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its name.
    pub field: String,
    /// Its value in the one.
    pub from: Value,
    /// Its value in the other.
    pub to: Value,
}

/// The declared columns whose values differ, in the collection's order.
pub fn fields(collection: &Collection, from: &Revision, to: &Revision) -> Vec<Difference> {
    let (from, to) = (members(from), members(to));
    let value = |members: &Map<String, Value>, name: &str| members.get(name).cloned().unwrap_or_default();
    collection
        .columns
        .iter()
        .map(|column| Difference {
            field: column.name.clone(),
            from: value(&from, &column.name),
            to: value(&to, &column.name),
        })
        .filter(|difference| difference.from != difference.to)
        .collect()
}

/// The same as a JSON Patch (RFC 6902) that makes the other's columns of the one's. Columns are always there,
/// null if need be, so each operation is a `replace`; a difference within a column of JSON replaces it whole.
pub fn patch(collection: &Collection, from: &Revision, to: &Revision) -> Value {
    let operations = fields(collection, from, to).into_iter().map(|difference| {
        json!({ "op": "replace", "path": format!("/{}", pointer(&difference.field)), "value": difference.to })
    });
    Value::Array(operations.collect())
}

/// A member's name in a JSON Pointer (RFC 6901).
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn members(revision: &Revision) -> Map<String, Value> {
    let mut text = Vec::with_capacity(revision.members.len() + 2);
    text.push(b'{');
    text.extend_from_slice(&revision.members);
    text.push(b'}');
    // We wrote it ourselves; a column of JSON that PostgreSQL takes and this parser does not is shown as null.
    serde_json::from_slice(&text).unwrap_or_default()
}
