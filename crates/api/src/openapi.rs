//! OpenAPI 3.1 of a model: made from the table of routes and the model, so that it cannot be stale.

mod body;
mod parameter;
mod response;
mod schema;

pub(crate) use schema::members;

use model::{collection::Collection, model::Model};
use serde_json::{Map, Value, json};

use crate::{
    config::Config,
    router::{Name, Needs, OBJECTS, ROUTES, Route},
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
    /// Nothing is written.
    pub read_only: bool,
}

impl Limits {
    /// Those of a server.
    pub fn of(config: &Config) -> Limits {
        Limits {
            page_limit: config.page_limit,
            page_limit_max: config.page_limit_max,
            ids_max: config.ids_max,
            fields_max: config.fields_max,
            read_only: config.read_only,
        }
    }
}

/// The whole document.
pub fn document(model: &Model, limits: &Limits) -> Value {
    let mut paths = Map::new();
    let mut add = |at: String, route: &Route, operation: Value| {
        let path = paths.entry(at).or_insert_with(|| json!({}));
        path[route.method.name().to_ascii_lowercase()] = operation;
    };
    for route in ROUTES.iter().filter(|route| !route.is_of_collection()) {
        let described = operation(limits, route, model.objects(), None);
        add(route.paths[0].to_owned(), route, described);
    }
    // Concrete collections say more than a parameter: their columns and their key.
    let collections = model
        .collections
        .iter()
        .map(|collection| (collection.name.as_str(), collection));
    for (name, collection) in collections.chain([(OBJECTS, model.objects())]) {
        for route in ROUTES.iter().filter(|route| route.is_of_collection()) {
            let is_open = match route.needs {
                Needs::Nothing => true,
                Needs::Revisions => collection.revisions.is_some(),
                Needs::Writes => collection.revisions.is_some() && !limits.read_only,
            };
            // The objects have rows of their own for what they answer differently.
            let has_own = name == OBJECTS && matches!(route.name, Name::Collection | Name::Record);
            if is_open && !has_own {
                let mut at = route.paths[0].replace("{collection}", name);
                if name == OBJECTS {
                    at = at.replace("{key}", "{id}");
                }
                add(at, route, operation(limits, route, collection, Some(name)));
            }
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
        json!({ "name": OBJECTS, "description": format!("The tracked objects: {}.", model.objects().title) }),
        json!({ "name": "server", "description": "This API itself." }),
    ];
    for collection in &model.collections {
        tags.push(json!({ "name": collection.name, "description": collection.title }));
    }
    tags.into()
}

/// `of`: the name that stands in the path for the collection.
fn operation(limits: &Limits, route: &Route, collection: &Collection, of: Option<&str>) -> Value {
    let tag = match (route.name, of) {
        (Name::OpenApi | Name::Docs | Name::Problem, _) => "server",
        (_, of) => of.unwrap_or(OBJECTS),
    };
    let suffix = of.map_or_else(String::new, |name| format!("_{name}"));
    let mut operation = json!({
        "operationId": format!("{}{suffix}", name_of(route.name)),
        "summary": of.map_or_else(|| route.title.to_owned(), |_| format!("{}: {}", route.title, collection.title)),
        "description": route.about,
        "tags": [tag],
        "parameters": parameter::all(route, collection, limits, of == Some(OBJECTS)),
        "responses": response::all(route, collection),
    });
    if let Some(body) = body::of(route, collection) {
        operation["requestBody"] = body;
    }
    operation
}

fn name_of(name: Name) -> &'static str {
    match name {
        Name::Objects => "list_objects",
        Name::ObjectsAnalysis => "analyse_objects",
        Name::Object => "get_object",
        Name::ObjectAnalysis => "analyse_object",
        Name::AnalysisDifference => "compare_analysis",
        Name::Collection => "list",
        Name::Record => "get",
        Name::History => "history",
        Name::Revision => "revision",
        Name::Difference => "diff",
        Name::Export => "export",
        Name::Create => "create",
        Name::Replace => "replace",
        Name::Patch => "patch",
        Name::Delete => "delete",
        Name::Revert => "revert",
        Name::Bulk => "bulk",
        Name::Import => "import",
        Name::OpenApi => "openapi",
        Name::Docs => "docs",
        Name::Problem => "problem",
    }
}

fn headers() -> Value {
    json!({
        "RequestId": { "description": "The request's id: the client's own if it sent one.", "schema": { "type": "string" } },
        "ServerTiming": { "description": "Where the time went, in milliseconds.", "schema": { "type": "string" } },
        "ETag": { "description": "Of a record the number of its newest revision, in quotes: `If-Match` of a write. Of an analysis what its versions come to, one for each encoding.", "schema": { "type": "string" } },
        "Location": { "description": "Where the record is.", "schema": { "type": "string" } },
        "Link": { "description": "`rel=\"next\"` and, where pages go both ways, `rel=\"prev\"`.", "schema": { "type": "string" } },
    })
}

#[cfg(test)]
mod tests;
