//! The table of routes is whole, and paths find their rows.

use http::Method;
use model::{file::Files, model::Model};

use super::{Matched, Name, ROUTES, Router};
use crate::problem::Problem;

fn model() -> Model {
    let text = r#"
name = "test"
title = "Test"
object = "things"
[database.main]
[collection.things]
title = "Things"
database = "main"
revisions = true
key = "key"
columns = { key = "text", name = "text" }
[collection.makers]
title = "Makers"
database = "main"
key = "id"
columns = { id = "text" }
[dataset.events]
database = "main"
sql = "select key, at, id from events where key = any($1)"
object = "key"
time = "at"
key = "id"
columns = { key = "text", at = "timestamptz", id = "int4" }
[[section]]
name = "events"
title = "All"
dataset = "events"
rows = ["at"]
"#;
    model::check::check(&Files::new([("model.toml", text)])).unwrap_or_else(|faults| panic!("{faults}"))
}

fn check(method: &str, path: &str, expected: &str) {
    told(false, method, path, expected);
}

fn told(read_only: bool, method: &str, path: &str, expected: &str) {
    let found = Router::new(&model(), read_only).find(&Method::from_bytes(method.as_bytes()).unwrap(), path);
    let told = match found {
        Ok(Matched::Options(allow)) => format!("options {allow}"),
        Ok(Matched::Route { name, path }) => format!("{name:?} {path:?}"),
        Err(rejection) => {
            let problem = Problem::from(rejection);
            let allow = problem
                .allow
                .as_ref()
                .map_or_else(String::new, |allow| format!(" {allow}"));
            format!("{}{allow}", problem.kind.slug())
        }
    };
    assert_eq!(told, expected, "{method} {path}");
}

#[test]
fn paths() {
    check("GET", "/api/v1/objects", "Objects []");
    check("HEAD", "/api/v1/objects", "Objects []");
    check("OPTIONS", "/api/v1/objects", "options GET, HEAD, POST, OPTIONS");
    check("OPTIONS", "/docs", "options GET, HEAD, OPTIONS");
    check(
        "OPTIONS",
        "*",
        "options GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    );
    check("GET", "/api/v1/objects/analysis", "ObjectsAnalysis []");
    check("GET", "/api/v1/objects/N14228", r#"Object ["N14228"]"#);
    check("GET", "/api/v1/objects/a%2Fb%20+", r#"Object ["a/b +"]"#);
    check(
        "GET",
        "/api/v1/objects/analysis/analysis",
        r#"ObjectAnalysis ["analysis"]"#,
    );
    check("GET", "/api/v1/aircraft", r#"Collection ["aircraft"]"#);
    check("GET", "/api/v1/objectsx", r#"Collection ["objectsx"]"#);
    check(
        "GET",
        "/api/v1/aircraft/analysis",
        r#"Record ["aircraft", "analysis"]"#,
    );
    check("GET", "/", "Docs []");
    check("GET", "/openapi.json", "OpenApi []");
    check("GET", "/api/v1/openapi.json", "OpenApi []");
    check("GET", "/problems/not-found", r#"Problem ["not-found"]"#);
}

#[test]
fn writes() {
    check("POST", "/api/v1/things", r#"Create ["things"]"#);
    check("POST", "/api/v1/objects", r#"Create ["objects"]"#);
    check("PUT", "/api/v1/things/a", r#"Replace ["things", "a"]"#);
    check("PATCH", "/api/v1/objects/a", r#"Patch ["objects", "a"]"#);
    check("DELETE", "/api/v1/objects/a%2Fb", r#"Delete ["objects", "a/b"]"#);
    check("POST", "/api/v1/objects/a/revert", r#"Revert ["objects", "a"]"#);
    check(
        "GET",
        "/api/v1/objects/a/revisions",
        r#"History ["objects", "a"]"#,
    );
    check(
        "GET",
        "/api/v1/things/a/revisions/7",
        r#"Revision ["things", "a", "7"]"#,
    );
    check("GET", "/api/v1/things/a/diff", r#"Difference ["things", "a"]"#);
    check("GET", "/api/v1/things/export", r#"Export ["things"]"#);
    check("POST", "/api/v1/objects/bulk", r#"Bulk ["objects"]"#);
    check("POST", "/api/v1/things/import", r#"Import ["things"]"#);
    // An escape makes a key of a word, and where there is no such word it is one as it is.
    check("GET", "/api/v1/things/%65xport", r#"Record ["things", "export"]"#);
    check("GET", "/api/v1/makers/export", r#"Record ["makers", "export"]"#);
    check("GET", "/api/v1/makers/bulk", r#"Record ["makers", "bulk"]"#);
    // That it is unknown is said by the handler.
    check("PUT", "/api/v1/nope/a", r#"Replace ["nope", "a"]"#);
}

#[test]
fn refusals() {
    check("GET", "/nothing", "unknown-route");
    check("GET", "/api/v1/objects/", "unknown-route");
    check("GET", "/api/v1/objects/a/b/c", "unknown-route");
    check("POST", "/nothing", "unknown-route");
    let (read, record) = ("GET, HEAD, OPTIONS", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    check(
        "DELETE",
        "/api/v1/objects",
        "method-not-allowed GET, HEAD, POST, OPTIONS",
    );
    check(
        "QUERY",
        "/api/v1/things/a",
        &format!("method-not-allowed {record}"),
    );
    check("PUT", "/api/v1/makers/a", &format!("method-not-allowed {read}"));
    check("POST", "/api/v1/makers", &format!("method-not-allowed {read}"));
    check("POST", "/api/v1/makers/bulk", "method-not-allowed OPTIONS");
    told(
        true,
        "PUT",
        "/api/v1/things/a",
        &format!("method-not-allowed {read}"),
    );
    told(
        true,
        "POST",
        "/api/v1/objects",
        &format!("method-not-allowed {read}"),
    );
    told(
        true,
        "GET",
        "/api/v1/things/a/revisions",
        r#"History ["things", "a"]"#,
    );
    check("GET", "/api/v1/objects/%ff", "malformed-query");
    check("GET", "/api/v1/objects/%2", "malformed-query");
}

#[test]
fn the_table_has_every_name_once() {
    assert_eq!(
        ROUTES.iter().map(|route| route.name).collect::<Vec<_>>(),
        Name::ALL
    );
    for (at, name) in Name::ALL.into_iter().enumerate() {
        assert!(!name.pattern().is_empty());
        assert_eq!(name as usize, at);
        let traced = format!("{} {}", name.route().method.name(), name.pattern());
        assert_eq!(*name.traced().text(), *traced);
    }
}
