//! Keyset pages: where a page ended, as an opaque cursor.
//!
//! A cursor is base64url of the JSON array `[sort value, key, sort]`. It needs no secret: everything
//! in it is checked against the model's types, as any parameter is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use model::{collection::Collection, column::Type};
use serde_json::{Value, json};
use store::record::{Place, Sort};

use crate::{
    error::Rejection,
    query::{bad, cut, hint},
};

/// The longest cursor read: a key and a sort value of a kilobyte each, and their escapes.
pub(crate) const CURSOR_BYTES_MAX: usize = 16 * 1024;

/// What stands in `next`.
pub(crate) fn cursor(place: &Place, sort: Option<Sort>, collection: &Collection) -> String {
    URL_SAFE_NO_PAD.encode(json!([place.value, place.key, name(sort, collection)]).to_string())
}

/// Reads what [`cursor`] wrote for the same sort.
pub(crate) fn place(text: &str, sort: Option<Sort>, collection: &Collection) -> Result<Place, Rejection> {
    let unreadable = || Rejection::BadCursor {
        problem: "cannot be read; it must be passed on unchanged",
    };
    if text.len() > CURSOR_BYTES_MAX {
        return Err(unreadable());
    }
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| unreadable())?;
    let (value, key, of) = match serde_json::from_slice::<[Value; 3]>(&json) {
        Ok([value, Value::String(key), Value::String(of)]) => (value, key, of),
        Ok(_) | Err(_) => return Err(unreadable()),
    };
    if of != name(sort, collection) {
        return Err(Rejection::BadCursor {
            problem: "belongs to another `sort`",
        });
    }
    let value = match (value, sort) {
        (Value::Null, _) => None,
        (Value::String(value), Some(sort)) => {
            Some(stored(collection.columns[sort.column].kind, &value).ok_or_else(unreadable)?)
        }
        _ => return Err(unreadable()),
    };
    Ok(Place {
        value,
        key: collection.key_type().parse_key(&key).ok_or_else(unreadable)?,
    })
}

/// Reads `sort=[-]column`.
pub(crate) fn sort(text: &str, collection: &Collection) -> Result<Sort, Rejection> {
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let sortable = || {
        collection
            .columns
            .iter()
            .filter(|column| is_sortable(column.kind))
            .map(|column| column.name.as_str())
    };
    match collection
        .column(name)
        .filter(|index| is_sortable(collection.columns[*index].kind))
    {
        Some(column) => Ok(Sort { column, descending }),
        None => Err(Rejection::BadParameter {
            name: "sort".to_owned(),
            problem: format!("names `{}`, not a column to sort by", cut(name)),
            hint: hint(name, sortable()),
        }),
    }
}

/// Whether records can be sorted by a column of this type.
pub(crate) fn is_sortable(kind: Type) -> bool {
    kind != Type::Json
}

/// A value from a URL in the form that PostgreSQL casts without fail; none if it does not fit the type.
pub(crate) fn typed(kind: Type, text: &str) -> Option<String> {
    let value = store::value::parse(kind, text)?;
    // PostgreSQL writes years before 1 with `BC` and refuses a year 0 or a sign.
    (!kind.is_time() || !(value.starts_with('-') || value.starts_with("0000"))).then_some(value)
}

/// The same for a column filter, as a refusal that names it.
pub(crate) fn filter(kind: Type, name: &str, text: &str) -> Result<String, Rejection> {
    typed(kind, text).ok_or_else(|| bad(name, format!("is `{}`, not of type {}", cut(text), kind.name())))
}

/// A value that PostgreSQL wrote as text. Its infinite times are not in any calendar.
pub(crate) fn stored(kind: Type, text: &str) -> Option<String> {
    if kind.is_time() && matches!(text, "infinity" | "-infinity") {
        return Some(text.to_owned());
    }
    typed(kind, text)
}

/// `-column`, as `sort` has it.
pub(crate) fn name(sort: Option<Sort>, collection: &Collection) -> String {
    sort.map_or_else(String::new, |sort| {
        format!(
            "{}{}",
            if sort.descending { "-" } else { "" },
            collection.columns[sort.column].name
        )
    })
}

#[cfg(test)]
mod tests;
