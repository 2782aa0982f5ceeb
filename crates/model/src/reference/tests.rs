//! The schema and the page are the same every time, and the sample conforms to the schema.

use serde_json::{Value, json};

use super::{page, sample, schema};
use crate::{check::check, declare::table, file::ROOT};

#[test]
fn same_every_time() {
    assert_eq!(page(), page());
    assert_eq!(schema().to_string(), schema().to_string());
}

#[test]
fn page_names_every_key_and_shows_real_faults() {
    let page = page();
    for table in [
        &table::ROOT,
        &table::DATABASE,
        &table::COLLECTION,
        &table::DATASET,
        &table::JOIN,
        &table::SECTION,
    ] {
        for key in table.keys {
            assert!(page.contains(&format!("| `{}` |", key.name)), "{}", key.name);
        }
    }
    assert!(page.contains("6 faults in model.toml"));
    assert!(check(&sample()).is_ok());
}

#[test]
fn sample_conforms() {
    let text = sample().get(ROOT).unwrap().to_owned();
    assert_eq!(faults(&text), Vec::<String>::new());
}

#[test]
fn schema_refuses_what_check_refuses() {
    let text = sample().get(ROOT).unwrap().to_owned();
    for (from, to) in [
        ("connections = 2", "connections = 0"),
        ("connections = 2", "conections = 2"),
        ("key = \"tailnum\"", ""),
        ("gaps = true", "gaps = 1"),
        ("series = \"month\"", "series = \"months\""),
        ("limit = 20", "trend = \"flights\""),
        ("dataset = \"flights\"", ""),
        ("measures = [\"flights\", \"cancelled\", \"p90\"]", ""),
        ("year = \"int2\"", "year = \"smallint\""),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(
            !faults(&text.replacen(from, to, 1)).is_empty(),
            "the schema accepts `{to}`"
        );
    }
}

fn faults(model: &str) -> Vec<String> {
    let model: toml::Table = model.parse().unwrap();
    let mut faults = Vec::new();
    let root = schema();
    Validator { root: &root }.check(&root, &value(&toml::Value::Table(model)), "", &mut faults);
    faults
}

fn value(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(flag) => json!(flag),
        toml::Value::Datetime(time) => json!(time.to_string()),
        toml::Value::Array(array) => array.iter().map(self::value).collect(),
        toml::Value::Table(table) => table
            .iter()
            .map(|(key, inner)| (key.clone(), self::value(inner)))
            .collect(),
    }
}

/// As much of JSON Schema as ours uses; an unknown keyword panics, so none is forgotten. Patterns
/// are not matched: that would need a dependency.
struct Validator<'a> {
    root: &'a Value,
}

impl Validator<'_> {
    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let mut faults = Vec::new();
        self.check(schema, value, "", &mut faults);
        faults.is_empty()
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Value::Object(schema) = schema else {
            if schema == &json!(false) {
                faults.push(format!("{at} is not allowed"));
            }
            return;
        };
        for (keyword, rule) in schema {
            let fine = match keyword.as_str() {
                "$schema" | "title" | "description" | "$defs" | "pattern" | "propertyNames" | "then" => true,
                "$ref" => {
                    let pointer = rule.as_str().unwrap().trim_start_matches('#');
                    self.check(
                        self.root.pointer(pointer).expect("a definition"),
                        value,
                        at,
                        faults,
                    );
                    true
                }
                "type" => match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64(),
                    "boolean" => value.is_boolean(),
                    other => panic!("type {other}"),
                },
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_i64() >= rule.as_i64(),
                "maximum" => value.as_i64() <= rule.as_i64(),
                "minLength" => value.as_str().is_none_or(|text| !text.is_empty()),
                "minItems" => value.as_array().is_none_or(|items| !items.is_empty()),
                "required" => rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|key| value.get(key.as_str().unwrap()).is_some()),
                "anyOf" => rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|schema| self.fits(schema, value)),
                "oneOf" => {
                    rule.as_array()
                        .unwrap()
                        .iter()
                        .filter(|schema| self.fits(schema, value))
                        .count()
                        == 1
                }
                "allOf" => {
                    rule.as_array()
                        .unwrap()
                        .iter()
                        .for_each(|schema| self.check(schema, value, at, faults));
                    true
                }
                "not" => !self.fits(rule, value),
                "if" => {
                    if self.fits(rule, value) {
                        self.check(&schema["then"], value, at, faults);
                    }
                    true
                }
                "items" => {
                    let items = value.as_array().into_iter().flatten();
                    items.for_each(|item| self.check(rule, item, &format!("{at}[]"), faults));
                    true
                }
                "properties" => {
                    for (key, schema) in rule.as_object().unwrap() {
                        if let Some(inner) = value.get(key) {
                            self.check(schema, inner, &format!("{at}.{key}"), faults);
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    for (key, inner) in value.as_object().into_iter().flatten() {
                        if schema
                            .get("properties")
                            .is_none_or(|known| known.get(key).is_none())
                        {
                            self.check(rule, inner, &format!("{at}.{key}"), faults);
                        }
                    }
                    true
                }
                other => panic!("keyword {other}"),
            };
            if !fine {
                faults.push(format!("{at} breaks {keyword} {rule}"));
            }
        }
    }
}
