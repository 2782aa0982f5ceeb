//! URLs of collectors, right and wrong.

use super::endpoint::{Authorities, Endpoint};

#[track_caller]
fn check(url: &str, expect: &str) {
    let read = Endpoint::parse(url, &Authorities::File("/nonexistent".into()));
    let said = match read {
        Ok(endpoint) => format!("{endpoint:?}"),
        Err(error) => error.to_string(),
    };
    assert_eq!(said, expect);
}

#[test]
fn urls_are_taken_apart() {
    check("http://localhost:4318", "http://localhost:4318");
    check("http://collector", "http://collector:80");
    check("http://collector/otlp/", "http://collector:80/otlp");
    check("http://[::1]:4317", "http://::1:4317");
}

#[test]
fn wrong_urls_are_refused_without_their_secrets() {
    check(
        "ftp://x",
        "read the collector's URL `ftp://x`: it begins with neither http:// nor https://",
    );
    check(
        "localhost:4317",
        "read the collector's URL `localhost:4317`: it begins with neither http:// nor https://",
    );
    check(
        "http://me:marked-secret@collector:4318",
        "read the collector's URL `collector:4318`: it holds a name and password: send them in a header",
    );
    check(
        "http://collector?key=1",
        "read the collector's URL `http://collector?key=1`: it has a query",
    );
}
