//! Pairs of documents and what differs.

use serde_json::{Value, json};

use super::changes;

fn check(from: &Value, to: &Value, expected: &[(&str, Value, Value)]) {
    let changes = changes(Some(from), Some(to));
    let found: Vec<(&str, Value, Value)> = changes
        .iter()
        .map(|change| {
            let shown = |value: &Option<Value>| value.clone().unwrap_or_else(|| json!("nothing"));
            (change.path.as_str(), shown(&change.from), shown(&change.to))
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn equal_documents_have_no_changes() {
    let document = json!({ "id": "a", "rows": [{ "n": 1 }, { "n": 1 }] });
    check(&document, &document, &[]);
}

#[test]
fn members_differ_by_name() {
    check(
        &json!({ "id": "a", "delays": { "mean": 1.5, "old": null } }),
        &json!({ "id": "a", "delays": { "mean": 2.5, "a/b~c": 3 } }),
        &[
            ("/delays/mean", json!(1.5), json!(2.5)),
            ("/delays/a~1b~0c", json!("nothing"), json!(3)),
            ("/delays/old", json!(null), json!("nothing")),
        ],
    );
}

#[test]
fn rows_are_paired_by_what_names_them() {
    check(
        &json!([{ "month": 1, "n": 10 }, { "month": 2, "n": 20 }]),
        &json!([{ "month": 0, "n": 5 }, { "month": 1, "n": 11 }]),
        &[
            ("/0", json!("nothing"), json!({ "month": 0, "n": 5 })),
            ("/1/n", json!(10), json!(11)),
            ("/1", json!({ "month": 2, "n": 20 }), json!("nothing")),
        ],
    );
}

#[test]
fn two_dimensions_name_a_row_together() {
    check(
        &json!([{ "a": 1, "b": 1, "n": 1 }, { "a": 1, "b": 2, "n": 2 }]),
        &json!([{ "a": 1, "b": 1, "n": 1 }, { "a": 1, "b": 2, "n": 3 }, { "a": 2, "b": 1, "n": 4 }]),
        &[
            ("/1/n", json!(2), json!(3)),
            ("/2", json!("nothing"), json!({ "a": 2, "b": 1, "n": 4 })),
        ],
    );
}

#[test]
fn what_nothing_names_is_paired_by_its_place() {
    check(
        &json!([1, 2, 2]),
        &json!([1, 3]),
        &[("/1", json!(2), json!(3)), ("/2", json!(2), json!("nothing"))],
    );
}
