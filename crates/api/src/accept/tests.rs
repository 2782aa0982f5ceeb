//! Preferences of clients.

use http::{HeaderMap, HeaderValue, header::ACCEPT};

use super::quality;
use crate::call::Wants;

fn headers(accept: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
    headers
}

#[test]
fn qualities() {
    let check = |accept: &str, name: &str, expected: Option<u16>| {
        assert_eq!(
            quality(&headers(accept), &ACCEPT, name),
            expected,
            "{name} of {accept}"
        );
    };
    check("application/json", "application/json", Some(1000));
    check("Application/JSON;q=0.5", "application/json", Some(500));
    check("application/*;q=0.3, */*;q=0.1", "application/json", Some(300));
    check("*/*;q=0.1, application/json;q=0", "application/json", Some(0));
    check("text/html", "application/json", None);
    check(
        "application/json;charset=utf-8;q=0.25",
        "application/json",
        Some(250),
    );
    check("application/json;q=nonsense", "application/json", Some(0));
    check("application/json;q=7", "application/json", Some(0));
    check("", "application/json", None);
}

#[test]
fn lines_only_by_name() {
    for (accept, lines) in [
        ("*/*", false),
        ("application/json", false),
        ("application/x-ndjson", true),
        ("application/ndjson", true),
        ("application/x-ndjson, application/json", true),
        ("application/x-ndjson;q=0.5, application/json", false),
        ("application/x-ndjson, */*;q=0.1", true),
        ("application/x-ndjson;q=0", false),
        ("text/html", false),
    ] {
        assert_eq!(Wants::of(&headers(accept)) == Wants::Lines, lines, "{accept}");
    }
    assert_eq!(Wants::of(&HeaderMap::new()), Wants::Array);
}
