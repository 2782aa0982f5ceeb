//! The newest revisions in order of time: of one object, of several, of all. Pages go both ways.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use model::collection::Collection;
use serde_json::{Value, json};
use store::{
    latest::{self, Edge, Page},
    record::{Place, Record, Sort},
    value::write_text,
};

use crate::{
    answer::Answer,
    call::Call,
    config::Config,
    error::Rejection,
    list::{self, url},
    page,
    problem::Problem,
    query::{Query, bad, cut},
    site::Site,
};

/// Records of one answer for several objects: `each` of so many objects.
pub(crate) const ITEMS_MAX: usize = 10_000;

/// Whose records are asked for.
pub(crate) enum Whose {
    One(Arc<str>),
    /// The first so many of each.
    Several(Vec<Arc<str>>, usize),
    All,
}

/// Whose records, in order of time, if it is such a list that is asked for.
pub(crate) fn whose(
    query: &mut Query,
    config: &Config,
    collection: &Collection,
) -> Result<Option<Whose>, Rejection> {
    let Some(revisions) = &collection.revisions else {
        return Ok(None);
    };
    let kind = collection.columns[revisions.object].kind;
    let id = |name: &str, text: &str| match kind.parse_key(text) {
        Some(id) => Ok(Arc::from(id)),
        None => Err(bad(
            name,
            format!("names `{}`, not of type {}", cut(text), kind.name()),
        )),
    };
    if let Some(object) = query.take("object") {
        return Ok(Some(Whose::One(id("object", &object)?)));
    }
    if let Some(objects) = query.list("objects", config.ids_max)? {
        let each = query.limit("each", config.page_limit, config.page_limit_max)?;
        let each = usize::try_from(each).unwrap_or(usize::MAX);
        if objects.len().saturating_mul(each) > ITEMS_MAX {
            return Err(bad(
                "each",
                format!(
                    "is {each} for {} objects; together at most {ITEMS_MAX}",
                    objects.len()
                ),
            ));
        }
        let objects = objects
            .iter()
            .map(|object| id("objects", object))
            .collect::<Result<_, _>>()?;
        return Ok(Some(Whose::Several(objects, each)));
    }
    // All of them by time, and nothing else: the index of all serves it, both ways.
    let by_time = revisions.time.is_some_and(|time| {
        let name = &collection.columns[time].name;
        query
            .get("sort")
            .is_some_and(|sort| sort.strip_prefix('-').unwrap_or(sort) == name)
    });
    let filtered = collection
        .columns
        .iter()
        .any(|column| query.get(&column.name).is_some());
    Ok((by_time && !filtered && query.get("ids").is_none()).then_some(Whose::All))
}

/// A page of these records with these columns.
pub(crate) async fn page(
    site: &Arc<Site>,
    mut call: Call,
    collection: &Collection,
    columns: Vec<usize>,
    whose: Whose,
) -> Result<Answer, Problem> {
    let (pool, deadline) = (site.store.pool(collection.database), call.deadline);
    let sort = order(&mut call.query, collection)?;
    let mut page = Page {
        columns,
        descending: sort.descending,
        edge: None,
        limit: 0,
        as_of: call.query.instant("as_of")?,
    };
    if let Whose::Several(objects, each) = &whose {
        finish(call.query, collection)?;
        page.limit = each + 1;
        let found = latest::of_objects(pool, collection, objects, &page, deadline).await?;
        return Ok(several(collection, found, *each, sort, &page.columns));
    }
    let limit = call
        .query
        .limit("limit", site.config.page_limit, site.config.page_limit_max)?;
    let cursor = call.query.take("cursor");
    finish(call.query, collection)?;
    page.edge = cursor.map(|text| edge(&text, sort, collection)).transpose()?;
    let items_max = usize::try_from(limit).unwrap_or(usize::MAX);
    page.limit = items_max.saturating_add(1);
    let mut records = match &whose {
        Whose::One(object) => latest::of_object(pool, collection, object, &page, deadline).await?,
        Whose::Several(..) | Whose::All => latest::of_all(pool, collection, &page, deadline).await?,
    };
    let more = records.len() > items_max;
    let (mut has_next, mut has_previous) = (more, page.edge.is_some());
    if matches!(page.edge, Some(Edge::Before(_))) {
        // The one too many lies before the page.
        (has_next, has_previous) = (true, more);
        records.drain(..records.len().saturating_sub(items_max));
    } else {
        records.truncate(items_max);
    }
    let next = records.last().filter(|_| has_next);
    let next = next.map(|record| cursor_of(&Edge::After(record.place.clone()), sort, collection));
    let previous = records.first().filter(|_| has_previous);
    let previous = previous.map(|record| cursor_of(&Edge::Before(record.place.clone()), sort, collection));
    let mut out = Vec::new();
    out.push(b'{');
    write_items(&records, collection, &page.columns, &mut out);
    write_cursor("next", next.as_deref(), &mut out);
    write_cursor("previous", previous.as_deref(), &mut out);
    out.push(b'}');
    let mut answer = Answer::json(out);
    answer.next = next.map(|cursor| url(&call.target, &cursor));
    answer.previous = previous.map(|cursor| url(&call.target, &cursor));
    Ok(answer)
}

/// `{"objects":[{"id":..,"items":[..],"next":..},..]}`: `next` goes on with `object=` and the same `sort`.
fn several(
    collection: &Collection,
    found: Vec<(Arc<str>, Vec<Record>)>,
    each: usize,
    sort: Sort,
    columns: &[usize],
) -> Answer {
    let kind = collection
        .revisions
        .as_ref()
        .map_or(collection.key_type(), |revisions| {
            collection.columns[revisions.object].kind
        });
    let mut out = b"{\"objects\":[".to_vec();
    for (at, (object, mut records)) in found.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"id\":");
        if kind.is_integer() {
            out.extend_from_slice(object.as_bytes());
        } else {
            write_text(&object, &mut out);
        }
        out.push(b',');
        let more = records.len() > each;
        records.truncate(each);
        let next = records.last().filter(|_| more);
        let next = next.map(|record| cursor_of(&Edge::After(record.place.clone()), sort, collection));
        write_items(&records, collection, columns, &mut out);
        write_cursor("next", next.as_deref(), &mut out);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    Answer::json(out)
}

/// By the collection's time, or by its key where it has none; `sort` may turn it round.
fn order(query: &mut Query, collection: &Collection) -> Result<Sort, Rejection> {
    let column = collection.record_order()[0];
    let name = &collection.columns[column].name;
    match query.take("sort").as_deref() {
        None => Ok(Sort {
            column,
            descending: false,
        }),
        Some(text) if text.strip_prefix('-').unwrap_or(text) == name => Ok(Sort {
            column,
            descending: text.starts_with('-'),
        }),
        Some(text) => Err(bad(
            "sort",
            format!(
                "is `{}`: the records of an object are in order of `{name}` or `-{name}`",
                cut(text)
            ),
        )),
    }
}

/// What is left over is unknown, or a filter, which goes with no object.
fn finish(query: Query, collection: &Collection) -> Result<(), Rejection> {
    let filter = collection
        .columns
        .iter()
        .find(|column| query.get(&column.name).is_some());
    if let Some(column) = filter {
        return Err(bad(
            &column.name,
            "cannot be combined with `object` or `objects`".to_owned(),
        ));
    }
    let known = [
        "fields", "sort", "limit", "cursor", "object", "objects", "each", "as_of", "pretty",
    ];
    query.finish(known)
}

fn write_items(records: &[Record], collection: &Collection, columns: &[usize], out: &mut Vec<u8>) {
    let items: Vec<Bytes> = records
        .iter()
        .map(|record| list::listed(record, collection, columns))
        .collect();
    out.extend_from_slice(b"\"items\":[");
    out.extend_from_slice(&items.join(&b","[..]));
    out.push(b']');
}

fn write_cursor(name: &str, cursor: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(",\"{name}\":").as_bytes());
    match cursor {
        Some(cursor) => write_text(cursor, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// base64url of the JSON array `[side, time, key, sort]`; as the other cursors, it is checked when it is read.
fn cursor_of(edge: &Edge, sort: Sort, collection: &Collection) -> String {
    let (side, place) = match edge {
        Edge::After(place) => ("after", place),
        Edge::Before(place) => ("before", place),
    };
    let name = page::name(Some(sort), collection);
    URL_SAFE_NO_PAD.encode(json!([side, place.value, place.key, name]).to_string())
}

fn edge(text: &str, sort: Sort, collection: &Collection) -> Result<Edge, Rejection> {
    let unreadable = || Rejection::BadCursor {
        problem: "cannot be read; it must be passed on unchanged",
    };
    if text.len() > page::CURSOR_BYTES_MAX {
        return Err(unreadable());
    }
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| unreadable())?;
    let (side, value, key, of) = match serde_json::from_slice::<[Value; 4]>(&json) {
        Ok([Value::String(side), value, Value::String(key), Value::String(of)]) => (side, value, key, of),
        Ok(_) | Err(_) => return Err(unreadable()),
    };
    if of != page::name(Some(sort), collection) {
        return Err(Rejection::BadCursor {
            problem: "belongs to another `sort`",
        });
    }
    let time = collection.revisions.as_ref().and_then(|revisions| revisions.time);
    let value = match (value, time) {
        (Value::Null, None) => None,
        (Value::String(value), Some(time)) => {
            Some(page::stored(collection.columns[time].kind, &value).ok_or_else(unreadable)?)
        }
        _ => return Err(unreadable()),
    };
    let key = collection.key_type().parse_key(&key).ok_or_else(unreadable)?;
    let place = Place { value, key };
    match side.as_str() {
        "after" => Ok(Edge::After(place)),
        "before" => Ok(Edge::Before(place)),
        _ => Err(unreadable()),
    }
}
