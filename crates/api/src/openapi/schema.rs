//! JSON Schemas of records, sections and values.

use model::{
    collection::Collection,
    column::{Column, Type},
    dataset::DatasetColumn,
    expression::Measure,
    model::Model,
    section::{Every, Kind, Named, Section, Series, Shown},
};
use serde_json::{Map, Value, json};

use crate::problem;

mod kept;

/// All named schemas.
pub(super) fn all(model: &Model) -> Value {
    let mut schemas = Map::new();
    schemas.insert("Problem".into(), problem_document());
    schemas.insert("Field".into(), json!({ "type": "string", "enum": fields(model) }));
    for collection in &model.collections {
        schemas.insert(collection.name.clone(), kept::shown(collection));
        let item = kept::listed(collection);
        if collection.revisions.is_some() {
            schemas.insert(format!("{}.page", collection.name), kept::page(&item));
            kept::schemas(collection, &item, &mut schemas);
        } else {
            schemas.insert(format!("{}.page", collection.name), page(&item));
        }
    }
    schemas.insert("Difference".into(), kept::difference());
    schemas.insert("Imported".into(), kept::imported());
    let analysis = analysis(model);
    let mut object = kept::listed(model.objects());
    if let (Some(all), Some(sections)) = (
        object["properties"].as_object_mut(),
        analysis["properties"].as_object(),
    ) {
        all.extend(sections.clone());
    }
    schemas.insert("Objects".into(), page(&object));
    schemas.insert(
        "AnalysisOrProblem".into(),
        json!({ "anyOf": [
            { "$ref": "#/components/schemas/Analysis" },
            {
                "type": "object",
                "properties": { "id": { "type": "string" }, "problem": { "$ref": "#/components/schemas/Problem" } },
                "required": ["problem"],
                "additionalProperties": false,
            },
        ] }),
    );
    schemas.insert("Analysis".into(), with_columns(analysis, model.objects()));
    Value::Object(schemas)
}

/// What a key looks like in a path.
pub(super) fn key(kind: Type) -> Value {
    match kind {
        // Bytes that no URL and no text of PostgreSQL's can have, and `.` and `..`, which clients resolve away.
        Type::Text => json!({ "type": "string", "minLength": 1, "pattern": "^[^\\u0000./\\\\%#?]+$" }),
        other => filter(other).unwrap_or_else(|| json!({ "type": "string" })),
    }
}

/// A member of `ids`: a key without a comma.
pub(super) fn listed_key(kind: Type) -> Value {
    match kind {
        Type::Text => json!({ "type": "string", "minLength": 1, "pattern": "^[^\\u0000,]+$" }),
        other => key(other),
    }
}

/// A value to compare a column with; none for what cannot be compared.
pub(super) fn filter(kind: Type) -> Option<Value> {
    match kind {
        Type::Json => None,
        Type::Text => Some(json!({ "type": "string", "pattern": "^[^\\u0000]*$" })),
        Type::Bool
        | Type::Int2
        | Type::Int4
        | Type::Int8
        | Type::Float4
        | Type::Float8
        | Type::Uuid
        | Type::Date
        | Type::Timestamp
        | Type::Timestamptz => Some(value(kind)),
    }
}

/// The columns of a collection by name.
pub(super) fn column_names(collection: &Collection) -> Value {
    let mut names: Vec<&str> = collection
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    if !names.contains(&"id") {
        names.push("id");
    }
    json!({ "type": "string", "enum": names })
}

/// The number of a revision.
pub(super) fn revision() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": i32::MAX })
}

/// A key in a body.
pub(super) fn body_key(collection: &Collection) -> Value {
    kept::key(collection)
}

fn value(kind: Type) -> Value {
    match kind {
        Type::Bool => json!({ "type": "boolean" }),
        Type::Int2 => json!({ "type": "integer", "minimum": i16::MIN, "maximum": i16::MAX }),
        Type::Int4 => json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }),
        Type::Int8 => {
            json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX, "format": "int64" })
        }
        Type::Float4 | Type::Float8 => json!({ "type": "number" }),
        Type::Text => json!({ "type": "string" }),
        Type::Uuid => json!({ "type": "string", "format": "uuid" }),
        Type::Date => json!({ "type": "string", "format": "date" }),
        Type::Timestamp => json!({
            "type": "string",
            "description": "A local time, without a zone.",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?$",
        }),
        Type::Timestamptz => json!({ "type": "string", "format": "date-time" }),
        Type::Json => json!({}),
    }
}

fn nullable(mut schema: Value) -> Value {
    if let Some(Value::String(kind)) = schema.get("type") {
        schema["type"] = json!([kind, "null"]);
    }
    schema
}

fn record(collection: &Collection, whole: bool) -> Value {
    let mut properties = Map::new();
    if collection.column("id").is_none() {
        properties.insert("id".into(), value(collection.key_type()));
    }
    for (index, column) in collection.columns.iter().enumerate() {
        let schema = value(column.kind);
        properties.insert(
            column.name.clone(),
            if index == collection.key {
                schema
            } else {
                nullable(schema)
            },
        );
    }
    let required: Vec<String> = if whole {
        properties.keys().cloned().collect()
    } else {
        Vec::new()
    };
    json!({
        "type": "object",
        "description": collection.title,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn page(item: &Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "items": { "type": "array", "items": item },
            "next": { "type": ["string", "null"], "description": "The `cursor` of the next page; null on the last." },
        },
        "required": ["items", "next"],
        "additionalProperties": false,
    })
}

/// The sections, nested as their paths are. `fields` may leave any of them out.
fn analysis(model: &Model) -> Value {
    let mut root = object(&model.title);
    for part in &model.sections {
        let mut at = &mut root;
        for (depth, name) in part.path.iter().enumerate() {
            let last = depth + 1 == part.path.len();
            at = &mut at["properties"][name];
            if at.is_null() {
                *at = if last { section(model, part) } else { object(name) };
            }
        }
    }
    root["properties"]["id"] = value(model.objects().key_type());
    root["required"] = json!(["id"]);
    root
}

/// An analysis may show columns too, where `fields` names them.
fn with_columns(mut analysis: Value, objects: &Collection) -> Value {
    // A column named `id` is the id's, and that is there already.
    for column in objects.columns.iter().filter(|column| column.name != "id") {
        analysis["properties"][&column.name] = nullable(value(column.kind));
    }
    analysis
}

fn object(about: &str) -> Value {
    json!({ "type": "object", "description": about, "properties": {}, "additionalProperties": false })
}

fn section(model: &Model, section: &Section) -> Value {
    let mut schema = match &section.kind {
        Kind::Rows(rows) => array(shown(&model.datasets[rows.dataset].columns, &rows.columns)),
        Kind::Groups(groups) => {
            let columns = &model.datasets[groups.dataset].columns;
            let mut properties = shown(columns, &groups.by);
            properties.extend(measures(columns, &groups.measures));
            if groups.by.is_empty() {
                closed(properties)
            } else {
                array(properties)
            }
        }
        Kind::Series(of) => series(model, of),
        Kind::Own(own) => {
            let properties: Map<String, Value> = own.columns.iter().map(own_column).collect();
            if own.single {
                nullable(closed(properties))
            } else {
                array(properties)
            }
        }
    };
    schema["description"] = section.title.as_str().into();
    schema
}

fn own_column(column: &Column) -> (String, Value) {
    (column.name.clone(), nullable(value(column.kind)))
}

fn series(model: &Model, of: &Series) -> Value {
    let dataset = &model.datasets[of.dataset];
    let kind = dataset.order.map(|order| dataset.columns[order.time].column.kind);
    let time = match (of.every, kind) {
        (Every::Hour, Some(Type::Timestamptz)) => value(Type::Timestamptz),
        (Every::Hour, _) => value(Type::Timestamp),
        (Every::Day | Every::Week | Every::Month | Every::Quarter | Every::Year, _) => value(Type::Date),
    };
    let number = || json!({ "type": ["number", "null"] });
    let fixed = |members: &[(&str, Value)]| {
        closed(
            members
                .iter()
                .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
                .collect(),
        )
    };
    let list = |members: &[(&str, Value)]| json!({ "type": "array", "items": fixed(members) });
    let mut point = Map::new();
    point.insert("time".into(), time.clone());
    point.extend(measures(&dataset.columns, &of.measures));
    let mut properties = Map::new();
    properties.insert("points".into(), array(point));
    if of.trend.is_some() {
        let trend = fixed(&[("slope", number()), ("start", number()), ("r2", number())]);
        properties.insert("trend".into(), nullable(trend));
    }
    if of.changes.is_some() {
        let change = [("time", time.clone()), ("before", number()), ("after", number())];
        properties.insert("changes".into(), list(&change));
    }
    if of.outliers.is_some() {
        let outlier = [("time", time.clone()), ("value", number()), ("score", number())];
        properties.insert("outliers".into(), list(&outlier));
    }
    if of.gaps {
        let gap = [
            ("from", time.clone()),
            ("until", time),
            ("buckets", json!({ "type": "integer", "minimum": 1 })),
        ];
        properties.insert("gaps".into(), list(&gap));
    }
    closed(properties)
}

fn shown(columns: &[DatasetColumn], shown: &[Shown]) -> Map<String, Value> {
    shown
        .iter()
        .map(|shown| {
            (
                shown.name.clone(),
                nullable(value(columns[shown.column].column.kind)),
            )
        })
        .collect()
}

fn measures(columns: &[DatasetColumn], named: &[Named]) -> Map<String, Value> {
    named
        .iter()
        .map(|named| (named.name.clone(), measure(columns, &named.measure)))
        .collect()
}

fn measure(columns: &[DatasetColumn], measure: &Measure) -> Value {
    let kind = |column: &usize| columns[*column].column.kind;
    match measure {
        Measure::Count(_) | Measure::Distinct(_) => json!({ "type": "integer", "minimum": 0 }),
        Measure::Share { .. } => json!({ "type": ["number", "null"], "minimum": 0, "maximum": 1 }),
        Measure::Sum(column) if kind(column).is_integer() => json!({ "type": ["integer", "null"] }),
        Measure::Sum(_) | Measure::Mean { .. } | Measure::Stddev { .. } => {
            json!({ "type": ["number", "null"] })
        }
        Measure::Percentile { column, .. }
        | Measure::Min(column)
        | Measure::Max(column)
        | Measure::First(column)
        | Measure::Last(column) => nullable(value(kind(column))),
    }
}

fn array(properties: Map<String, Value>) -> Value {
    json!({ "type": "array", "items": closed(properties) })
}

fn closed(properties: Map<String, Value>) -> Value {
    let mut schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    schema["properties"] = properties.into();
    schema
}

/// All that `fields=` may name: columns, sections, paths above them, and members.
fn fields(model: &Model) -> Vec<String> {
    let mut fields = vec!["id".to_owned()];
    let mut add = |name: String| {
        if !fields.contains(&name) {
            fields.push(name);
        }
    };
    model
        .objects()
        .columns
        .iter()
        .for_each(|column| add(column.name.clone()));
    for section in &model.sections {
        (1..=section.path.len()).for_each(|depth| add(section.path[..depth].join(".")));
        let name = section.name();
        members(&section.kind)
            .into_iter()
            .for_each(|member| add(format!("{name}.{member}")));
    }
    fields
}

/// Members that can be asked for alone.
pub(crate) fn members(kind: &Kind) -> Vec<&str> {
    match kind {
        Kind::Rows(rows) => rows.columns.iter().map(|shown| shown.name.as_str()).collect(),
        Kind::Groups(groups) => groups.measures.iter().map(|named| named.name.as_str()).collect(),
        Kind::Own(own) => own.columns.iter().map(|column| column.name.as_str()).collect(),
        // A series' findings belong to its points: it is whole or not there.
        Kind::Series(_) => Vec::new(),
    }
}

fn problem_document() -> Value {
    let types: Vec<String> = problem::Kind::ALL
        .into_iter()
        .map(|kind| format!("/problems/{}", kind.slug()))
        .collect();
    json!({
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "enum": types, "description": "Stable; the page there explains it." },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What is wrong with this request." },
            "hint": { "type": "string", "description": "What to do next." },
            "errors": {
                "type": "array",
                "description": "All that is wrong with the body, or its first faults.",
                "items": {
                    "type": "object",
                    "properties": {
                        "place": { "type": "integer", "minimum": 0, "description": "Of a bulk write: which change." },
                        "line": { "type": "integer", "minimum": 1, "description": "Of an import: which line." },
                        "field": { "type": "string", "description": "The column; empty where it is the record as a whole." },
                        "problem": { "type": "string" },
                        "given": { "type": "string", "description": "What was given, as JSON, shortened." },
                    },
                    "required": ["field", "problem"],
                    "additionalProperties": false,
                },
            },
            "errors_total": { "type": "integer", "minimum": 1, "description": "How many there are in all." },
            "current": { "type": ["object", "null"], "description": "The revision that is in the way." },
            "place": { "type": "integer", "minimum": 0, "description": "Of a bulk write: which change was refused." },
            "instance": { "type": "string", "description": "The request's id, as in `x-request-id` and in the log." },
        },
        "required": ["type", "title", "status", "detail"],
        "additionalProperties": false,
    })
}
