//! Cursors and sorts: what comes back is what was given, and nothing forged reaches a database.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{check::check, collection::Collection, file::Files};
use store::record::{Place, Sort};

use super::{cursor, filter, place, sort};

fn collection() -> Collection {
    let text = r#"
name = "test"
title = "Test"
object = "things"
[database.main]
[collection.things]
title = "Things"
database = "main"
key = "id"
columns = { id = "int4", name = "text", weight = "float8", made = "date", seen = "timestamptz", extra = "json" }
[[section]]
name = "self"
title = "Itself"
database = "main"
sql = "select id as object, name from things where id = any($1) order by id"
object = { object = "int4" }
columns = { name = "text" }
"#;
    let model = check(&Files::new([("model.toml", text)])).unwrap_or_else(|faults| panic!("{faults}"));
    model.collections[0].clone()
}

fn by(column: usize, descending: bool) -> Option<Sort> {
    Some(Sort { column, descending })
}

#[test]
fn there_and_back() {
    let collection = collection();
    for (sort, value) in [
        (None, None),
        (by(1, false), Some("B\"O,E\\ING é")),
        (by(1, true), None),
        (by(2, false), Some("1.5")),
        (by(2, false), Some("NaN")),
        (by(3, true), Some("2013-01-01")),
        (by(3, true), Some("infinity")),
    ] {
        let given = Place {
            value: value.map(str::to_owned),
            key: "7".to_owned(),
        };
        let text = cursor(&given, sort, &collection);
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        assert_eq!(place(&text, sort, &collection).unwrap(), given);
    }
    // PostgreSQL's own form of an instant is read too.
    let given = Place {
        value: Some("2013-01-01 10:00:00+00".to_owned()),
        key: "7".to_owned(),
    };
    assert!(
        place(
            &cursor(&given, by(4, false), &collection),
            by(4, false),
            &collection
        )
        .is_ok()
    );
}

#[test]
fn forged_cursors_are_refused() {
    let collection = collection();
    let check = |json: &str, sort: Option<Sort>| {
        let text = URL_SAFE_NO_PAD.encode(json);
        let problem = place(&text, sort, &collection).expect_err(json);
        assert!(problem.to_string().starts_with("the cursor "), "{problem}");
    };
    check("", None);
    check("{}", None);
    check("[null]", None);
    check("[null,7,\"\"]", None);
    check("[null,\"x\",\"\"]", None);
    check("[null,\"99999999999\",\"\"]", None);
    check("[\"1\",\"7\",\"\"]", None);
    check("[null,\"7\",\"name\"]", None);
    check("[null,\"7\",\"\"]", by(1, false));
    check("[null,\"7\",\"name\"]", by(1, true));
    check("[\"x\",\"7\",\"weight\"]", by(2, false));
    check("[\"0000-01-01\",\"7\",\"made\"]", by(3, false));
    check("[\"a\\u0000\",\"7\",\"name\"]", by(1, false));
    for text in ["", "!", "====", "\u{e9}", "AAAA"] {
        assert!(place(text, None, &collection).is_err(), "{text}");
    }
    assert!(place(&"A".repeat(100_000), None, &collection).is_err());
}

#[test]
fn sorts_and_filters() {
    let collection = collection();
    assert_eq!(sort("-name", &collection).unwrap(), by(1, true).unwrap());
    for wrong in ["", "-", "--name", "nam", "extra", "name,id"] {
        assert!(sort(wrong, &collection).is_err(), "{wrong}");
    }
    let check = |column: usize, text: &str, expected: Option<&str>| {
        let column = &collection.columns[column];
        assert_eq!(
            filter(column.kind, &column.name, text).ok().as_deref(),
            expected,
            "{text}"
        );
    };
    check(0, "7", Some("7"));
    check(0, "7.0", None);
    check(0, "99999999999", None);
    check(1, "", Some(""));
    check(1, "a\0", None);
    check(2, "1.5", Some("1.5"));
    check(2, "abc", None);
    check(3, "2013-02-30", None);
    check(3, "-000044-03-15", None);
    check(5, "{}", None);
}
