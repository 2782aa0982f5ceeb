//! Bodies that an operation reads.

use model::collection::Collection;
use serde_json::{Value, json};
use store::revision::BULK_MAX;

use super::schema;
use crate::{
    router::{Route, Takes},
    transfer::LINES,
    write::{JSON, PATCH},
};

pub(super) fn of(route: &Route, collection: &Collection) -> Option<Value> {
    let (types, schema) = match route.body {
        Takes::Nothing => return None,
        Takes::Record => (JSON, reference(collection, "written_record")),
        Takes::Patch => (PATCH, reference(collection, "patch")),
        Takes::Revert => (JSON, revert()),
        Takes::Bulk => (JSON, bulk(collection)),
        Takes::Lines => (LINES, json!({ "type": "string" })),
    };
    let content: serde_json::Map<String, Value> = types
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "schema": schema })))
        .collect();
    Some(json!({ "required": true, "content": content }))
}

fn reference(collection: &Collection, name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}.{name}", collection.name) })
}

fn revert() -> Value {
    json!({
        "type": "object",
        "properties": { "to": schema::revision() },
        "required": ["to"],
        "additionalProperties": false,
    })
}

fn bulk(collection: &Collection) -> Value {
    let change = |op: &str, members: &[(&str, Value)]| {
        let mut schema = json!({
            "type": "object",
            "properties": {
                "op": { "type": "string", "enum": [op] },
                "author": { "type": ["string", "null"], "maxLength": crate::author::AUTHOR_CHARS_MAX },
                "comment": { "type": ["string", "null"], "maxLength": crate::author::COMMENT_CHARS_MAX },
            },
            "required": ["op"],
            "additionalProperties": false,
        });
        for (name, member) in members {
            schema["properties"][name] = member.clone();
            if let Some(required) = schema["required"].as_array_mut() {
                required.push((*name).into());
            }
        }
        schema
    };
    let record = || ("record", reference(collection, "written_record"));
    let key = || ("key", schema::body_key(collection));
    let revision = || ("revision", schema::revision());
    let changes = [
        change("create", &[record()]),
        change("replace", &[key(), revision(), record()]),
        change(
            "patch",
            &[key(), revision(), ("record", reference(collection, "patch"))],
        ),
        change("delete", &[key(), revision()]),
        change("revert", &[key(), revision(), ("to", schema::revision())]),
    ];
    json!({
        "type": "object",
        "properties": {
            "changes": { "type": "array", "items": { "anyOf": changes }, "minItems": 1, "maxItems": BULK_MAX },
        },
        "required": ["changes"],
        "additionalProperties": false,
    })
}
