//! Records of any collection: a page, or one by its key.

use std::sync::Arc;

use model::collection::Collection;
use store::record;

use crate::{
    answer::Answer,
    call::Call,
    error::Rejection,
    list::{self, Listing},
    problem::Problem,
    query::{cut, hint},
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
    call: Call,
    collection: &Collection,
    columns: Vec<usize>,
) -> Result<Answer, Problem> {
    let deadline = call.deadline;
    let listing = Listing::read(call, &site.config, collection, columns)?;
    let pool = site.store.pool(collection.database);
    let mut records = record::list(pool, collection, &listing.list, deadline).await?;
    let next = listing.cut(&mut records, collection);
    let items: Vec<_> = records
        .iter()
        .map(|record| list::item(record, collection, &listing.list.columns))
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
    call.query.finish(
        call.name
            .route()
            .parameters
            .iter()
            .filter_map(|parameter| parameter.name()),
    )?;
    let key = key(&given, collection)?;
    let pool = site.store.pool(collection.database);
    let Some(record) = record::get(pool, collection, &key, deadline).await? else {
        return Err(not_found(&given, collection).into());
    };
    let columns: Vec<usize> = (0..collection.columns.len()).collect();
    Ok(Answer::json(list::item(&record, collection, &columns)))
}

/// A key in canonical form. What is not even of its type is no record's key.
pub(crate) fn key(given: &str, collection: &Collection) -> Result<String, Rejection> {
    collection
        .key_type()
        .parse_key(given)
        .ok_or_else(|| not_found(given, collection))
}

fn not_found(key: &str, collection: &Collection) -> Rejection {
    Rejection::NotFound {
        collection: collection.name.clone(),
        key: cut(key).into_owned(),
    }
}

fn find<'a>(site: &'a Site, name: &str) -> Result<&'a Collection, Rejection> {
    match site.model.collection(name) {
        Some(index) => Ok(&site.model.collections[index]),
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
