//! The values of keys: of the right type, and texts that can mean what their key says.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Place, Record, Value, record, text};
use crate::{
    declare::{
        Entry, Pair,
        key::{Key, Kind, Style, Table},
    },
    diagnostic::{Report, Text},
};

/// A value, if it fits its key; else a fault.
pub(super) fn value(
    key: &'static Key,
    name: &Text,
    found: &Spanned<DeValue>,
    report: &mut Report,
) -> Option<Value> {
    let span = found.span();
    match (&key.kind, found.get_ref()) {
        (Kind::Text(style), DeValue::String(value)) => {
            let text = Text {
                value: value.to_string(),
                span,
            };
            styled(&text, *style, report).then_some(Value::Text(text))
        }
        (Kind::Integer(least, most), DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
            match number.filter(|number| (least..=most).contains(&number)) {
                Some(number) => Some(Value::Integer(number)),
                None => {
                    let message = format!("`{}` must be {least} to {most}", key.name);
                    report.fault(
                        &span,
                        message,
                        format!("write `{} = {}`, for example", key.name, key.example),
                    );
                    None
                }
            }
        }
        (Kind::Flag, DeValue::Boolean(flag)) => Some(Value::Flag(*flag)),
        (Kind::Names(style), DeValue::Array(array)) => Some(Value::Names(names(key, *style, array, report))),
        (Kind::Entries { listed, .. }, DeValue::Array(array)) => {
            let names = names(key, *listed, array, report);
            Some(Value::Entries(
                names
                    .into_iter()
                    .map(|value| Entry { name: None, value })
                    .collect(),
            ))
        }
        (Kind::Entries { value, .. }, DeValue::Table(table)) => {
            let pairs = pairs(key, Style::Member, *value, table, report).into_iter();
            let entries = pairs.filter_map(|pair| {
                Some(Entry {
                    name: Some(pair.key),
                    value: pair.value?,
                })
            });
            Some(Value::Entries(entries.collect()))
        }
        (Kind::Pairs { key: name, value }, DeValue::Table(table)) => {
            Some(Value::Pairs(pairs(key, *name, *value, table, report)))
        }
        (Kind::Table(inner), DeValue::Table(table)) => {
            let place = Place { name: None, span };
            Some(Value::Table(record(inner, table, place, report)))
        }
        (Kind::Tables(inner), DeValue::Table(table)) => Some(Value::Tables(tables(inner, table, report))),
        (Kind::List(inner), DeValue::Array(array)) => {
            list(inner, array, report).map(Value::List).or_else(|| {
                mismatch(key, found, &found.span(), report);
                None
            })
        }
        _ => {
            let place = if matches!(key.kind, Kind::Tables(_) | Kind::List(_)) {
                &name.span
            } else {
                &span
            };
            mismatch(key, found, place, report);
            None
        }
    }
}

fn mismatch(key: &Key, found: &Spanned<DeValue>, span: &Range<usize>, report: &mut Report) {
    let message = format!(
        "`{}` must be {}, this is {}",
        key.name,
        wanted(&key.kind),
        called(found.get_ref())
    );
    let hint = match key.kind {
        Kind::Tables(table) | Kind::List(table) => format!("write it as `{}`", table.header),
        _ => format!("write `{} = {}`, for example", key.name, key.example),
    };
    report.fault(span, message, hint);
}

/// What a kind of value is called in a fault.
fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text(_) => "a string",
        Kind::Integer(..) => "an integer",
        Kind::Flag => "true or false",
        Kind::Names(_) => "a list of strings",
        Kind::Pairs { .. } => "a table of strings",
        Kind::Entries { .. } => "a list of names or a table of strings",
        Kind::Table(_) | Kind::Tables(_) => "a table",
        Kind::List(_) => "a list of tables",
    }
}

fn called(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Those of a list that are sound.
fn names(key: &Key, style: Style, array: &[Spanned<DeValue>], report: &mut Report) -> Vec<Text> {
    let names = array.iter().filter_map(|found| match found.get_ref() {
        DeValue::String(value) => {
            let text = Text {
                value: value.to_string(),
                span: found.span(),
            };
            styled(&text, style, report).then_some(text)
        }
        other => {
            let message = format!("`{}` holds strings, this is {}", key.name, called(other));
            report.fault(
                &found.span(),
                message,
                format!("write `{} = {}`, for example", key.name, key.example),
            );
            None
        }
    });
    names.collect()
}

fn pairs(key: &Key, left: Style, right: Style, table: &DeTable, report: &mut Report) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (name, found) in table {
        let name = text(name);
        styled(&name, left, report);
        let value = match found.get_ref() {
            DeValue::String(value) => {
                let value = Text {
                    value: value.to_string(),
                    span: found.span(),
                };
                styled(&value, right, report).then_some(value)
            }
            other => {
                let dotted = matches!(other, DeValue::Table(_)) && left == Style::Member;
                let message = format!("`{}` holds strings, this is {}", key.name, called(other));
                let hint = match dotted {
                    true => "a dot in a key makes a table: names here have no dots".to_owned(),
                    false => format!("write `{} = {}`, for example", key.name, key.example),
                };
                let span = if dotted { name.span.clone() } else { found.span() };
                report.fault(&span, message, hint);
                None
            }
        };
        pairs.push(Pair { key: name, value });
    }
    pairs
}

fn tables(inner: &'static Table, found: &DeTable, report: &mut Report) -> Vec<(Text, Record)> {
    let mut tables = Vec::new();
    for (name, value) in found {
        let mut name = text(name);
        let written = name.value.clone();
        if !styled(&name, Style::Name, report) {
            // Others will name it as it should be named.
            name.value.make_ascii_lowercase();
        }
        match value.get_ref() {
            DeValue::Table(table) => {
                let place = Place {
                    name: Some(&written),
                    span: name.span.clone(),
                };
                let record = record(inner, table, place, report);
                tables.push((name, record));
            }
            other => {
                let message = format!("`{}` must be a table, this is {}", &*name, called(other));
                report.fault(&name.span, message, format!("write it as `{}`", inner.header));
            }
        }
    }
    tables
}

/// `None` if any entry is no table.
fn list(inner: &'static Table, array: &[Spanned<DeValue>], report: &mut Report) -> Option<Vec<Record>> {
    let tables = array.iter().map(|found| match found.get_ref() {
        DeValue::Table(table) => Some((table, found.span())),
        _ => None,
    });
    let tables: Vec<_> = tables.collect::<Option<_>>()?;
    Some(
        tables
            .into_iter()
            .map(|(table, span)| record(inner, table, Place { name: None, span }, report))
            .collect(),
    )
}

/// Whether the text can mean what its key says; the rest is for `check`, which knows what is declared.
fn styled(text: &Text, style: Style, report: &mut Report) -> bool {
    let name = |part: &str, extra: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || extra.contains(c))
    };
    let hint = match style {
        Style::Name if !name(text, "") => "a name begins with a-z and goes on with a-z, 0-9 or _",
        Style::ModelName if !name(text, "-") => "a name begins with a-z and goes on with a-z, 0-9, _ or -",
        Style::Path if !text.split('.').all(|part| name(part, "")) => {
            "between dots, a name begins with a-z and goes on with a-z, 0-9 or _"
        }
        Style::Member if text.contains('.') => {
            "names here have no dots: a dot means a joined column or a section"
        }
        Style::Relation if text.split('.').count() > 2 || text.split('.').any(str::is_empty) => {
            "write `table` or `schema.table`"
        }
        Style::Prose if text.trim().is_empty() => "say it in a line, or leave the key out",
        _ if text.is_empty() => "leave the key out, or give it a value",
        _ if !matches!(style, Style::Sql | Style::Condition | Style::Measure)
            && text.contains(char::is_control) =>
        {
            "write it on one line, without control characters"
        }
        _ => return true,
    };
    let shown = match text.is_empty() {
        true => format!("this {} is empty", style.words()),
        false => format!("`{}` is no {} here", text.escape_debug(), style.words()),
    };
    report.fault(&text.span, shown, hint);
    false
}
