//! What a writer says of a record, checked against the declared columns: all that is wrong with it at once.
//!
//! A value travels to PostgreSQL as text in the form that its type casts without fail, so nothing that passes
//! here is refused there, but for what a computed column makes of it.

use std::fmt;

use model::{
    collection::Collection,
    column::{Column, Type},
    revisions::{Bounds, ENVELOPE, Field, Revisions},
};
use serde_json::Value;

pub use self::members::{Given, Members};
use crate::value;

mod members;
#[cfg(test)]
mod tests;

/// Members that are no column and have a fault of their own; of further ones there is a count.
const UNKNOWN_MAX: usize = 20;

/// Characters of a value that a fault repeats.
const SHOWN_MAX: usize = 60;

/// A record's columns, one after the other as the collection has them; none: null. Computed columns are null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub(crate) values: Vec<Option<String>>,
}

/// Some of a record's columns; those not given stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub(crate) values: Vec<Option<Option<String>>>,
}

/// One thing that is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The column; empty where it is the record as a whole.
    pub field: String,
    /// What was given, as JSON, shortened; `nothing` where it is missing.
    pub given: String,
    /// What may stand there.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault {
            field,
            given,
            expected,
        } = self;
        match field.is_empty() {
            true => write!(f, "{given} given, expected {expected}"),
            false => write!(f, "`{field}`: {given} given, expected {expected}"),
        }
    }
}

impl Content {
    /// The record's key in canonical text.
    pub fn key(&self, collection: &Collection) -> &str {
        self.values[collection.key].as_deref().unwrap_or_default()
    }

    /// A whole record from JSON. `key`: what the URL names, which the body may leave out and must not contradict.
    ///
    /// Members that Sidequest itself shows beside the columns (`revision`, `recorded_at`, .. and computed columns)
    /// are passed over, so that what was read can be sent back.
    pub fn of_json(collection: &Collection, body: &Value, key: Option<&str>) -> Result<Content, Vec<Fault>> {
        Content::of_members(collection, &members_of(body)?, key)
    }

    /// The same from its members.
    pub fn of_members(
        collection: &Collection,
        members: &Members<'_>,
        key: Option<&str>,
    ) -> Result<Content, Vec<Fault>> {
        let revisions = revisions(collection);
        let (mut values, mut faults) = values(collection, revisions, members);
        same_key(collection, key, &mut values, &mut faults);
        finish(collection, revisions, values, faults)
    }

    /// A whole record from the fields of a CSV line, in the order of the `columns` they are of; none: null.
    pub fn of_texts(
        collection: &Collection,
        columns: &[usize],
        fields: &[Option<&str>],
    ) -> Result<Content, Vec<Fault>> {
        let revisions = revisions(collection);
        let mut values = vec![None; collection.columns.len()];
        let mut faults = Vec::new();
        for (column, text) in columns.iter().zip(fields) {
            let (declared, field) = (&collection.columns[*column], &revisions.fields[*column]);
            if field.computed.is_some() {
                continue;
            }
            match text.map(|text| of_text(declared, field, text)).transpose() {
                Ok(value) => values[*column] = Some(value),
                Err(expected) => {
                    values[*column] = Some(None);
                    faults.push(Fault {
                        field: declared.name.clone(),
                        given: shortened(text.unwrap_or_default()),
                        expected,
                    });
                }
            }
        }
        finish(collection, revisions, values, faults)
    }
}

impl Part {
    /// The members that a PATCH gives (RFC 7396: null is null). The key may be given if it is the record's own.
    pub fn of_json(collection: &Collection, body: &Value, key: &str) -> Result<Part, Vec<Fault>> {
        let revisions = revisions(collection);
        let (mut values, mut faults) = values(collection, revisions, &members_of(body)?);
        same_key(collection, Some(key), &mut values, &mut faults);
        for (column, value) in values.iter().enumerate() {
            if *value == Some(None)
                && revisions.fields[column].required
                && !faults
                    .iter()
                    .any(|fault| fault.field == collection.columns[column].name)
            {
                faults.push(missing(
                    &collection.columns[column],
                    &revisions.fields[column],
                    "null",
                ));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        values[collection.key] = None;
        Ok(Part { values })
    }
}

fn revisions(collection: &Collection) -> &Revisions {
    collection
        .revisions
        .as_ref()
        .expect("only collections kept in revisions are written")
}

fn members_of(body: &Value) -> Result<Members<'_>, Vec<Fault>> {
    Members::of_json(body).ok_or_else(|| {
        vec![Fault {
            field: String::new(),
            given: shortened(&body.to_string()),
            expected: "a JSON object with the record's columns".to_owned(),
        }]
    })
}

/// Values by column, as far as they were given: of a faulty one, null.
type Values = Vec<Option<Option<String>>>;

fn values(collection: &Collection, revisions: &Revisions, members: &Members<'_>) -> (Values, Vec<Fault>) {
    let mut values = vec![None; collection.columns.len()];
    let (mut faults, mut unknown) = (Vec::new(), 0);
    for (name, given) in members.iter() {
        let Some(column) = collection.column(name) else {
            if is_shown(collection, members, name) {
                continue;
            }
            unknown += 1;
            if unknown <= UNKNOWN_MAX {
                faults.push(Fault {
                    field: shortened(name),
                    given: shortened(&given.to_string()),
                    expected: columns_of(collection),
                });
            }
            continue;
        };
        let (declared, field) = (&collection.columns[column], &revisions.fields[column]);
        if field.computed.is_some() {
            continue;
        }
        match of_given(declared, field, given) {
            Ok(value) => values[column] = Some(value),
            Err(expected) => {
                values[column] = Some(None);
                faults.push(Fault {
                    field: name.to_owned(),
                    given: shortened(&given.to_string()),
                    expected,
                });
            }
        }
    }
    if unknown > UNKNOWN_MAX {
        faults.push(Fault {
            field: String::new(),
            given: format!("{} more members", unknown - UNKNOWN_MAX),
            expected: columns_of(collection),
        });
    }
    (values, faults)
}

/// Whether a member that is no column is one of those that Sidequest shows itself.
fn is_shown(collection: &Collection, members: &Members<'_>, name: &str) -> bool {
    ENVELOPE.contains(&name) || name == "id" && members.get(collection.key_name()).is_some()
}

fn columns_of(collection: &Collection) -> String {
    let names: Vec<String> = collection
        .columns
        .iter()
        .map(|column| format!("`{}`", column.name))
        .collect();
    format!("one of the columns {}", names.join(", "))
}

fn same_key(collection: &Collection, key: Option<&str>, values: &mut Values, faults: &mut Vec<Fault>) {
    let Some(key) = key else { return };
    match &values[collection.key] {
        Some(Some(given)) if given != key => faults.push(Fault {
            field: collection.key_name().to_owned(),
            given: shortened(given),
            expected: format!("the key of the address, {}", shortened(key)),
        }),
        Some(_) => {}
        None => values[collection.key] = Some(Some(key.to_owned())),
    }
}

fn finish(
    collection: &Collection,
    revisions: &Revisions,
    values: Values,
    mut faults: Vec<Fault>,
) -> Result<Content, Vec<Fault>> {
    for (column, value) in values.iter().enumerate() {
        let (declared, field) = (&collection.columns[column], &revisions.fields[column]);
        let is_missing =
            field.required && field.computed.is_none() && value.as_ref().is_none_or(Option::is_none);
        if is_missing && !faults.iter().any(|fault| fault.field == declared.name) {
            let given = if value.is_some() { "null" } else { "nothing" };
            faults.push(missing(declared, field, given));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Content {
        values: values.into_iter().map(Option::flatten).collect(),
    })
}

fn missing(column: &Column, field: &Field, given: &str) -> Fault {
    Fault {
        field: column.name.clone(),
        given: given.to_owned(),
        expected: expected(column.kind, field),
    }
}

/// PostgreSQL's text of a JSON value, or what was expected.
fn of_given(column: &Column, field: &Field, given: &Given<'_>) -> Result<Option<String>, String> {
    let text = match (column.kind, given) {
        (_, Given::Null) => return Ok(None),
        (Type::Json, given) => return Ok(Some(given.to_string())),
        (Type::Bool, Given::Bool(flag)) => flag.to_string(),
        (Type::Int2 | Type::Int4 | Type::Int8 | Type::Float4 | Type::Float8, Given::Number(number)) => {
            number.to_string()
        }
        (Type::Text | Type::Uuid | Type::Date | Type::Timestamp | Type::Timestamptz, Given::Text(text)) => {
            return of_text(column, field, text).map(Some);
        }
        _ => return Err(expected(column.kind, field)),
    };
    of_text(column, field, &text).map(Some)
}

/// PostgreSQL's text of a text that was given, or what was expected.
fn of_text(column: &Column, field: &Field, given: &str) -> Result<String, String> {
    let refused = || expected(column.kind, field);
    let text = match column.kind {
        Type::Json => serde_json::from_str::<Value>(given)
            .ok()
            .map(|value| value.to_string()),
        // PostgreSQL keeps no more of an instant than its microseconds.
        _ => value::parse(column.kind, given),
    };
    let text = text.ok_or_else(refused)?;
    // A float that overflows is infinite.
    let overflows =
        matches!(column.kind, Type::Float4 | Type::Float8) && text.ends_with("inf") && !given.contains("inf");
    if overflows || !within(field.bounds.as_ref(), &text) {
        return Err(refused());
    }
    Ok(text)
}

fn within(bounds: Option<&Bounds>, text: &str) -> bool {
    match bounds {
        None => true,
        Some(Bounds::Integer(least, most)) => text.parse().is_ok_and(|value| between(value, *least, *most)),
        Some(Bounds::Float(least, most)) => text.parse().is_ok_and(|value| between(value, *least, *most)),
        Some(Bounds::Length(least, most)) => between(text.chars().count(), *least, *most),
    }
}

fn between<T: PartialOrd + Copy>(value: T, least: Option<T>, most: Option<T>) -> bool {
    least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most)
}

/// What may stand in a column, in words.
fn expected(kind: Type, field: &Field) -> String {
    let mut words = match kind {
        Type::Bool => "true or false",
        Type::Int2 => "a whole number from -32768 to 32767",
        Type::Int4 => "a whole number from -2147483648 to 2147483647",
        Type::Int8 => "a whole number of 64 bits",
        Type::Float4 | Type::Float8 => "a number",
        Type::Text => "a text without NUL",
        Type::Uuid => "a UUID as text",
        Type::Date => "a day as text, like 2013-07-01",
        Type::Timestamp => "a time as text, like 2013-07-01T12:00:00",
        Type::Timestamptz => "an instant as text, like 2013-07-01T12:00:00Z",
        Type::Json => "any JSON",
    }
    .to_owned();
    match &field.bounds {
        None => {}
        Some(Bounds::Integer(least, most)) => words = format!("a whole number {}", range(least, most)),
        Some(Bounds::Float(least, most)) => words = format!("a number {}", range(least, most)),
        Some(Bounds::Length(least, most)) => {
            words = format!("a text without NUL, its length {}", range(least, most));
        }
    }
    if !field.required {
        words.push_str(", or null");
    }
    words
}

fn range<T: fmt::Display>(least: &Option<T>, most: &Option<T>) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("from {least}"),
        (None, Some(most)) => format!("up to {most}"),
        (None, None) => String::new(),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}
