//! The tracked objects: records of one collection, whose lists reach into their analyses.

use std::sync::Arc;

use ::analysis::exact::Reuse;
use bytes::Bytes;
use futures_util::StreamExt;
use model::plan::Plan;
use store::record;
use tokio::time::timeout_at;

use crate::{
    analysis,
    answer::Answer,
    call::Call,
    collection,
    error::Rejection,
    list::{self, Listing},
    problem::Problem,
    site::Site,
};

/// `GET /objects`
pub(crate) async fn list(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let plan = match analysis::fields(site, &mut call)? {
        Some(plan) => plan,
        None => Plan::record(&site.model),
    };
    if plan.parts.is_empty() {
        return collection::page(site, call, site.model.objects(), plan.columns).await;
    }
    with_sections(site, call, plan).await
}

/// `GET /objects/{id}`
pub(crate) async fn get(site: &Arc<Site>, call: Call) -> Result<Answer, Problem> {
    collection::one(site, call, site.model.objects()).await
}

/// The page's records from the collection, their sections from the engine.
async fn with_sections(site: &Arc<Site>, mut call: Call, plan: Plan) -> Result<Answer, Problem> {
    let objects = site.model.objects();
    let deadline = call.deadline;
    let as_of = call.query.instant("as_of")?;
    let failed = |error| Problem::of_analysis(&error, &objects.name);
    site.engine.can_answer(&plan, as_of).map_err(failed)?;
    let columns_as_of = analysis::as_of_columns(objects, &plan, as_of)?;
    let mut listing = Listing::read(call, &site.config, objects, plan.columns.clone())?;
    listing.list.as_of = columns_as_of;
    let mut records = record::list(
        site.store.pool(objects.database),
        objects,
        &listing.list,
        deadline,
    )
    .await?;
    let next = listing.cut(&mut records, objects);
    let ids: Vec<_> = records.iter().map(|record| Arc::clone(&record.key)).collect();
    let mut documents = Box::pin(site.engine.documents(
        &ids,
        Arc::new(plan),
        as_of,
        site.config.request_timeout,
        Reuse::Exact,
    ));
    let mut items: Vec<Bytes> = Vec::with_capacity(records.len());
    for record in &records {
        // All of the page in the request's time, not each of its objects in as much.
        let document = timeout_at(deadline, documents.next()).await;
        match document.map_err(|_| Rejection::Deadline {
            after: site.config.request_timeout,
        })? {
            Some((_, Ok(document))) => {
                let head = list::item(record, objects, &listing.list.columns);
                items.push(list::joined(&head, &document));
            }
            // It was deleted since its record was read: it is in no list.
            Some((_, Err(::analysis::error::Error::NotFound { .. }))) => {}
            Some((_, Err(error))) => return Err(Problem::of_analysis(&error, &objects.name)),
            None => break,
        }
    }
    Ok(listing.answer(&items, next.as_deref()))
}
