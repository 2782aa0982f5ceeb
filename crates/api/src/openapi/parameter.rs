//! Parameters of an operation: in its path, its query and its headers.

use model::{collection::Collection, column::Type};
use serde_json::{Value, json};

use super::{Limits, schema};
use crate::{
    author::{AUTHOR_CHARS_MAX, COMMENT_CHARS_MAX},
    page::is_sortable,
    problem::Kind,
    router::{Header, Name, Parameter, Route},
};

pub(super) fn all(route: &Route, collection: &Collection, limits: &Limits, of_objects: bool) -> Vec<Value> {
    let mut parameters = of_path(route, collection, of_objects);
    for parameter in route.parameters {
        if means_something(*parameter, collection) {
            of_query(*parameter, route, collection, limits, &mut parameters);
        }
    }
    // Of a read: a collection without revisions has no `ETag`.
    if collection.revisions.is_some() {
        parameters.extend(route.headers.iter().copied().map(of_header));
    }
    parameters
}

fn means_something(parameter: Parameter, collection: &Collection) -> bool {
    !parameter.needs_revisions() || collection.revisions.is_some()
}

fn object_key(collection: &Collection, schema: fn(Type) -> Value) -> Value {
    let object = collection
        .revisions
        .as_ref()
        .map_or(collection.key, |revisions| revisions.object);
    schema(collection.columns[object].kind)
}

/// None is required by the schema: what is missing has an answer of its own, 428.
fn of_header(header: Header) -> Value {
    let (name, about, schema) = match header {
        Header::IfMatch => (
            "If-Match",
            "The revision that is replaced: the `ETag` that the record was read with.",
            json!({ "type": "string", "pattern": "^\"[1-9][0-9]{0,8}\"$" }),
        ),
        Header::IfNoneMatch => (
            "If-None-Match",
            "The `ETag` of what the client has: 304 if it is still that.",
            json!({ "type": "string" }),
        ),
        Header::IfNoneMatchAny => (
            "If-None-Match",
            "`*`: the record is not there yet.",
            json!({ "type": "string", "enum": ["*"] }),
        ),
        Header::Author => (
            "Sidequest-Author",
            "Who writes; percent-encoded where it is not ASCII.",
            json!({ "type": "string", "maxLength": AUTHOR_CHARS_MAX, "pattern": TEXT }),
        ),
        Header::Comment => (
            "Sidequest-Comment",
            "Why; percent-encoded where it is not ASCII.",
            json!({ "type": "string", "maxLength": COMMENT_CHARS_MAX, "pattern": TEXT }),
        ),
    };
    json!({ "name": name, "in": "header", "description": about, "schema": schema })
}

/// What needs no percent-encoding.
const TEXT: &str = "^[ -$&-~]*$";

fn of_path(route: &Route, collection: &Collection, of_objects: bool) -> Vec<Value> {
    let key = || schema::key(collection.key_type());
    let one = |name: &str, about: &str, schema: Value| {
        vec![json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })]
    };
    match route.name {
        Name::Object | Name::ObjectAnalysis | Name::AnalysisDifference => {
            one("id", "The object's key.", key())
        }
        Name::Record
        | Name::History
        | Name::Difference
        | Name::Replace
        | Name::Patch
        | Name::Delete
        | Name::Revert => one(if of_objects { "id" } else { "key" }, "The record's key.", key()),
        Name::Revision => {
            let mut both = one(if of_objects { "id" } else { "key" }, "The record's key.", key());
            both.extend(one("n", "The revision's number.", schema::revision()));
            both
        }
        Name::Problem => {
            let slugs: Vec<&str> = Kind::ALL.into_iter().map(Kind::slug).collect();
            one(
                "slug",
                "Last part of a problem's `type`.",
                json!({ "type": "string", "enum": slugs }),
            )
        }
        Name::Objects
        | Name::ObjectsAnalysis
        | Name::Collection
        | Name::Export
        | Name::Create
        | Name::Bulk
        | Name::Import
        | Name::OpenApi
        | Name::Docs => Vec::new(),
    }
}

fn of_query(
    parameter: Parameter,
    route: &Route,
    collection: &Collection,
    limits: &Limits,
    out: &mut Vec<Value>,
) {
    let mut add = |name: &str, about: &str, schema: Value| {
        let mut value = json!({ "name": name, "in": "query", "description": about, "schema": schema });
        if value["schema"]["type"] == "array" {
            value["style"] = "form".into();
            value["explode"] = false.into();
        }
        if matches!(parameter, Parameter::From | Parameter::To | Parameter::Since) {
            value["required"] = true.into();
        }
        out.push(value);
    };
    match parameter {
        Parameter::Ids => add(
            "ids",
            "Only these, separated by commas.",
            json!({ "type": "array", "items": schema::listed_key(collection.key_type()), "minItems": 1, "maxItems": limits.ids_max }),
        ),
        Parameter::Fields => {
            let (about, items) = match route.name {
                Name::Collection => (
                    "Columns to show, separated by commas.",
                    schema::column_names(collection),
                ),
                _ => (
                    "Columns, sections, paths above sections, or members of sections, separated by commas.",
                    json!({ "$ref": "#/components/schemas/Field" }),
                ),
            };
            add(
                "fields",
                about,
                json!({ "type": "array", "items": items, "minItems": 1, "maxItems": limits.fields_max }),
            );
        }
        Parameter::Sort => {
            let sortable = collection
                .columns
                .iter()
                .filter(|column| is_sortable(column.kind));
            let names: Vec<String> = sortable
                .flat_map(|column| [column.name.clone(), format!("-{}", column.name)])
                .collect();
            add(
                "sort",
                "By this column, with `-` from the largest down; nulls come last. Without: by key.",
                json!({ "type": "string", "enum": names }),
            );
        }
        Parameter::Limit => add(
            "limit",
            "Items of the page at most.",
            json!({ "type": "integer", "minimum": 1, "maximum": limits.page_limit_max, "default": limits.page_limit }),
        ),
        Parameter::Cursor if route.name == Name::History => add(
            "cursor",
            "`next` of the page before, unchanged.",
            json!({ "type": "string", "pattern": "^[1-9][0-9]{0,8}$" }),
        ),
        Parameter::Cursor => add(
            "cursor",
            "`next` or `previous` of another page, unchanged, with the same `sort`.",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" }),
        ),
        Parameter::Object => add(
            "object",
            "The newest revisions of this object's records, in the order of their time.",
            object_key(collection, schema::key),
        ),
        Parameter::Objects => add(
            "objects",
            "The same of each of these objects, separated by commas; `each` says how many.",
            json!({ "type": "array", "items": object_key(collection, schema::listed_key), "minItems": 1, "maxItems": limits.ids_max }),
        ),
        Parameter::Each => add(
            "each",
            "Records of each of `objects` at most.",
            json!({ "type": "integer", "minimum": 1, "maximum": limits.page_limit_max, "default": limits.page_limit }),
        ),
        Parameter::AsOf => add(
            "as_of",
            "As it was known at this instant.",
            json!({ "type": "string", "format": "date-time" }),
        ),
        Parameter::From => add("from", "The one revision.", schema::revision()),
        Parameter::To => add("to", "The other revision.", schema::revision()),
        Parameter::Since => add(
            "from",
            "The earlier instant.",
            json!({ "type": "string", "format": "date-time" }),
        ),
        Parameter::Until => add(
            "to",
            "The later instant; now, if it is left out.",
            json!({ "type": "string", "format": "date-time" }),
        ),
        Parameter::Revisions => add(
            "revisions",
            "`all`: every revision, deletions among them. `newest`: a line a record.",
            json!({ "type": "string", "enum": ["newest", "all"], "default": "newest" }),
        ),
        Parameter::Filters => {
            for column in &collection.columns {
                let is_parameter = route
                    .parameters
                    .iter()
                    .filter(|other| means_something(**other, collection))
                    .any(|other| other.name() == Some(&column.name));
                if let (Some(schema), false) = (schema::filter(column.kind), is_parameter) {
                    add(
                        &column.name,
                        &format!("Only records whose `{}` is this.", column.name),
                        schema,
                    );
                }
            }
        }
        Parameter::Pretty => {
            add(
                "pretty",
                "Indent the answer.",
                json!({ "type": "boolean", "default": false }),
            );
        }
    }
}
