//! Writes of one record: each names the revision it replaces, adds one, and is one statement.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{StatusCode, header};
use model::{collection::Collection, column::Type};
use serde_json::Value;
use store::{
    content::{Content, Fault, Part},
    id::format_uuid,
    revision::{self, Change, Write, Written},
};

use crate::{
    answer::Answer,
    author::Byline,
    call::Call,
    collection::{kept, key},
    error::{Named, Place, Rejection},
    list,
    precondition::{self, Precondition},
    problem::{Kind, Problem},
    query::encode,
    site::Site,
};

/// Bytes of a key that is a text: PostgreSQL's indexes take a third of a page.
pub(crate) const KEY_BYTES_MAX: usize = 1000;

/// What a record may be sent as.
pub(crate) const JSON: &[&str] = &["application/json"];
/// What a merge patch may be sent as.
pub(crate) const PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// Words that stand where a key does; a key that is one of them is reached with an escape.
const WORDS: [&str; 4] = ["analysis", "bulk", "export", "import"];

/// `POST /{collection}`
pub(crate) async fn create(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = kept(site, &call.next_path())?;
    let byline = Byline::of(&call.headers)?;
    call.query.finish([])?;
    let body = call.payload.json(&call.headers, JSON).await?;
    let made = match (collection.key_type(), body.get(collection.key_name())) {
        (Type::Uuid, None) => Some(new_uuid()?),
        _ => None,
    };
    let content = content(collection, &body, made.as_deref())?;
    let change = change(content.key(collection), Write::Create(content.clone()), byline);
    let pool = site.store.pool(collection.database);
    let written = revision::write(pool, collection, &change, call.deadline)
        .await
        .map_err(|refusal| Problem::of_write(refusal, collection, Kind::AlreadyExists))?;
    let place = format!("{}/{}", call.target.0, segment(&change.key));
    Ok(answer(collection, &change.key, &written)
        .status(StatusCode::CREATED)
        .header(header::LOCATION, &place)
        .header(header::ETAG, &precondition::tag(written.revision)))
}

/// `PUT /{collection}/{key}`
pub(crate) async fn replace(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = kept(site, &call.next_path())?;
    let given = call.next_path();
    let byline = Byline::of(&call.headers)?;
    let precondition = precondition::any(&call.headers)?;
    call.query.finish([])?;
    let key = key(&given, collection)?;
    let body = call.payload.json(&call.headers, JSON).await?;
    let content = content(collection, &body, Some(&key))?;
    let write = match precondition {
        Precondition::Absent => Write::Create(content),
        Precondition::Revision(expected) => Write::Replace { expected, content },
    };
    let written = done(site, collection, &change(&key, write, byline), call.deadline).await?;
    let answer =
        answer(collection, &key, &written).header(header::ETAG, &precondition::tag(written.revision));
    Ok(match precondition {
        Precondition::Absent => answer
            .status(StatusCode::CREATED)
            .header(header::LOCATION, &call.target.0),
        Precondition::Revision(_) => answer,
    })
}

/// `PATCH /{collection}/{key}`
pub(crate) async fn patch(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = kept(site, &call.next_path())?;
    let given = call.next_path();
    let byline = Byline::of(&call.headers)?;
    let expected = precondition::revision(&call.headers)?;
    call.query.finish([])?;
    let key = key(&given, collection)?;
    let body = call.payload.json(&call.headers, PATCH).await?;
    let part = Part::of_json(collection, &body, &key).map_err(invalid)?;
    let change = change(&key, Write::Patch { expected, part }, byline);
    let written = done(site, collection, &change, call.deadline).await?;
    Ok(answer(collection, &key, &written).header(header::ETAG, &precondition::tag(written.revision)))
}

/// `DELETE /{collection}/{key}`
pub(crate) async fn delete(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = kept(site, &call.next_path())?;
    let given = call.next_path();
    let byline = Byline::of(&call.headers)?;
    let expected = precondition::revision(&call.headers)?;
    call.query.finish([])?;
    let key = key(&given, collection)?;
    let change = change(&key, Write::Delete { expected }, byline);
    let written = done(site, collection, &change, call.deadline).await?;
    Ok(answer(collection, &key, &written))
}

/// `POST /{collection}/{key}/revert`
pub(crate) async fn revert(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = kept(site, &call.next_path())?;
    let given = call.next_path();
    let byline = Byline::of(&call.headers)?;
    let expected = precondition::revision(&call.headers)?;
    call.query.finish([])?;
    let key = key(&given, collection)?;
    let body = call.payload.json(&call.headers, JSON).await?;
    let to = to(&body).map_err(invalid)?;
    let change = change(&key, Write::Revert { expected, to }, byline);
    let written = done(site, collection, &change, call.deadline).await?;
    Ok(answer(collection, &key, &written).header(header::ETAG, &precondition::tag(written.revision)))
}

async fn done(
    site: &Site,
    collection: &Collection,
    change: &Change,
    deadline: tokio::time::Instant,
) -> Result<Written, Problem> {
    let pool = site.store.pool(collection.database);
    revision::write(pool, collection, change, deadline)
        .await
        .map_err(|refusal| Problem::of_write(refusal, collection, Kind::RevisionConflict))
}

fn change(key: &str, write: Write, byline: Byline) -> Change {
    Change {
        key: key.into(),
        write,
        author: byline.author,
        comment: byline.comment,
    }
}

/// `{"id":7,"revision":8,"recorded_at":".."}`: what the client did not know. The record itself would be
/// a statement more.
fn answer(collection: &Collection, key: &str, written: &Written) -> Answer {
    let mut out = Vec::with_capacity(96);
    write_written(collection, key, written, &mut out);
    Answer::json(out)
}

pub(crate) fn write_written(collection: &Collection, key: &str, written: &Written, out: &mut Vec<u8>) {
    out.push(b'{');
    list::write_id(key, collection.key_type(), out);
    out.extend_from_slice(format!(",\"revision\":{},\"recorded_at\":", written.revision).as_bytes());
    list::write_instant(written.recorded_at, out);
    out.push(b'}');
}

fn content(collection: &Collection, body: &Value, key: Option<&str>) -> Result<Content, Rejection> {
    let content = Content::of_json(collection, body, key).map_err(invalid)?;
    match key_fault(collection, content.key(collection)) {
        Some(fault) => Err(invalid(vec![fault])),
        None => Ok(content),
    }
}

/// What is wrong with a key of the right type.
pub(crate) fn key_fault(collection: &Collection, key: &str) -> Option<Fault> {
    (key.is_empty() || key.len() > KEY_BYTES_MAX).then(|| Fault {
        field: collection.key_name().to_owned(),
        given: format!("a text of {} bytes", key.len()),
        expected: format!("a text of 1 to {KEY_BYTES_MAX} bytes"),
    })
}

/// `{"to": 3}`
pub(crate) fn to(body: &Value) -> Result<i32, Vec<Fault>> {
    let to = body.get("to");
    let number = to.and_then(Value::as_i64).and_then(|to| i32::try_from(to).ok());
    let other = body
        .as_object()
        .and_then(|members| members.keys().find(|name| *name != "to"));
    if let Some(other) = other {
        return Err(vec![Fault {
            field: other.clone(),
            given: "a member".to_owned(),
            expected: "no other member than `to`".to_owned(),
        }]);
    }
    number.filter(|to| *to > 0).ok_or_else(|| {
        vec![Fault {
            field: "to".to_owned(),
            given: to.map_or_else(|| "nothing".to_owned(), Value::to_string),
            expected: "the number of a revision".to_owned(),
        }]
    })
}

fn invalid(faults: Vec<Fault>) -> Rejection {
    let total = faults.len();
    let place = Place::Whole;
    Rejection::Invalid {
        faults: faults.into_iter().map(|fault| Named { place, fault }).collect(),
        total,
    }
}

/// A key as the last part of a path.
fn segment(key: &str) -> String {
    if WORDS.contains(&key) || key.bytes().all(|byte| byte == b'.') {
        key.bytes().map(|byte| format!("%{byte:02X}")).collect()
    } else {
        encode(key)
    }
}

/// A UUID of version 7: its first half is the time, so that new keys lie together in the index.
fn new_uuid() -> Result<String, Rejection> {
    let mut random = [0; 16];
    let provider = rustls::crypto::ring::default_provider();
    provider
        .secure_random
        .fill(&mut random)
        .map_err(|_| Rejection::Panic)?;
    let ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis());
    let random = u128::from_be_bytes(random);
    let variant = 0b10 << 62;
    Ok(format_uuid(
        (ms & 0xffff_ffff_ffff) << 80
            | 7 << 76
            | (random >> 64 & 0xfff) << 64
            | variant
            | random & ((1 << 62) - 1),
    ))
}
