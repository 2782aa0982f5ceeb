//! Answers of an operation: what is there when it goes well, and every problem it may have.

use model::collection::Collection;
use serde_json::{Map, Value, json};

use crate::{
    problem::Kind,
    router::{Name, Route},
};

pub(super) fn all(route: &Route, collection: &Collection) -> Value {
    let json_of = |schema: Value| json!({ "application/json": { "schema": schema } });
    let html = || json!({ "text/html": { "schema": { "type": "string" } } });
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let of_collection = |name: &str| reference(&format!("{}.{name}", collection.name));
    let (content, paged) = match route.name {
        Name::Objects => (json_of(reference("Objects")), true),
        Name::Collection if collection.revisions.is_some() => (
            json_of(json!({ "anyOf": [of_collection("page"), of_collection("pages")] })),
            true,
        ),
        Name::Collection => (json_of(of_collection("page")), true),
        Name::Object | Name::Record => (json_of(reference(&collection.name)), false),
        Name::ObjectAnalysis => (json_of(reference("Analysis")), false),
        Name::AnalysisDifference => (
            json_of(json!({
                "type": "object",
                "properties": {
                    "id": {},
                    "changes": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "path": { "type": "string" },
                                "from": { "description": "Left out: it is new." },
                                "to": { "description": "Left out: it is gone." },
                            },
                            "required": ["path"],
                            "additionalProperties": false,
                        },
                    },
                },
                "required": ["id", "changes"],
                "additionalProperties": false,
            })),
            false,
        ),
        Name::ObjectsAnalysis => {
            let mut content = json_of(json!({ "type": "array", "items": reference("AnalysisOrProblem") }));
            content["application/x-ndjson"] = json!({ "schema": { "type": "string" } });
            (content, false)
        }
        Name::History => (json_of(of_collection("history")), true),
        Name::Revision => (json_of(of_collection("revision")), false),
        Name::Difference => {
            let mut content = json_of(reference("Difference"));
            content["application/json-patch+json"] =
                json!({ "schema": { "type": "array", "items": { "type": "object" } } });
            (content, false)
        }
        Name::Export => (
            json!({
                "application/x-ndjson": { "schema": { "type": "string" } },
                "text/csv": { "schema": { "type": "string" } },
            }),
            false,
        ),
        Name::Create | Name::Replace | Name::Patch | Name::Delete | Name::Revert => {
            (json_of(of_collection("written")), false)
        }
        Name::Bulk => (
            json_of(json!({
                "type": "object",
                "properties": { "items": { "type": "array", "items": of_collection("written") } },
                "required": ["items"],
                "additionalProperties": false,
            })),
            false,
        ),
        Name::Import => (json_of(reference("Imported")), false),
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
    let is_kept = collection.revisions.is_some();
    let is_record = matches!(route.name, Name::Object | Name::Record) && is_kept;
    let is_written = matches!(
        route.name,
        Name::Create | Name::Replace | Name::Patch | Name::Revert
    );
    let is_analysis = route.name == Name::ObjectAnalysis;
    if is_record || is_written || is_analysis {
        headers.insert("etag".into(), json!({ "$ref": "#/components/headers/ETag" }));
    }
    let mut responses = Map::new();
    if route.name != Name::Create {
        responses.insert(
            "200".into(),
            json!({ "description": route.title, "headers": headers, "content": content }),
        );
    }
    if matches!(route.name, Name::Create | Name::Replace) {
        headers.insert(
            "location".into(),
            json!({ "$ref": "#/components/headers/Location" }),
        );
        responses.insert(
            "201".into(),
            json!({ "description": "The record was created.", "headers": headers, "content": content }),
        );
    }
    if is_record || is_analysis {
        responses.insert(
            "304".into(),
            json!({ "description": "The client has it already." }),
        );
    }
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
