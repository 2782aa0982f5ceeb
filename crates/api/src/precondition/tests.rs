//! Preconditions as clients and proxies write them.

use http::HeaderMap;

use super::{Precondition, any, is_known, revision};
use crate::problem::Problem;

fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

#[test]
fn of_a_write() {
    let check = |given: &[(&'static str, &str)], expected: &str| {
        let told = match any(&headers(given)) {
            Ok(Precondition::Absent) => "absent".to_owned(),
            Ok(Precondition::Revision(revision)) => revision.to_string(),
            Err(rejection) => Problem::from(rejection).kind.slug().to_owned(),
        };
        assert_eq!(told, expected, "{given:?}");
    };
    check(&[("if-match", "\"7\"")], "7");
    check(&[("if-match", " W/\"7\" ")], "7");
    check(&[("if-none-match", "*")], "absent");
    check(&[], "precondition-required");
    for broken in [
        "7",
        "\"0\"",
        "\"07\"",
        "\"7",
        "*",
        "",
        "\"6\", \"7\"",
        "\"seven\"",
        "\"9999999999\"",
        "\"+7\"",
    ] {
        check(&[("if-match", broken)], "bad-precondition");
    }
    check(&[("if-none-match", "\"7\"")], "bad-precondition");
    check(
        &[("if-match", "\"7\""), ("if-none-match", "*")],
        "bad-precondition",
    );
    check(
        &[("if-match", "\"7\""), ("if-match", "\"8\"")],
        "bad-precondition",
    );
    assert!(revision(&headers(&[("if-none-match", "*")])).is_err());
}

#[test]
fn of_a_read() {
    for (given, expected) in [
        ("\"7\"", true),
        ("\"6\", W/\"7\"", true),
        ("*", true),
        ("\"77\"", false),
        ("7", false),
    ] {
        assert_eq!(
            is_known(&headers(&[("if-none-match", given)]), "\"7\""),
            expected,
            "{given}"
        );
    }
}
