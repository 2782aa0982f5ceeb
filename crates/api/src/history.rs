//! What a record was: its revisions, one of them, and what differs between two.

use std::sync::Arc;

use http::header::ACCEPT;
use model::collection::Collection;
use serde_json::{Value, json};
use store::revision::{self, Bound, Revision, difference};

use crate::{
    accept::quality,
    answer::{Answer, Media},
    call::Call,
    collection::{kept, key, not_found},
    error::Rejection,
    list::url,
    problem::Problem,
    query::{Query, bad, cut},
    site::Site,
};

/// `GET /{collection}/{key}/revisions`
pub(crate) async fn list(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = kept(site, &call.next_path())?;
    let given = call.next_path();
    let limit = call
        .query
        .limit("limit", site.config.page_limit, site.config.page_limit_max)?;
    let before = match call.query.take("cursor") {
        None => None,
        Some(cursor) => Some(cursor.parse::<i32>().map_err(|_| Rejection::BadCursor {
            problem: "cannot be read; it must be passed on unchanged",
        })?),
    };
    call.query.finish(call.name.parameters())?;
    let id = key(&given, collection)?;
    let items_max = usize::try_from(limit).unwrap_or(usize::MAX);
    let pool = site.store.pool(collection.database);
    let wanted = items_max.saturating_add(1);
    let mut found = revision::history(pool, collection, &id, before, wanted, call.deadline).await?;
    if found.is_empty() && before.is_none() {
        return Err(not_found(&given, collection).into());
    }
    let more = found.len() > items_max;
    found.truncate(items_max);
    // The page after a revision is what comes before it.
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| last.revision.to_string());
    let items: Vec<Vec<u8>> = found.iter().map(Revision::json).collect();
    let mut out = b"{\"items\":[".to_vec();
    out.extend_from_slice(&items.join(&b","[..]));
    let cursor = next
        .as_ref()
        .map_or_else(|| "null".to_owned(), |next| format!("\"{next}\""));
    out.extend_from_slice(format!("],\"next\":{cursor}}}").as_bytes());
    let mut answer = Answer::json(out);
    answer.next = next.map(|next| url(&call.target, &next));
    Ok(answer)
}

/// `GET /{collection}/{key}/revisions/{n}`
pub(crate) async fn one(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = kept(site, &call.next_path())?;
    let (given, number) = (call.next_path(), call.next_path());
    call.query.finish(call.name.parameters())?;
    let id = key(&given, collection)?;
    let unknown = || Rejection::UnknownRevision {
        key: cut(&given).into_owned(),
        revision: cut(&number).into_owned(),
    };
    let number = number.parse().map_err(|_| unknown())?;
    let pool = site.store.pool(collection.database);
    let found = revision::one(pool, collection, &id, Bound::Number(number), call.deadline).await?;
    Ok(Answer::json(found.ok_or_else(unknown)?.json()))
}

/// `GET /{collection}/{key}/diff`
pub(crate) async fn difference(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = kept(site, &call.next_path())?;
    let given = call.next_path();
    let from = number(&mut call.query, "from")?;
    let to = number(&mut call.query, "to")?;
    call.query.finish(call.name.parameters())?;
    let id = key(&given, collection)?;
    let wants_patch = quality(&call.headers, &ACCEPT, "application/json-patch+json");
    let wants_json = quality(&call.headers, &ACCEPT, "application/json").unwrap_or(0);
    // Only if it is wanted by name: `*/*` is content with either.
    let is_named = call
        .headers
        .get_all(ACCEPT)
        .iter()
        .any(|value| value.to_str().is_ok_and(|text| text.contains("json-patch")));
    let wants_patch = is_named && wants_patch.is_some_and(|wanted| wanted > 0 && wanted >= wants_json);
    let at = |number| of(site, collection, &id, number, call.deadline);
    let (from, to) = (at(from).await?, at(to).await?);
    if wants_patch {
        let patch = difference::patch(collection, &from, &to);
        return Ok(Answer::whole(Media::JsonPatch, patch.to_string()));
    }
    let changes: Vec<Value> = difference::fields(collection, &from, &to)
        .into_iter()
        .map(|change| json!({ "field": change.field, "from": change.from, "to": change.to }))
        .collect();
    let body = json!({ "from": about(&from), "to": about(&to), "changes": changes });
    Ok(Answer::whole(Media::JsonOrNdjson, body.to_string()))
}

async fn of(
    site: &Site,
    collection: &Collection,
    key: &str,
    number: i32,
    deadline: tokio::time::Instant,
) -> Result<Revision, Problem> {
    let pool = site.store.pool(collection.database);
    let found = revision::one(pool, collection, key, Bound::Number(number), deadline).await?;
    let unknown = || Rejection::UnknownRevision {
        key: cut(key).into_owned(),
        revision: number.to_string(),
    };
    Ok(found.ok_or_else(unknown)?)
}

/// Whose the revision is, without its content.
fn about(revision: &Revision) -> Value {
    json!({
        "revision": revision.revision,
        "recorded_at": revision.recorded_at.to_string(),
        "author": revision.author,
        "comment": revision.comment,
        "deleted": revision.deleted,
    })
}

fn number(query: &mut Query, name: &str) -> Result<i32, Rejection> {
    let Some(text) = query.take(name) else {
        return Err(bad(name, "is missing: the number of a revision".to_owned()));
    };
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        Ok(_) | Err(_) => Err(bad(
            name,
            format!("is `{}`, not the number of a revision", cut(&text)),
        )),
    }
}
