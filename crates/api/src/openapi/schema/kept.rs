//! Schemas of collections that are kept in revisions: what is read, and what may be written.

use model::{
    collection::Collection,
    column::Type,
    revisions::{Bounds, Field},
};
use serde_json::{Map, Value, json};

use super::{nullable, record, revision, value};
use crate::write::KEY_BYTES_MAX;

/// A record as it is read alone: the columns, then whose revision it is.
pub(super) fn shown(collection: &Collection) -> Value {
    let mut record = record(collection, true);
    if collection.revisions.is_some() {
        add(
            &mut record,
            &[
                ("revision", revision()),
                ("recorded_at", value(Type::Timestamptz)),
                ("author", nullable(value(Type::Text))),
                ("comment", nullable(value(Type::Text))),
            ],
        );
    }
    record
}

/// A record in a list.
pub(super) fn listed(collection: &Collection) -> Value {
    let mut record = record(collection, false);
    if collection.revisions.is_some() {
        record["properties"]["revision"] = revision();
    }
    record
}

/// Pages by time go both ways.
pub(super) fn page(item: &Value) -> Value {
    let mut page = super::page(item);
    page["properties"]["previous"] = json!({ "type": ["string", "null"], "description": "The `cursor` of the page before, in order of time." });
    page
}

pub(super) fn schemas(collection: &Collection, item: &Value, schemas: &mut Map<String, Value>) {
    let mut add = |name: &str, schema: Value| {
        schemas.insert(format!("{}.{name}", collection.name), schema);
    };
    add("pages", pages(collection, item));
    add("revision", whole(collection));
    let reference = json!({ "$ref": format!("#/components/schemas/{}.revision", collection.name) });
    add("history", super::page(&reference));
    add("written", written(collection));
    add("written_record", body(collection, true));
    add("patch", body(collection, false));
}

/// What was in two revisions.
pub(super) fn difference() -> Value {
    let mut about =
        json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false });
    add(
        &mut about,
        &[
            ("revision", revision()),
            ("recorded_at", value(Type::Timestamptz)),
            ("author", nullable(value(Type::Text))),
            ("comment", nullable(value(Type::Text))),
            ("deleted", value(Type::Bool)),
        ],
    );
    json!({
        "type": "object",
        "properties": {
            "from": about,
            "to": about,
            "changes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": { "field": { "type": "string" }, "from": {}, "to": {} },
                    "required": ["field", "from", "to"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["from", "to", "changes"],
        "additionalProperties": false,
    })
}

pub(super) fn imported() -> Value {
    let count = || json!({ "type": "integer", "minimum": 0 });
    json!({
        "type": "object",
        "properties": { "lines": count(), "revisions": count() },
        "required": ["lines", "revisions"],
        "additionalProperties": false,
    })
}

/// A key in a body.
pub(super) fn key(collection: &Collection) -> Value {
    let mut schema = value(collection.key_type());
    if collection.key_type() == Type::Text {
        schema["minLength"] = 1.into();
        schema["maxLength"] = (KEY_BYTES_MAX / 4).into();
        schema["pattern"] = NO_NUL.into();
    }
    let field = collection
        .revisions
        .as_ref()
        .map(|revisions| &revisions.fields[collection.key]);
    if let Some(field) = field {
        bound(&mut schema, field);
    }
    schema
}

const NO_NUL: &str = "^[^\\u0000]*$";

fn add(schema: &mut Value, members: &[(&str, Value)]) {
    for (name, member) in members {
        schema["properties"][name] = member.clone();
        if let Some(required) = schema["required"].as_array_mut() {
            required.push((*name).into());
        }
    }
}

/// Records of several objects.
fn pages(collection: &Collection, item: &Value) -> Value {
    let object = collection
        .revisions
        .as_ref()
        .map_or(collection.key, |revisions| revisions.object);
    json!({
        "type": "object",
        "properties": {
            "objects": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": value(collection.columns[object].kind),
                        "items": { "type": "array", "items": item },
                        "next": { "type": ["string", "null"], "description": "The `cursor` that goes on with `object`." },
                    },
                    "required": ["id", "items", "next"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["objects"],
        "additionalProperties": false,
    })
}

/// A revision with all that surrounds it: a line of an export.
fn whole(collection: &Collection) -> Value {
    let mut record = record(collection, false);
    if collection.column("id").is_none()
        && let Some(properties) = record["properties"].as_object_mut()
    {
        properties.remove("id");
    }
    record["required"] = record["properties"]
        .as_object()
        .map(|properties| properties.keys().cloned().collect::<Vec<_>>())
        .into();
    add(
        &mut record,
        &[
            ("revision", revision()),
            ("recorded_at", value(Type::Timestamptz)),
            ("superseded_at", nullable(value(Type::Timestamptz))),
            ("author", nullable(value(Type::Text))),
            ("comment", nullable(value(Type::Text))),
            ("deleted", value(Type::Bool)),
        ],
    );
    record
}

fn written(collection: &Collection) -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": value(collection.key_type()),
            "revision": revision(),
            "recorded_at": value(Type::Timestamptz),
        },
        "required": ["id", "revision", "recorded_at"],
        "additionalProperties": false,
    })
}

/// What a writer may say. Members that a read shows beside the columns may stay, and are passed over.
fn body(collection: &Collection, is_whole: bool) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let fields = collection
        .revisions
        .iter()
        .flat_map(|revisions| &revisions.fields);
    for (index, (column, field)) in collection.columns.iter().zip(fields).enumerate() {
        let schema = match (&field.computed, index == collection.key) {
            (Some(_), _) => json!({ "description": "Computed; passed over." }),
            (None, true) => key(collection),
            (None, false) => of_field(column.kind, field),
        };
        properties.insert(column.name.clone(), schema);
        // A key in the path need not be repeated.
        if is_whole && field.required && field.computed.is_none() && index != collection.key {
            required.push(column.name.clone());
        }
    }
    for name in model::revisions::ENVELOPE {
        properties.insert(
            name.to_owned(),
            json!({ "description": "As it was read; passed over." }),
        );
    }
    json!({
        "type": "object",
        "description": collection.title,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn of_field(kind: Type, field: &Field) -> Value {
    let mut schema = value(kind);
    if kind == Type::Text {
        schema["pattern"] = NO_NUL.into();
    }
    bound(&mut schema, field);
    if field.required { schema } else { nullable(schema) }
}

fn bound(schema: &mut Value, field: &Field) {
    match &field.bounds {
        None => {}
        Some(Bounds::Integer(least, most)) => set(schema, ["minimum", "maximum"], [least, most]),
        Some(Bounds::Float(least, most)) => set(schema, ["minimum", "maximum"], [least, most]),
        Some(Bounds::Length(least, most)) => set(schema, ["minLength", "maxLength"], [least, most]),
    }
}

fn set<T: Copy + Into<Value>>(schema: &mut Value, names: [&str; 2], ends: [&Option<T>; 2]) {
    for (name, end) in names.into_iter().zip(ends) {
        if let Some(end) = end {
            schema[name] = (*end).into();
        }
    }
}
