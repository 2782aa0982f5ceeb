//! The document hangs together: every reference has its end, every status of a problem is told.

use model::{check::check, file::Files, model::Model};
use serde_json::Value;

use super::{Limits, document};
use crate::docs;

fn model() -> Model {
    let text = r#"
name = "test"
title = "Test <of> things"
object = "things"
[database.main]
[collection.things]
title = "Things"
database = "main"
key = "key"
columns = { key = "text", name = "text", weight = "float8", limit = "int4", extra = "json" }
[collection.makers]
title = "Makers"
database = "main"
key = "id"
columns = { id = "int4", founded = "date" }
[collection.parts]
title = "Parts"
database = "main"
revisions = true
key = "id"
object = "thing"
time = "made"
required = ["size"]
bounds = { size = "1..9" }
columns = { id = "int4", thing = "text", made = "timestamptz", size = "int4" }
[dataset.events]
database = "main"
sql = "select key, at, id, kind, size from events where key = any($1) order by key, at, id"
object = "key"
time = "at"
key_column = "id"
columns = { key = "text", at = "timestamptz", id = "int4", kind = "text", size = "int4" }
[dataset.events.measures]
events = "count"
mean = "mean(size, 1)"
most = "max(size)"
[[section]]
name = "events"
title = "All"
dataset = "events"
rows = ["at", "kind"]
[[section]]
name = "by.kind"
title = "By kind"
dataset = "events"
by = ["kind"]
measures = ["events", "mean"]
[[section]]
name = "by.month"
title = "By month"
dataset = "events"
series = "month"
measures = ["events", "most"]
trend = "events"
gaps = true
[[section]]
name = "all"
title = "All in one"
dataset = "events"
measures = ["events", "most"]
"#
    .replace("key_column", "key");
    check(&Files::new([("model.toml", text)])).unwrap_or_else(|faults| panic!("{faults}"))
}

fn limits() -> Limits {
    Limits {
        page_limit: 50,
        page_limit_max: 1000,
        ids_max: 1000,
        fields_max: 100,
        read_only: false,
    }
}

fn references<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            out.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, out));
        }
        Value::Array(members) => members.iter().for_each(|member| references(member, out)),
        _ => {}
    }
}

#[test]
fn every_reference_has_its_end() {
    let document = document(&model(), &limits());
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        assert!(
            document.pointer(reference.trim_start_matches('#')).is_some(),
            "{reference}"
        );
    }
}

#[test]
fn what_the_model_declares_is_described() {
    let document = document(&model(), &limits());
    let at = |pointer: &str| document.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
    assert_eq!(
        at("/components/schemas/Analysis/properties/by/properties/month/properties/points/type"),
        "array"
    );
    assert_eq!(
        at("/components/schemas/Analysis/properties/all/properties/events/type"),
        "integer"
    );
    assert_eq!(
        at("/components/schemas/makers/properties/founded/type/0"),
        "string"
    );
    let fields: Vec<&str> = at("/components/schemas/Field/enum")
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for field in [
        "id",
        "name",
        "by",
        "by.kind",
        "by.kind.mean",
        "by.month",
        "events.at",
    ] {
        assert!(fields.contains(&field), "{field} in {fields:?}");
    }
    assert!(!fields.contains(&"by.month.points") && !fields.contains(&"by.kind.kind"));
    // A column that has the name of a parameter cannot be filtered by, and JSON cannot be compared.
    let parameters = at("/paths/~1api~1v1~1objects/get/parameters").as_array().unwrap();
    let names: Vec<&str> = parameters
        .iter()
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "ids", "fields", "sort", "limit", "cursor", "key", "name", "weight", "pretty"
        ]
    );
    for status in [
        "200", "400", "404", "405", "413", "414", "431", "500", "503", "504",
    ] {
        at(&format!(
            "/paths/~1api~1v1~1objects~1{{id}}/get/responses/{status}"
        ));
    }
}

#[test]
fn what_can_be_written_is_described() {
    let methods = |document: &Value, path: &str| -> Vec<String> {
        let path = document["paths"][path].as_object();
        path.map(|methods| methods.keys().cloned().collect())
            .unwrap_or_default()
    };
    let writing = document(&model(), &limits());
    assert_eq!(
        methods(&writing, "/api/v1/parts/{key}"),
        ["get", "put", "patch", "delete"]
    );
    assert_eq!(methods(&writing, "/api/v1/parts/bulk"), ["post"]);
    assert_eq!(methods(&writing, "/api/v1/makers/{key}"), ["get"]);
    assert_eq!(methods(&writing, "/api/v1/objects/{id}"), ["get"]);
    assert!(methods(&writing, "/api/v1/makers/{key}/revisions").is_empty());
    let body = &writing["components"]["schemas"]["parts.written_record"];
    assert_eq!(body["required"], serde_json::json!(["made", "size"]));
    assert_eq!(body["properties"]["size"]["maximum"], 9);
    assert_eq!(
        body["properties"]["thing"]["type"],
        serde_json::json!(["string", "null"])
    );
    for status in [
        "200", "201", "400", "404", "408", "412", "413", "415", "422", "428",
    ] {
        let answers = &writing["paths"]["/api/v1/parts/{key}"]["put"]["responses"];
        assert!(!answers[status].is_null(), "{status}");
    }
    let reading = document(
        &model(),
        &Limits {
            read_only: true,
            ..limits()
        },
    );
    assert_eq!(methods(&reading, "/api/v1/parts/{key}"), ["get"]);
    assert_eq!(methods(&reading, "/api/v1/parts/{key}/revisions"), ["get"]);
}

#[test]
fn the_page_for_people_needs_nothing_from_elsewhere() {
    let page = docs::page(&model());
    assert!(
        page.contains("Test &lt;of&gt; things")
            && page.contains("by.kind")
            && page.contains("/problems/bad-cursor")
    );
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
}
