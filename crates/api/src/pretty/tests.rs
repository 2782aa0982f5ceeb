//! Indenting, held to serde_json's.

use proptest::prelude::*;
use serde_json::Value;

use super::{Pretty, indent};

fn check(value: &Value) {
    let compact = value.to_string();
    let expected = serde_json::to_string_pretty(value).unwrap();
    assert_eq!(String::from_utf8(indent(compact.as_bytes())).unwrap(), expected);
    // Already indented, it stays as it is.
    assert_eq!(String::from_utf8(indent(expected.as_bytes())).unwrap(), expected);
}

#[test]
fn as_serde_json_does() {
    for text in [
        "null",
        "1",
        "-1.5e300",
        "\"\"",
        "[]",
        "{}",
        "[[]]",
        "[{}]",
        "{\"a\":[]}",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"e\"}",
        r#"{"quote":"\"","backslash":"\\","both":"\\\"","brackets":"[{,:}]","":""}"#,
        "[true,false,null]",
    ] {
        check(&serde_json::from_str(text).unwrap());
    }
}

#[test]
fn deeper_than_the_break_is_long() {
    let mut value = Value::from(1);
    for _ in 0..100 {
        value = serde_json::json!({ "a": [value] });
    }
    check(&value);
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\"\\\\{}\\[\\],: \n]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value(value in json()) {
        check(&value);
    }

    /// Where the chunks of a stream end does not matter.
    #[test]
    fn any_chunks(value in json(), size in 1usize..16) {
        let compact = value.to_string();
        let mut out = Vec::new();
        let mut pretty = Pretty::default();
        for chunk in compact.as_bytes().chunks(size) {
            pretty.push(chunk, &mut out);
        }
        prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string_pretty(&value).unwrap());
    }

    /// Not JSON at all: nothing panics, and no byte of a text is lost.
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        indent(&bytes);
    }
}
