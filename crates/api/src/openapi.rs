//! OpenAPI 3.1 of a model: made from the table of routes and the model, so that it cannot be stale.

mod schema;

pub(crate) use schema::members;

use model::{collection::Collection, model::Model};
use serde_json::{Map, Value, json};

use crate::{
    config::Config,
    page::is_sortable,
    problem::Kind,
    router::{Name, Parameter, ROUTES, Route},
};

/// The limits that the document names.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Items of a page unless the request says so.
    pub page_limit: u32,
    /// Items of a page at most.
    pub page_limit_max: u32,
    /// Ids in one `ids=`.
    pub ids_max: usize,
    /// Fields in one `fields=`.
    pub fields_max: usize,
}

impl Limits {
    /// Those of a server.
    pub fn of(config: &Config) -> Limits {
        Limits {
            page_limit: config.page_limit,
            page_limit_max: config.page_limit_max,
            ids_max: config.ids_max,
            fields_max: config.fields_max,
        }
    }
}

/// The whole document.
pub fn document(model: &Model, limits: &Limits) -> Value {
    let mut paths = Map::new();
    for route in &ROUTES {
        match route.name {
            // Concrete collections say more than a parameter: their columns and their key.
            Name::Collection | Name::Record => {}
            _ => {
                paths.insert(
                    route.paths[0].to_owned(),
                    path(limits, route, model.objects(), None),
                );
            }
        }
    }
    for collection in &model.collections {
        for name in [Name::Collection, Name::Record] {
            let route = name.route();
            let at = route.paths[0].replace("{collection}", &collection.name);
            paths.insert(at, path(limits, route, collection, Some(collection)));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": model.title,
            "version": "1",
            "description": "Records of tracked objects, and analyses composed from several databases. Errors are problem documents (RFC 9457) whose `type` has a page.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags(model),
        "paths": paths,
        "components": { "schemas": schema::all(model), "headers": headers() },
    })
}

fn tags(model: &Model) -> Value {
    let mut tags = vec![
        json!({ "name": "objects", "description": format!("The tracked objects: {}.", model.objects().title) }),
        json!({ "name": "server", "description": "This API itself." }),
    ];
    for collection in &model.collections {
        tags.push(json!({ "name": collection.name, "description": collection.title }));
    }
    tags.into()
}

fn path(limits: &Limits, route: &Route, collection: &Collection, of: Option<&Collection>) -> Value {
    let mut parameters = path_parameters(route, collection);
    for parameter in route.parameters {
        query_parameters(*parameter, route, collection, limits, &mut parameters);
    }
    let tag = match (route.name, of) {
        (Name::OpenApi | Name::Docs | Name::Problem, _) => "server",
        (_, Some(collection)) => &collection.name,
        (_, None) => "objects",
    };
    let suffix = of.map_or_else(String::new, |collection| format!("_{}", collection.name));
    json!({
        "get": {
            "operationId": format!("{}{suffix}", operation(route.name)),
            "summary": of.map_or_else(|| route.title.to_owned(), |of| format!("{}: {}", route.title, of.title)),
            "description": route.about,
            "tags": [tag],
            "parameters": parameters,
            "responses": responses(route, collection),
        }
    })
}

fn operation(name: Name) -> &'static str {
    match name {
        Name::Objects => "list_objects",
        Name::ObjectsAnalysis => "analyse_objects",
        Name::Object => "get_object",
        Name::ObjectAnalysis => "analyse_object",
        Name::Collection => "list",
        Name::Record => "get",
        Name::OpenApi => "openapi",
        Name::Docs => "docs",
        Name::Problem => "problem",
    }
}

fn path_parameters(route: &Route, collection: &Collection) -> Vec<Value> {
    let key = || schema::key(collection.key_type());
    let one = |name: &str, about: &str, schema: Value| {
        vec![json!({ "name": name, "in": "path", "required": true, "description": about, "schema": schema })]
    };
    match route.name {
        Name::Object | Name::ObjectAnalysis => one("id", "The object's key.", key()),
        Name::Record => one("key", "The record's key.", key()),
        Name::Problem => {
            let slugs: Vec<&str> = Kind::ALL.into_iter().map(Kind::slug).collect();
            one(
                "slug",
                "Last part of a problem's `type`.",
                json!({ "type": "string", "enum": slugs }),
            )
        }
        Name::Objects | Name::ObjectsAnalysis | Name::Collection | Name::OpenApi | Name::Docs => Vec::new(),
    }
}

fn query_parameters(
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
        Parameter::Cursor => add(
            "cursor",
            "`next` of the page before, unchanged, with the same `sort`.",
            json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" }),
        ),
        Parameter::Filters => {
            for column in &collection.columns {
                let is_parameter = route
                    .parameters
                    .iter()
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

fn responses(route: &Route, collection: &Collection) -> Value {
    let json_of = |schema: Value| json!({ "application/json": { "schema": schema } });
    let html = || json!({ "text/html": { "schema": { "type": "string" } } });
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let (content, paged) = match route.name {
        Name::Objects => (json_of(reference("Objects")), true),
        Name::Collection => (json_of(reference(&format!("{}.page", collection.name))), true),
        Name::Object | Name::Record => (json_of(reference(&collection.name)), false),
        Name::ObjectAnalysis => (json_of(reference("Analysis")), false),
        Name::ObjectsAnalysis => {
            let mut content = json_of(json!({ "type": "array", "items": reference("AnalysisOrProblem") }));
            content["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
            (content, false)
        }
        Name::OpenApi => (json_of(json!({ "type": "object" })), false),
        Name::Docs | Name::Problem => (html(), false),
    };
    let mut headers = Map::new();
    headers.insert(
        "x-request-id".into(),
        json!({ "$ref": "#/components/headers/RequestId" }),
    );
    headers.insert(
        "server-timing".into(),
        json!({ "$ref": "#/components/headers/ServerTiming" }),
    );
    if paged {
        headers.insert("link".into(), json!({ "$ref": "#/components/headers/Link" }));
    }
    let mut responses = Map::new();
    responses.insert(
        "200".into(),
        json!({ "description": route.title, "headers": headers, "content": content }),
    );
    let everywhere = [
        Kind::MalformedQuery,
        Kind::UnknownParameter,
        Kind::RepeatedParameter,
        Kind::UnknownRoute,
        Kind::MethodNotAllowed,
        Kind::BodyTooLarge,
        Kind::UrlTooLong,
        Kind::HeaderTooLarge,
        Kind::Internal,
        Kind::Overloaded,
        Kind::DeadlineExceeded,
    ];
    let mut kinds: Vec<Kind> = everywhere.iter().chain(route.problems).copied().collect();
    kinds.sort_by_key(|kind| kind.status());
    for kind in kinds {
        let entry = responses.entry(kind.status().as_str()).or_insert_with(|| {
            json!({
                "description": "",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            })
        });
        let known = entry["description"].as_str().unwrap_or_default();
        let joint = if known.is_empty() { "" } else { "; " };
        entry["description"] = format!("{known}{joint}{} (`{}`)", kind.title(), kind.slug()).into();
    }
    Value::Object(responses)
}

fn headers() -> Value {
    json!({
        "RequestId": { "description": "The request's id: the client's own if it sent one.", "schema": { "type": "string" } },
        "ServerTiming": { "description": "Where the time went, in milliseconds.", "schema": { "type": "string" } },
        "Link": { "description": "`rel=\"next\"`: the next page, where there is one.", "schema": { "type": "string" } },
    })
}

#[cfg(test)]
mod tests;
