//! Many writes in one transaction: all of them, or none, and every fault named by its place.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use model::{collection::Collection, column::Type};
use serde_json::{Map, Value};
use store::{
    content::{Content, Fault, Part},
    revision::{self, BULK_MAX, Change, Write},
};

use crate::{
    answer::Answer,
    author::{AUTHOR_CHARS_MAX, Byline, COMMENT_CHARS_MAX},
    call::Call,
    collection::kept,
    error::{Named, Place, Rejection},
    problem::{Kind, Problem},
    site::Site,
    write::{JSON, key_fault, to, write_written},
};

/// Faults that are listed; the rest is counted.
pub(crate) const ERRORS_MAX: usize = 100;

/// `POST /{collection}/bulk`
pub(crate) async fn write(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = kept(site, &call.next_path())?;
    let byline = Byline::of(&call.headers)?;
    call.query.finish([])?;
    let body = call.payload.json(&call.headers, JSON).await?;
    let changes = changes(collection, body, &byline)?;
    let pool = site.store.pool(collection.database);
    let written = revision::write_all(pool, collection, &changes, call.deadline)
        .await
        .map_err(|refused| {
            let change = refused.index.map(|index| &changes[index].write);
            let on_conflict = match change {
                Some(Write::Create(_)) => Kind::AlreadyExists,
                _ => Kind::RevisionConflict,
            };
            let problem = Problem::of_write(refused.refusal, collection, on_conflict);
            match refused.index {
                Some(place) => problem.with("place", place),
                None => problem,
            }
        })?;
    let mut out = b"{\"items\":[".to_vec();
    for (at, (change, written)) in changes.iter().zip(&written).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_written(collection, &change.key, written, &mut out);
    }
    out.extend_from_slice(b"]}");
    Ok(Answer::json(out))
}

/// `{"changes":[{"op":"create","record":{..}},..]}`
fn changes(collection: &Collection, body: Value, byline: &Byline) -> Result<Vec<Change>, Rejection> {
    let Value::Object(mut members) = body else {
        return Err(whole("", "something else".to_owned(), "an object with `changes`"));
    };
    let given = match members.remove("changes") {
        Some(Value::Array(given)) => given,
        other => {
            let given = other.map_or("nothing", |_| "something else").to_owned();
            return Err(whole("changes", given, "a list of changes"));
        }
    };
    if let Some(name) = members.keys().next() {
        return Err(whole(
            name,
            "a member".to_owned(),
            "no other member than `changes`",
        ));
    }
    if given.is_empty() || given.len() > BULK_MAX {
        let expected = format!("1 to {BULK_MAX} changes; more are an import");
        return Err(whole("changes", format!("{} changes", given.len()), &expected));
    }
    let mut changes = Vec::with_capacity(given.len());
    let (mut faults, mut total) = (Vec::new(), 0);
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    for (place, given) in given.into_iter().enumerate() {
        let read =
            read(collection, given, byline).and_then(|change| match places.entry(change.key.clone()) {
                Entry::Vacant(free) => {
                    free.insert(place);
                    Ok(change)
                }
                Entry::Occupied(taken) => Err(vec![Fault {
                    field: collection.key_name().to_owned(),
                    given: change.key.to_string(),
                    expected: format!("each record once; this one stands at {} too", taken.get()),
                }]),
            });
        match read {
            Ok(change) => changes.push(change),
            Err(found) => {
                total += found.len();
                let room = ERRORS_MAX.saturating_sub(faults.len());
                let place = Place::Change(place);
                faults.extend(found.into_iter().take(room).map(|fault| Named { place, fault }));
            }
        }
    }
    match total {
        0 => Ok(changes),
        total => Err(Rejection::Invalid { faults, total }),
    }
}

fn read(collection: &Collection, given: Value, byline: &Byline) -> Result<Change, Vec<Fault>> {
    let Value::Object(mut members) = given else {
        return Err(vec![fault("", &given, "an object with `op`")]);
    };
    let op = members.remove("op").unwrap_or_default();
    let mut faults = Vec::new();
    let author = text(&mut members, "author", AUTHOR_CHARS_MAX, &mut faults);
    let comment = text(&mut members, "comment", COMMENT_CHARS_MAX, &mut faults);
    let record = members.remove("record");
    let key = members.remove("key");
    let key = match key {
        None => None,
        Some(key) => {
            let canonical = canonical(collection, &key);
            if canonical.is_none() {
                faults.push(fault("key", &key, "a key of the collection's type"));
            }
            canonical
        }
    };
    let is_create = op == "create";
    if !is_create && key.is_none() && faults.iter().all(|fault| fault.field != "key") {
        faults.push(fault("key", &Value::Null, "the key of the record"));
    }
    let expected = if is_create {
        None
    } else {
        number(&mut members, "revision", &mut faults)
    };
    let to = match op.as_str() {
        Some("revert") => {
            let mut only = Map::new();
            only.extend(members.remove("to").map(|to| ("to".to_owned(), to)));
            to(&Value::Object(only))
                .map_err(|found| faults.extend(found))
                .ok()
        }
        _ => None,
    };
    faults.extend(
        members
            .iter()
            .map(|(name, given)| fault(name, given, "no such member here")),
    );
    let has_record = matches!(op.as_str(), Some("create" | "replace" | "patch"));
    if has_record != record.is_some() {
        let expected = if has_record {
            "the record"
        } else {
            "no record with this `op`"
        };
        faults.push(fault("record", &Value::Null, expected));
    }
    let mut content = |record: &Value| {
        Content::of_json(collection, record, key.as_deref())
            .map_err(|found| faults.extend(found))
            .ok()
    };
    let expected_or = expected.unwrap_or_default();
    let write = match (op.as_str(), &record) {
        (Some("create"), Some(record)) => content(record).map(Write::Create),
        (Some("replace"), Some(record)) => content(record).map(|content| Write::Replace {
            expected: expected_or,
            content,
        }),
        (Some("patch"), Some(record)) => {
            let part = Part::of_json(collection, record, key.as_deref().unwrap_or_default());
            part.map_err(|found| faults.extend(found))
                .ok()
                .map(|part| Write::Patch {
                    expected: expected_or,
                    part,
                })
        }
        (Some("delete"), _) => Some(Write::Delete {
            expected: expected_or,
        }),
        (Some("revert"), _) => to.map(|to| Write::Revert {
            expected: expected_or,
            to,
        }),
        (Some("create" | "replace" | "patch"), None) => None,
        _ => {
            let ops = "one of `create`, `replace`, `patch`, `delete`, `revert`";
            return Err(vec![fault("op", &op, ops)]);
        }
    };
    let key = match &write {
        Some(Write::Create(content) | Write::Replace { content, .. }) => {
            Some(content.key(collection).to_owned())
        }
        _ => key,
    };
    faults.extend(key.as_deref().and_then(|key| key_fault(collection, key)));
    match (write, key) {
        (Some(write), Some(key)) if faults.is_empty() => Ok(Change {
            key: key.into(),
            write,
            author: author.or_else(|| byline.author.clone()),
            comment: comment.or_else(|| byline.comment.clone()),
        }),
        _ => Err(faults),
    }
}

/// A key of JSON as the store has it.
fn canonical(collection: &Collection, key: &Value) -> Option<String> {
    match (collection.key_type(), key) {
        (Type::Text | Type::Uuid, Value::String(text)) => collection.key_type().parse_key(text),
        (Type::Int2 | Type::Int4 | Type::Int8, Value::Number(number)) => {
            collection.key_type().parse_key(&number.to_string())
        }
        _ => None,
    }
}

fn number(members: &mut Map<String, Value>, name: &str, faults: &mut Vec<Fault>) -> Option<i32> {
    let given = members.remove(name).unwrap_or_default();
    let number = given.as_i64().and_then(|number| i32::try_from(number).ok());
    let number = number.filter(|number| *number > 0);
    if number.is_none() {
        faults.push(fault(name, &given, "the number of the revision that it replaces"));
    }
    number
}

fn text(
    members: &mut Map<String, Value>,
    name: &str,
    chars_max: usize,
    faults: &mut Vec<Fault>,
) -> Option<String> {
    match members.remove(name)? {
        Value::Null => None,
        Value::String(text) if text.chars().count() <= chars_max && !text.contains('\0') => Some(text),
        other => {
            faults.push(fault(
                name,
                &other,
                &format!("a text of at most {chars_max} characters"),
            ));
            None
        }
    }
}

fn fault(field: &str, given: &Value, expected: &str) -> Fault {
    Fault {
        field: field.to_owned(),
        given: match given {
            Value::Null => "nothing".to_owned(),
            given => crate::query::cut(&given.to_string()).into_owned(),
        },
        expected: expected.to_owned(),
    }
}

fn whole(field: &str, given: String, expected: &str) -> Rejection {
    let fault = Fault {
        field: field.to_owned(),
        given,
        expected: expected.to_owned(),
    };
    let place = Place::Whole;
    Rejection::Invalid {
        faults: vec![Named { place, fault }],
        total: 1,
    }
}
