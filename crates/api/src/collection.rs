//! Records of any collection: a page, or one by its key.

use std::sync::Arc;

use http::header;
use model::collection::Collection;
use store::{
    record,
    revision::{self, Bound},
};

use crate::{
    answer::Answer,
    call::Call,
    error::Rejection,
    latest,
    list::{self, Listing},
    precondition,
    problem::Problem,
    query::{cut, hint},
    router::{Name, OBJECTS},
    site::Site,
};

/// `GET /{collection}`
pub(crate) async fn list(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = find(site, &call.next_path())?;
    let columns = list::columns(&mut call, &site.config, collection)?;
    page(site, call, collection, columns).await
}

/// `GET /{collection}/{key}`
pub(crate) async fn get(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = find(site, &call.next_path())?;
    one(site, call, collection).await
}

/// A page of records with these columns.
pub(crate) async fn page(
    site: &Arc<Site>,
    mut call: Call,
    collection: &Collection,
    columns: Vec<usize>,
) -> Result<Answer, Problem> {
    if call.name == Name::Collection
        && let Some(whose) = latest::whose(&mut call.query, &site.config, collection)?
    {
        return latest::page(site, call, collection, columns, whose).await;
    }
    let deadline = call.deadline;
    let listing = Listing::read(call, &site.config, collection, columns)?;
    let pool = site.store.pool(collection.database);
    let mut records = record::list(pool, collection, &listing.list, deadline).await?;
    let next = listing.cut(&mut records, collection);
    let items: Vec<_> = records
        .iter()
        .map(|record| list::listed(record, collection, &listing.list.columns))
        .collect();
    Ok(listing.answer(&items, next.as_deref()))
}

/// The record whose key is the next parameter of the path.
pub(crate) async fn one(
    site: &Arc<Site>,
    mut call: Call,
    collection: &Collection,
) -> Result<Answer, Problem> {
    let given = call.next_path();
    let deadline = call.deadline;
    let pool = site.store.pool(collection.database);
    if collection.revisions.is_none() {
        call.query.finish(call.name.parameters())?;
        let key = key(&given, collection)?;
        let Some(record) = record::get(pool, collection, &key, deadline).await? else {
            return Err(not_found(&given, collection).into());
        };
        let columns: Vec<usize> = (0..collection.columns.len()).collect();
        return Ok(Answer::json(list::item(&record, collection, &columns)));
    }
    let bound = call.query.instant("as_of")?.map_or(Bound::Newest, Bound::AsOf);
    call.query.finish(call.name.parameters())?;
    let key = key(&given, collection)?;
    let found = revision::one(pool, collection, &key, bound, deadline).await?;
    let Some(found) = found else {
        return Err(not_found(&given, collection).into());
    };
    if found.deleted {
        return Err(Problem::from(not_found(&given, collection)).hint(deleted(found.revision)));
    }
    let tag = precondition::tag(found.revision);
    let mut answer = Answer::json(list::revision(&found, collection)).header(header::ETAG, &tag);
    answer.is_plain = true;
    if precondition::is_known(&call.headers, &tag) {
        return Ok(answer.not_modified());
    }
    Ok(answer)
}

/// A key in canonical form. What is not even of its type is no record's key.
pub(crate) fn key(given: &str, collection: &Collection) -> Result<String, Rejection> {
    collection
        .key_type()
        .parse_key(given)
        .ok_or_else(|| not_found(given, collection))
}

pub(crate) fn not_found(key: &str, collection: &Collection) -> Rejection {
    Rejection::NotFound {
        collection: collection.name.clone(),
        key: cut(key).into_owned(),
    }
}

/// What can be done about a record that was deleted.
pub(crate) fn deleted(revision: i32) -> String {
    format!(
        "revision {revision} deleted it: `/revisions` has what it was, and `If-None-Match: *` creates it again"
    )
}

pub(crate) fn find<'a>(site: &'a Site, name: &str) -> Result<&'a Collection, Rejection> {
    match site.model.collection(name) {
        Some(index) => Ok(&site.model.collections[index]),
        None if name == OBJECTS => Ok(site.model.objects()),
        None => {
            let known = site
                .model
                .collections
                .iter()
                .map(|collection| collection.name.as_str());
            Err(Rejection::UnknownCollection {
                name: cut(name).into_owned(),
                hint: hint(name, known),
            })
        }
    }
}

/// The same, of a collection that is kept in revisions.
pub(crate) fn kept<'a>(site: &'a Site, name: &str) -> Result<&'a Collection, Rejection> {
    let collection = find(site, name)?;
    match collection.revisions {
        Some(_) => Ok(collection),
        None => Err(Rejection::NoRevisions {
            collection: collection.name.clone(),
        }),
    }
}
