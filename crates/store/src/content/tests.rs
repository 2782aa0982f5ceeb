//! Bodies in, what is wrong with them out.

use model::{file::Files, model::Model};
use serde_json::{Value, json};

use super::*;

fn model() -> Model {
    let toml = "name = \"test\"\nobject = \"things\"\n[database.main]\n\
        [collection.things]\ndatabase = \"main\"\nkey = \"id\"\nrevisions = true\ntime = \"at\"\nrequired = [\"name\", \"flag\"]\n\
        bounds = { small = \"0..\", real = \"-1.5..1.5\", name = \"2..5\" }\ncomputed = { twice = \"small * 2\" }\n\
        columns = { id = \"int4\", at = \"timestamptz\", name = \"text\", flag = \"bool\", small = \"int2\", big = \"int8\", \
        real = \"float8\", narrow = \"float4\", u = \"uuid\", day = \"date\", local = \"timestamp\", j = \"json\", twice = \"int2\" }\n\
        [[section]]\nname = \"own\"\ndatabase = \"main\"\nsql = \"select 1 as o where 1 = any($1)\"\n\
        object = { o = \"int4\" }\ncolumns = { o = \"int4\" }\n";
    match model::check::check(&Files::new([("model.toml", toml)])) {
        Ok(model) => model,
        Err(faults) => panic!("{faults}"),
    }
}

/// A good record with these members put in, or taken out where they are `"-"`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a row reads better without an ampersand"
)]
fn with(members: Value) -> Value {
    let mut body = json!({ "id": 7, "at": "2013-07-01T12:00:00Z", "name": "abc", "flag": true });
    for (name, value) in members.as_object().unwrap() {
        match value.as_str() {
            Some("-") => drop(body.as_object_mut().unwrap().remove(name)),
            _ => drop(body.as_object_mut().unwrap().insert(name.clone(), value.clone())),
        }
    }
    body
}

fn lines(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(Fault::to_string).collect()
}

#[test]
fn bodies_that_are_fine() {
    let model = model();
    let check = |body: Value, column: &str, expect: Option<&str>| {
        let content = match Content::of_json(model.objects(), &body, Some("7")) {
            Ok(content) => content,
            Err(faults) => panic!("{body}: {:?}", lines(&faults)),
        };
        let column = model.objects().column(column).unwrap();
        assert_eq!(content.values[column].as_deref(), expect, "{body}");
    };
    check(with(json!({})), "id", Some("7"));
    check(with(json!({ "id": "-" })), "id", Some("7"));
    check(with(json!({ "small": 32767 })), "small", Some("32767"));
    check(with(json!({ "small": null })), "small", None);
    check(
        with(json!({ "big": -9223372036854775808i64 })),
        "big",
        Some("-9223372036854775808"),
    );
    check(with(json!({ "real": 1 })), "real", Some("1"));
    check(with(json!({ "real": 1e-3 })), "real", Some("0.001"));
    check(with(json!({ "name": "äöü🛩x" })), "name", Some("äöü🛩x"));
    check(
        with(json!({ "at": "2013-07-01T14:00:00.5+02:00" })),
        "at",
        Some("2013-07-01T12:00:00.5Z"),
    );
    check(
        with(json!({ "u": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11" })),
        "u",
        Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    );
    check(
        with(json!({ "j": { "a": [1, null] } })),
        "j",
        Some("{\"a\":[1,null]}"),
    );
    check(with(json!({ "j": "text" })), "j", Some("\"text\""));
    // What Sidequest shows beside the columns can be sent back; a computed column is not written.
    check(
        with(json!({ "revision": 3, "recorded_at": "x", "author": 1, "twice": 14 })),
        "twice",
        None,
    );
}

#[test]
fn all_faults_of_a_body_at_once() {
    let model = model();
    let body = with(json!({
        "id": 8, "at": "yesterday", "name": "a", "flag": "-", "small": -1, "big": 1.5, "real": 2, "narrow": 1e39,
        "u": "no", "day": "2013-02-30", "local": 5, "nmae": [1, 2]
    }));
    let faults = Content::of_json(model.objects(), &body, Some("7")).unwrap_err();
    insta::assert_snapshot!(lines(&faults).join("\n"));
}

#[test]
fn faults_one_by_one() {
    let model = model();
    let check = |body: Value, expect: &str| {
        let faults = Content::of_json(model.objects(), &body, Some("7")).unwrap_err();
        assert_eq!(lines(&faults), [expect], "{body}");
    };
    check(
        json!([]),
        "[] given, expected a JSON object with the record's columns",
    );
    check(
        with(json!({ "flag": null })),
        "`flag`: null given, expected true or false",
    );
    check(
        with(json!({ "name": "abcdef" })),
        "`name`: \"abcdef\" given, expected a text without NUL, its length from 2 to 5",
    );
    check(
        with(json!({ "name": "a\u{0}b" })),
        "`name`: \"a\\u0000b\" given, expected a text without NUL, its length from 2 to 5",
    );
    check(
        with(json!({ "small": "5" })),
        "`small`: \"5\" given, expected a whole number from 0, or null",
    );
    check(
        with(json!({ "small": 40000 })),
        "`small`: 40000 given, expected a whole number from 0, or null",
    );
    check(
        with(json!({ "at": "2013-07-01" })),
        "`at`: \"2013-07-01\" given, expected an instant as text, like 2013-07-01T12:00:00Z",
    );
}

#[test]
fn a_part_says_only_what_it_gives() {
    let model = model();
    let part = |body: Value| Part::of_json(model.objects(), &body, "7");
    let given = |body: Value| {
        let values = part(body).unwrap().values;
        let given = values.iter().enumerate().filter(|(_, value)| value.is_some());
        given
            .map(|(column, value)| {
                format!(
                    "{}={:?}",
                    model.objects().columns[column].name,
                    value.as_ref().unwrap()
                )
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(given(json!({})), "");
    assert_eq!(
        given(json!({ "small": null, "name": "xy", "id": 7 })),
        "name=Some(\"xy\") small=None"
    );
    assert_eq!(
        lines(&part(json!({ "name": null, "small": -1, "id": 8 })).unwrap_err()),
        [
            "`small`: -1 given, expected a whole number from 0, or null",
            "`id`: 8 given, expected the key of the address, 7",
            "`name`: null given, expected a text without NUL, its length from 2 to 5",
        ]
    );
}

#[test]
fn lines_of_csv_are_read_like_bodies() {
    let model = model();
    let columns = [0, 1, 2, 3, 4, 11];
    let read = |fields: [Option<&str>; 6]| Content::of_texts(model.objects(), &columns, &fields);
    let content = read([
        Some("07"),
        Some("2013-07-01T12:00:00Z"),
        Some("abc"),
        Some("true"),
        None,
        Some("{\"a\": 1}"),
    ]);
    let content = content.unwrap();
    assert_eq!(content.key(model.objects()), "7");
    assert_eq!(content.values[11].as_deref(), Some("{\"a\":1}"));
    let faults = read([None, Some("x"), Some("a"), Some("yes"), Some("-1"), Some("{")]).unwrap_err();
    insta::assert_snapshot!(lines(&faults).join("\n"));
}

#[test]
fn members_of_a_text_are_those_of_its_tree() {
    for text in [
        "{}",
        r#"{"a":null,"b":true,"c":-9223372036854775808,"d":18446744073709551615,"e":1e-3,"f":1.0,"g":123456789012345678901}"#,
        r#"{"text":"plain","quoted":"a \"b\" \u00e4\n","":"no name","a\u0062":"escaped name"}"#,
        r#"{"nested":{"a":[1,{"b":null}]},"list":[],"empty":{}}"#,
        r#"{"twice":1,"other":2,"twice":"last"}"#,
    ] {
        let tree: Value = serde_json::from_str(text).unwrap();
        let read: Members<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(Some(&read), Members::of_json(&tree).as_ref(), "{text}");
        for (name, value) in tree.as_object().unwrap() {
            assert_eq!(read.get(name).unwrap().to_string(), value.to_string(), "{text}");
        }
    }
    for text in ["[]", "null", "7", "{\"a\":}", "{\"a\":1", "{\"a\":1}}"] {
        assert!(serde_json::from_str::<Members<'_>>(text).is_err(), "{text}");
    }
}

#[test]
fn unknown_members_without_end_are_counted() {
    let model = model();
    let mut body = with(json!({ "flag": 7 }));
    for at in 0..50_000 {
        body.as_object_mut().unwrap().insert(format!("x{at}"), json!(1));
    }
    let faults = Content::of_json(model.objects(), &body, Some("7")).unwrap_err();
    assert_eq!(faults.len(), 22);
    assert_eq!(faults[0].field, "flag");
    assert_eq!(faults[21].given, "49980 more members");
    let text = body.to_string();
    let error = serde_json::from_str::<Members<'_>>(&text).unwrap_err();
    assert!(error.to_string().starts_with("more than 4096 members"), "{error}");
}

#[test]
fn floats_stay_what_they_are() {
    let model = model();
    let real = model.objects().column("narrow").unwrap() - 1;
    assert_eq!(model.objects().columns[real].name, "real");
    for text in [
        "0.1",
        "1.234567890123456",
        "0.9495886283158103",
        "5e-324",
        "-1.4999999999999998",
    ] {
        let line = format!(
            "{{\"id\":7,\"at\":\"2013-07-01T12:00:00Z\",\"name\":\"abc\",\"flag\":true,\"real\":{text}}}"
        );
        let tree: Value = serde_json::from_str(&line).unwrap();
        let members: Members<'_> = serde_json::from_str(&line).unwrap();
        for content in [
            Content::of_json(model.objects(), &tree, None).unwrap(),
            Content::of_members(model.objects(), &members, None).unwrap(),
        ] {
            let kept: f64 = content.values[real].as_deref().unwrap().parse().unwrap();
            assert_eq!(kept.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
    }
}

#[test]
fn no_float_overflows() {
    let model = model();
    for column in ["real", "narrow"] {
        let at = model.objects().column(column).unwrap();
        let faults = Content::of_texts(model.objects(), &[at], &[Some("1e400")]).unwrap_err();
        assert!(faults.iter().any(|fault| fault.field == column), "{faults:?}");
    }
}
