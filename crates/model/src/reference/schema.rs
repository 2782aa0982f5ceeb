//! The JSON Schema of the model file. It says what the tables of keys say; names that must be
//! declared elsewhere, and the expressions, are for `sidequest check`.

use serde_json::{Map, Value, json};

use crate::{
    column::Type,
    declare::{
        key::{Form, Key, Kind, Need, Style, Table},
        table,
    },
    section::Every,
};

/// Schemas of the tables, by the names that references use.
const DEFINITIONS: [(&str, &Table); 6] = [
    ("database", &table::DATABASE),
    ("collection", &table::COLLECTION),
    ("dataset", &table::DATASET),
    ("join", &table::JOIN),
    ("section", &table::SECTION),
    ("top", &table::TOP),
];

pub(super) fn schema() -> Value {
    let mut root = object(&table::ROOT);
    let definitions: Map<String, Value> = DEFINITIONS
        .iter()
        .map(|(name, table)| ((*name).to_owned(), Value::Object(object(table))))
        .collect();
    let mut schema = Map::new();
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("title".to_owned(), json!("A model of Sidequest"));
    schema.append(&mut root);
    schema.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(schema)
}

/// A table with its keys.
fn object(table: &Table) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), json!(table.doc));
    schema.insert("type".to_owned(), json!("object"));
    let properties: Map<String, Value> = table
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), Value::Object(property(key))))
        .collect();
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema.insert("additionalProperties".to_owned(), json!(false));
    let required = required(table, |key| key.forms.is_empty());
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    if table.keys.iter().any(|key| !key.forms.is_empty()) {
        let keys: Vec<Value> = Form::ALL
            .iter()
            .map(|form| json!({ "required": [form.key()] }))
            .collect();
        schema.insert("anyOf".to_owned(), json!(keys));
        let forms: Vec<Value> = Form::ALL.iter().map(|form| self::form(table, *form)).collect();
        schema.insert("allOf".to_owned(), json!(forms));
    }
    schema
}

/// If a section has the form's key, it has what the form needs and nothing of the others.
fn form(table: &Table, form: Form) -> Value {
    let here = |key: &Key| key.forms.contains(&form);
    let others = table
        .keys
        .iter()
        .filter(|key| !key.forms.is_empty() && !here(key));
    let absent: Map<String, Value> = others.map(|key| (key.name.to_owned(), json!(false))).collect();
    let condition = match form {
        // `measures` belong to a series too.
        Form::Groups => json!({ "required": [form.key()], "not": { "required": [Form::Series.key()] } }),
        Form::Rows | Form::Series | Form::Own => json!({ "required": [form.key()] }),
    };
    json!({ "if": condition, "then": { "required": required(table, here), "properties": absent } })
}

fn required(table: &Table, of: impl Fn(&Key) -> bool) -> Vec<&'static str> {
    table
        .keys
        .iter()
        .filter(|key| key.need == Need::Required && of(key))
        .map(|key| key.name)
        .collect()
}

fn property(key: &Key) -> Map<String, Value> {
    let mut schema = Map::new();
    let description = match key.need {
        Need::Required => key.doc.to_owned(),
        Need::Default(default) => format!("{} Default: {default}.", key.doc),
    };
    schema.insert("description".to_owned(), json!(description));
    let mut kind = match &key.kind {
        Kind::Text(style) => text(*style),
        Kind::Integer(least, most) => {
            entries(json!({ "type": "integer", "minimum": least, "maximum": most }))
        }
        Kind::Flag => entries(json!({ "type": "boolean" })),
        Kind::Names(style) => entries(list(*style)),
        Kind::Pairs { key, value } => entries(pairs(*key, *value)),
        Kind::Entries { listed, value } => {
            entries(json!({ "oneOf": [list(*listed), pairs(Style::Member, *value)] }))
        }
        Kind::Table(table) => entries(reference(table)),
        Kind::Tables(table) => entries(json!({
            "type": "object",
            "propertyNames": { "pattern": Style::Name.pattern() },
            "additionalProperties": reference(table),
        })),
        Kind::List(table) => entries(json!({ "type": "array", "items": reference(table), "minItems": 1 })),
    };
    schema.append(&mut kind);
    schema
}

fn entries(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => Map::from_iter([("const".to_owned(), other)]),
    }
}

fn reference(table: &Table) -> Value {
    let name = DEFINITIONS
        .iter()
        .find(|(_, known)| known.header == table.header)
        .map(|(name, _)| *name);
    json!({ "$ref": format!("#/$defs/{}", name.unwrap_or_default()) })
}

fn text(style: Style) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("string"));
    let names = match style {
        Style::Type => Some(json!(Type::ALL.map(Type::name))),
        Style::Every => Some(json!(Every::ALL.map(Every::name))),
        Style::Prose
        | Style::Name
        | Style::ModelName
        | Style::Path
        | Style::Member
        | Style::Reference
        | Style::Order
        | Style::Relation
        | Style::File
        | Style::Sql
        | Style::Duration
        | Style::Bounds
        | Style::Zone
        | Style::Condition
        | Style::Measure => None,
    };
    match names {
        Some(names) => schema.insert("enum".to_owned(), names),
        None => schema.insert("minLength".to_owned(), json!(1)),
    };
    if let Some(pattern) = style.pattern() {
        schema.insert("pattern".to_owned(), json!(pattern));
    }
    schema
}

fn list(style: Style) -> Value {
    json!({ "type": "array", "items": text(style) })
}

fn pairs(key: Style, value: Style) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    if let Some(pattern) = key.pattern() {
        schema.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
    }
    schema.insert("additionalProperties".to_owned(), Value::Object(text(value)));
    Value::Object(schema)
}
