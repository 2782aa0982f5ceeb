//! Analyses: of one object, or of many as a stream in constant memory.

use std::{
    collections::{HashSet, VecDeque},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ::analysis::{
    document::Timing as Spent,
    engine::Existence,
    error::Error,
    exact::{Question, Reuse},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::header;
use jiff::Timestamp;
use model::{collection::Collection, plan::Plan};
use serde_json::json;
use store::record::{self, List, Place, Record};

use crate::{
    answer::{Answer, Broken, Media, Timing},
    call::{Call, Wants},
    collection,
    error::Rejection,
    list,
    problem::Problem,
    site::Site,
    validator,
};

/// Keys that are read ahead of their analyses.
const KEYS_PAGE: usize = 1000;
/// Small documents that are ready together are sent together, up to this size.
const CHUNK_BYTES: usize = 64 * 1024;

/// `GET /objects/{id}/analysis`
pub(crate) async fn one(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let given = call.next_path();
    let plan = plan(site, &mut call)?;
    let as_of = call.query.instant("as_of")?;
    let deadline = call.deadline;
    call.query.finish(call.name.parameters())?;
    let objects = site.model.objects();
    let id: Arc<str> = collection::key(&given, objects)?.into();
    let failed = |error| Problem::of_analysis(&error, &objects.name);
    let reuse = if validator::wants_anew(&call.headers) {
        Reuse::Never
    } else {
        Reuse::Exact
    };
    let question = Question {
        plan: &plan,
        as_of,
        existence: Existence::Asked,
        reuse,
    };
    let columns_as_of = as_of_columns(objects, &plan, as_of)?;
    let engine = &site.engine;
    let look = engine.look(&id, &question, deadline).await.map_err(failed)?;
    let is_whole = plan.columns.is_empty();
    if is_whole && reuse == Reuse::Exact {
        let wanted = site.encoding(&call.headers);
        let held = look
            .tag(engine)
            .and_then(|tag| validator::held(&call.headers, tag, wanted));
        if let Some(held) = held {
            let answer = Answer::json(Bytes::new()).timing(timing(look.timing()));
            return Ok(answer.header(header::ETAG, &held).not_modified());
        }
    }
    let answered = engine.answer(look).await.map_err(failed)?;
    let timing = timing(answered.document.timing);
    if is_whole {
        let is_any_held = validator::is_any_held(&call.headers);
        let answer = Answer::analysis(answered).timing(timing);
        return Ok(if is_any_held {
            answer.not_modified()
        } else {
            answer
        });
    }
    let mut keys = Keys::new(site, Some(vec![Arc::clone(&id)]), &plan, columns_as_of);
    let body = match keys.next(deadline).await?.found.first() {
        Some(record) => list::joined(&list::item(record, objects, &plan.columns), &answered.document),
        None => return Err(failed(Error::NotFound { id })),
    };
    Ok(Answer::json(body).timing(timing))
}

/// As of when records are read; an error where columns are asked for that have no past.
pub(crate) fn as_of_columns(
    objects: &Collection,
    plan: &Plan,
    as_of: Option<Timestamp>,
) -> Result<Option<Timestamp>, Problem> {
    match (as_of, &objects.revisions) {
        (Some(_), None) if !plan.columns.is_empty() => {
            let source_name = objects.name.as_str().into();
            Err(Problem::of_analysis(
                &Error::NotKept { source_name },
                &objects.name,
            ))
        }
        // Whether it exists is then known only of now.
        (_, None) => Ok(None),
        (as_of, Some(_)) => Ok(as_of),
    }
}

/// `GET /objects/analysis`
pub(crate) async fn many(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let plan = plan(site, &mut call)?;
    let objects = site.model.objects();
    let ids = call
        .query
        .list("ids", site.config.ids_max)?
        .map(|ids| list::keys(&ids, objects))
        .transpose()?;
    let as_of = call.query.instant("as_of")?;
    let (deadline, wants) = (call.deadline, call.wants);
    call.query.finish(call.name.parameters())?;
    site.engine
        .can_answer(&plan, as_of)
        .map_err(|error| Problem::of_analysis(&error, &objects.name))?;
    let mut keys = Keys::new(site, ids, &plan, as_of_columns(objects, &plan, as_of)?);
    // The first keys before the status: a database that is down is then a problem, not half an answer.
    let first = keys.next(deadline).await?;
    let many = Many {
        wants,
        state: State::Before,
        collection: objects.name.clone(),
        documents: documents(Arc::clone(site), (plan, as_of), keys, first),
    };
    let media = match wants {
        Wants::Array => Media::JsonOrNdjson,
        Wants::Lines => Media::Ndjson,
    };
    Ok(Answer::stream(media, Box::pin(many)))
}

/// The plan that `fields` asks for, if it is given.
pub(crate) fn fields(site: &Site, call: &mut Call) -> Result<Option<Plan>, Rejection> {
    let Some(fields) = call.query.list("fields", site.config.fields_max)? else {
        return Ok(None);
    };
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    Ok(Some(Plan::fields(&site.model, &fields)?))
}

pub(crate) fn plan(site: &Site, call: &mut Call) -> Result<Arc<Plan>, Rejection> {
    Ok(match fields(site, call)? {
        Some(plan) => Arc::new(plan),
        None => Arc::clone(&site.analysis),
    })
}

fn timing(timing: Spent) -> Timing {
    Timing {
        queue: timing.queue,
        pool: timing.pool,
        database: timing.database,
        statements: timing.statements,
        measure: timing.measure,
    }
}

/// The keys of the objects, page by page.
struct Keys {
    site: Arc<Site>,
    /// Only these.
    ids: Option<Vec<Arc<str>>>,
    /// Columns to show before the sections.
    columns: Vec<usize>,
    as_of: Option<Timestamp>,
    after: Option<Place>,
    done: bool,
}

/// Records in order of their key, then asked-for ids that no object has.
struct KeysPage {
    found: Vec<Record>,
    unknown: VecDeque<Arc<str>>,
}

impl Keys {
    fn new(site: &Arc<Site>, ids: Option<Vec<Arc<str>>>, plan: &Plan, as_of: Option<Timestamp>) -> Keys {
        Keys {
            site: Arc::clone(site),
            ids,
            columns: plan.columns.clone(),
            as_of,
            after: None,
            done: false,
        }
    }

    async fn next(&mut self, deadline: tokio::time::Instant) -> Result<KeysPage, Problem> {
        let objects = self.site.model.objects();
        let limit = self.ids.as_ref().map_or(KEYS_PAGE, Vec::len);
        let list = List {
            columns: self.columns.clone(),
            filters: Vec::new(),
            ids: self.ids.clone(),
            sort: None,
            after: self.after.take(),
            limit,
            as_of: self.as_of,
        };
        let found = record::list(self.site.store.pool(objects.database), objects, &list, deadline).await?;
        self.done = self.ids.is_some() || found.len() < limit;
        self.after = found.last().map(|record| record.place.clone());
        let known: HashSet<&Arc<str>> = found.iter().map(|record| &record.key).collect();
        let mut seen = HashSet::new();
        let unknown = self
            .ids
            .iter()
            .flatten()
            .filter(|id| !known.contains(id) && seen.insert(Arc::clone(id)));
        let unknown = unknown.cloned().collect();
        Ok(KeysPage { found, unknown })
    }
}

/// One member of the answer: whose it is, and the document or why there is none.
type Member = (Option<Arc<str>>, Result<Bytes, Problem>);
type Documents = Pin<Box<dyn Stream<Item = Member> + Send>>;

/// The documents of all pages of keys. Nothing is computed unless it is read; dropping it stops the work.
fn documents(
    site: Arc<Site>,
    (plan, as_of): (Arc<Plan>, Option<Timestamp>),
    keys: Keys,
    first: KeysPage,
) -> Documents {
    let reuse = match keys.ids {
        Some(_) => Reuse::Exact,
        None => Reuse::Passing,
    };
    let pages = stream::unfold((keys, Some(Ok(first))), |(mut keys, ready)| async move {
        let page = match ready {
            Some(page) => page,
            None if keys.done => return None,
            None => {
                keys.next(tokio::time::Instant::now() + keys.site.config.request_timeout)
                    .await
            }
        };
        keys.done |= page.is_err();
        Some((page, (keys, None)))
    });
    let documents = pages.flat_map(move |page| -> Documents {
        let page = match page {
            Ok(page) => page,
            Err(problem) => return Box::pin(stream::iter([(None, Err(problem))])),
        };
        let name = site.model.objects().name.clone();
        let unknown_name = name.clone();
        let ids: Vec<_> = page.found.iter().map(|record| Arc::clone(&record.key)).collect();
        // Each has its own time: a slow client does not use up that of the later ones.
        let each_max = site.config.request_timeout;
        let documents = site
            .engine
            .documents(&ids, Arc::clone(&plan), as_of, each_max, reuse);
        let (site, plan) = (Arc::clone(&site), Arc::clone(&plan));
        // Without columns the records have told all they have: their keys.
        let mut records = page.found.into_iter();
        let found = documents.map(move |(id, document)| {
            let record = records.next();
            let body = document
                .map_err(|error| Problem::of_analysis(&error, &name))
                .map(|document| match record {
                    Some(record) if !plan.columns.is_empty() => list::joined(
                        &list::item(&record, site.model.objects(), &plan.columns),
                        &document,
                    ),
                    Some(_) | None => document.body().clone(),
                });
            (Some(id), body)
        });
        let unknown = stream::iter(page.unknown).map(move |id| {
            let error = Error::NotFound { id: Arc::clone(&id) };
            (Some(id), Err(Problem::of_analysis(&error, &unknown_name)))
        });
        Box::pin(found.chain(unknown))
    });
    Box::pin(documents)
}

/// Documents as the bytes of an array, or of lines.
struct Many {
    wants: Wants,
    state: State,
    collection: String,
    documents: Documents,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Between,
    /// All is said but the end.
    Ending,
    Ended,
}

impl Stream for Many {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut out = Vec::new();
        while out.len() < CHUNK_BYTES && matches!(this.state, State::Before | State::Between) {
            match this.documents.as_mut().poll_next(cx) {
                Poll::Ready(Some((id, document))) => this.write(id.as_deref(), document, &mut out),
                Poll::Ready(None) => this.end(&mut out),
                Poll::Pending => break,
            }
        }
        if this.state == State::Ending {
            this.state = State::Ended;
            return Poll::Ready(Some(Ok(out.into())));
        }
        match (out.is_empty(), this.state) {
            (false, _) => Poll::Ready(Some(Ok(out.into()))),
            (true, State::Ended) => Poll::Ready(None),
            (true, _) => Poll::Pending,
        }
    }
}

impl Many {
    fn write(&mut self, id: Option<&str>, document: Result<Bytes, Problem>, out: &mut Vec<u8>) {
        match (self.wants, mem::replace(&mut self.state, State::Between)) {
            (Wants::Array, State::Before) => out.push(b'['),
            (Wants::Array, _) => out.push(b','),
            (Wants::Lines, _) => {}
        }
        let mut fatal = false;
        match document {
            Ok(body) => out.extend_from_slice(&body),
            Err(problem) => {
                tracing::debug!(collection = %self.collection, "an object of many failed");
                // The others would fail the same way, each after its own wait.
                fatal = problem.kind.status().as_u16() > 500 || id.is_none();
                let value = match id {
                    Some(id) => json!({ "id": id, "problem": problem.value(None) }),
                    None => json!({ "problem": problem.value(None) }),
                };
                out.extend_from_slice(value.to_string().as_bytes());
            }
        }
        if self.wants == Wants::Lines {
            out.push(b'\n');
        }
        if fatal {
            self.end(out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        match (self.wants, self.state) {
            (Wants::Array, State::Before) => out.extend_from_slice(b"[]"),
            (Wants::Array, _) => out.push(b']'),
            (Wants::Lines, _) => {}
        }
        self.state = State::Ending;
    }
}
