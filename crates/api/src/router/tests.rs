//! The table of routes is whole, and paths find their rows.

use http::Method;

use super::{Matched, Name, ROUTES, Router};
use crate::problem::Problem;

fn check(method: &str, path: &str, expected: &str) {
    let found = Router::new().find(&Method::from_bytes(method.as_bytes()).unwrap(), path);
    let told = match found {
        Ok(Matched::Options) => "options".to_owned(),
        Ok(Matched::Route { name, path }) => format!("{name:?} {path:?}"),
        Err(rejection) => Problem::from(rejection).kind.slug().to_owned(),
    };
    assert_eq!(told, expected, "{method} {path}");
}

#[test]
fn paths() {
    check("GET", "/api/v1/objects", "Objects []");
    check("HEAD", "/api/v1/objects", "Objects []");
    check("OPTIONS", "/api/v1/objects", "options");
    check("OPTIONS", "*", "options");
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
fn refusals() {
    check("GET", "/nothing", "unknown-route");
    check("GET", "/api/v1/objects/", "unknown-route");
    check("GET", "/api/v1/objects/a/b/c", "unknown-route");
    check("POST", "/nothing", "unknown-route");
    check("POST", "/api/v1/objects", "method-not-allowed");
    check("QUERY", "/api/v1/objects", "method-not-allowed");
    check("GET", "/api/v1/objects/%ff", "malformed-query");
    check("GET", "/api/v1/objects/%2", "malformed-query");
}

#[test]
fn the_table_has_every_name_once() {
    assert_eq!(
        ROUTES.iter().map(|route| route.name).collect::<Vec<_>>(),
        Name::ALL
    );
    for name in Name::ALL {
        assert!(!name.pattern().is_empty());
    }
}
