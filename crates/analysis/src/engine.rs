//! The engine: analyses of objects, one or many, from the plans of requests.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{
    Stream, StreamExt,
    future::join_all,
    stream::{self},
};
use jiff::Timestamp;
use model::{model::Model, plan::Plan, section::Section};
use store::{open::Store, record};
use telemetry::{metric::Registry, trace};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::{
    batch::{Answer, Delivery, Limits, Promise, Queue, Want, abandoned},
    cache::Cache,
    config::{Config, Strategy},
    document::{Document, Timing},
    error::Error,
    exact::{Question, Reuse},
    fused::{Fused, SharedReferences, share},
    layout::Layout,
    mark::Mark,
    metric::{self, Metric},
    past::Horizons,
    plans::Plans,
    prepared::{How, Prepared, SourceKey, SourcePlan, database_of},
    reference::References,
    sql::Asked,
    traced::{Batched, trace_of},
};

/// Versions in one statement: the ids of two full bursts.
const LOOK_UP_IDS_MAX: usize = 1000;

/// Answers analyses. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    model: Arc<Model>,
    store: Arc<Store>,
    config: Config,
    metric: Arc<Metric>,
    references: Arc<References>,
    queues: HashMap<QueueKey, Queue>,
    plans: Plans,
    horizons: Horizons,
    /// None: nothing is kept.
    cache: Option<Cache>,
    /// Of the model, the program and the strategy: what all documents depend on.
    mark: Mark,
    /// Batches belong to the engine: they answer several requests and outlive the first.
    tasks: TaskTracker,
}

/// A source, of the present or the past: statements over the past have a parameter more.
type QueueKey = (SourceKey, bool);

/// Is it known that the object exists?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It was listed a moment ago.
    Known,
    /// It came from a URL: look it up.
    Asked,
}

impl Engine {
    /// An engine over an open store.
    pub fn new(model: Arc<Model>, store: Arc<Store>, config: Config) -> Engine {
        let metric = Arc::new(Metric::default());
        let references = Arc::new(References::new(
            model.clone(),
            store.clone(),
            metric.clone(),
            config.keep_references,
        ));
        let limits = |database: usize| Limits {
            waiting_max: config.waiting_max,
            ids_max: config.batch_ids_max,
            ids_min: config.batch_ids_min,
            statements: store.pool(database).connections_max(),
        };
        let mut queues = HashMap::new();
        for past in [false, true] {
            for (at, dataset) in model.datasets.iter().enumerate() {
                queues.insert(
                    (SourceKey::Dataset(at), past),
                    Queue::new(limits(dataset.database)),
                );
            }
            for (at, section) in model.sections.iter().enumerate() {
                let database = database_of(&model, section);
                queues.insert((SourceKey::Section(at), past), Queue::new(limits(database)));
            }
            let objects = model.objects().database;
            queues.insert((SourceKey::Record, past), Queue::new(limits(objects)));
        }
        for database in 0..model.databases.len() {
            // A version is a row by its key: many ids in one statement cost less than two statements.
            let limits = Limits {
                ids_min: usize::MAX,
                ids_max: LOOK_UP_IDS_MAX,
                ..limits(database)
            };
            queues.insert((SourceKey::Versions(database), false), Queue::new(limits));
        }
        let whole = Mark::new()
            .with(env!("CARGO_PKG_VERSION").as_bytes())
            .with(format!("{model:?}").as_bytes())
            .with(format!("{:?}", config.strategy).as_bytes());
        Engine(Arc::new(Inner {
            plans: Plans::new(model.clone(), &store, config.strategy),
            horizons: Horizons::new(model.databases.len()),
            cache: (config.cache_bytes > 0).then(|| Cache::new(config.cache_bytes, metric.clone())),
            mark: whole,
            references,
            queues,
            metric,
            tasks: TaskTracker::new(),
            model,
            store,
            config,
        }))
    }

    /// What it counts.
    pub fn metric(&self) -> &Metric {
        &self.0.metric
    }

    /// Registers what it counts.
    pub fn register(&self, registry: &Registry) {
        let engine = self.clone();
        metric::register(registry, Arc::clone(&self.0.metric), move || engine.waiting());
    }

    /// Frees what is kept of an object, since somebody says that it has changed; how many documents that were.
    /// No answer depends on it: versions are looked up, whatever is said.
    pub fn evict(&self, object: &str) -> usize {
        self.cache().map_or(0, |cache| cache.evict(object))
    }

    /// Requests that wait to be taken into a batch, over all sources.
    pub fn waiting(&self) -> usize {
        self.0.queues.values().map(Queue::waiting).sum()
    }

    /// The analysis of one object as it is now.
    pub async fn document(
        &self,
        id: &Arc<str>,
        plan: &Plan,
        existence: Existence,
        deadline: Instant,
    ) -> Result<Document, Error> {
        let question = Question {
            plan,
            as_of: None,
            existence,
            reuse: Reuse::Exact,
        };
        let look = self.look(id, &question, deadline).await?;
        Ok(self.answer(look).await?.document)
    }

    /// Analyses of many objects that are known to exist, in the order given. Work is done for a bounded number
    /// ahead of the reader, each document within `each_max`; dropping the stream stops it.
    pub fn documents(
        &self,
        ids: &[Arc<str>],
        plan: Arc<Plan>,
        as_of: Option<Timestamp>,
        each_max: Duration,
        reuse: Reuse,
    ) -> impl Stream<Item = (Arc<str>, Result<Document, Error>)> + Send + use<> {
        let engine = self.clone();
        let chunk = (self.0.config.ahead_max / 2).max(1);
        let chunks: Vec<Vec<Arc<str>>> = ids.chunks(chunk).map(<[Arc<str>]>::to_vec).collect();
        // Two chunks at a time: while the reader takes one, the next is computed.
        stream::iter(chunks)
            .map(move |ids| {
                let (engine, plan) = (engine.clone(), plan.clone());
                async move {
                    let deadline = Instant::now() + each_max;
                    join_all(ids.into_iter().map(|id| {
                        let (engine, plan) = (&engine, &plan);
                        async move {
                            let question = Question {
                                plan,
                                as_of,
                                existence: Existence::Known,
                                reuse,
                            };
                            let document = async {
                                let look = engine.look(&id, &question, deadline).await?;
                                Ok(engine.answer(look).await?.document)
                            };
                            let document = document.await;
                            (id, document)
                        }
                    }))
                    .await
                }
            })
            .buffered(2)
            .flat_map(stream::iter)
    }

    /// The plan ready to run; an error where it asks for the past of what knows only the present.
    pub(crate) fn prepare(&self, plan: &Plan, as_of: Option<Timestamp>) -> Result<Arc<Prepared>, Error> {
        self.0.plans.get(plan, as_of)
    }

    /// Whether all of a plan can be known as of an instant; an error names what cannot.
    pub fn can_answer(&self, plan: &Plan, as_of: Option<Timestamp>) -> Result<(), Error> {
        self.0.plans.can_answer(plan, as_of)
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.0.cache.as_ref()
    }

    /// Of all that its documents depend on besides their sources.
    pub(crate) fn mark(&self) -> Mark {
        self.0.mark
    }

    /// Whether what a plan reads of the past can no longer change.
    pub(crate) async fn is_settled(&self, prepared: &Prepared, deadline: Instant) -> bool {
        let Some((as_of, databases)) = &prepared.past else {
            return true;
        };
        let (horizons, store) = (&self.0.horizons, &self.0.store);
        for database in databases {
            if !horizons.is_settled(store, *database, *as_of, deadline).await {
                return false;
            }
        }
        true
    }

    /// The answers of some sources, in their order; of the first that fails its error.
    pub(crate) async fn gather(
        &self,
        id: &Arc<str>,
        sources: &[&Arc<SourcePlan>],
        deadline: Instant,
    ) -> Result<Vec<Answer>, Error> {
        match self.0.config.strategy {
            Strategy::Each => self.in_sequence(id, sources, deadline).await,
            Strategy::Batched | Strategy::Fused => self.joined(id, sources, deadline).await,
        }
    }

    /// Wants of this request join those of others, source by source, and are awaited together.
    pub(crate) async fn joined(
        &self,
        id: &Arc<str>,
        sources: &[&Arc<SourcePlan>],
        deadline: Instant,
    ) -> Result<Vec<Answer>, Error> {
        let mut promises = Vec::with_capacity(sources.len());
        for source in sources {
            promises.push(self.want(id, source, deadline)?);
        }
        let mut answers = Vec::with_capacity(promises.len());
        // One timer for all of them: of a warm request it is a good part of the work.
        let ended = timeout_at(deadline, async {
            for (promise, source) in promises.into_iter().zip(sources) {
                answers.push(kept(promise, source).await?);
            }
            Ok::<(), Error>(())
        })
        .await;
        match ended {
            Ok(ended) => ended.map(|()| answers),
            Err(_) => Err(Error::Deadline {
                source_name: sources[answers.len()].name.clone(),
            }),
        }
    }

    /// One statement after the other, for this object alone.
    async fn in_sequence(
        &self,
        id: &Arc<str>,
        sources: &[&Arc<SourcePlan>],
        deadline: Instant,
    ) -> Result<Vec<Answer>, Error> {
        let mut answers = Vec::with_capacity(sources.len());
        for source in sources {
            let (want, promise) = Want::new(id.clone(), Arc::clone(source), deadline);
            let answer = async {
                self.run(vec![want], None).await;
                kept(promise, source).await
            };
            let answer = timeout_at(deadline, answer).await.map_err(|_| Error::Deadline {
                source_name: source.name.clone(),
            })?;
            answers.push(answer?);
        }
        Ok(answers)
    }

    fn want(&self, id: &Arc<str>, plan: &Arc<SourcePlan>, deadline: Instant) -> Result<Promise, Error> {
        let (want, promise) = Want::new(id.clone(), plan.clone(), deadline);
        let key = (plan.key, plan.instant.is_some());
        if self.queue(key).push(want)? {
            self.start(key);
        }
        Ok(promise)
    }

    fn queue(&self, key: QueueKey) -> &Queue {
        self.0
            .queues
            .get(&key)
            .expect("every source of the model has its queue")
    }

    /// Takes what waits for a source and runs it.
    fn start(&self, key: QueueKey) {
        let engine = self.clone();
        self.0.tasks.spawn(async move {
            let batches = engine.queue(key).take().await;
            // All statements of one taking share one reading of the references.
            let shared = engine.shared(&batches);
            for wants in batches {
                let (batch, shared) = (engine.clone(), shared.clone());
                engine.0.tasks.spawn(async move {
                    let _done = Done { engine: &batch, key };
                    trace::scope(trace_of(&wants), batch.run(wants, shared)).await;
                });
            }
        });
    }

    /// What the statements of one taking share; none where their source is not fused.
    fn shared(&self, batches: &[Vec<Want>]) -> Option<Taking> {
        let plans = distinct(batches.iter().flatten());
        let deadline = batches.iter().flatten().map(|want| want.deadline).max()?;
        let first = plans.first()?;
        // Plans over the past differ in their instant, a parameter.
        let (How::Fused(first), None) = (&first.how, first.instant) else {
            return None;
        };
        let layout = match plans.as_slice() {
            [_] => first.clone(),
            _ => {
                let sections: Vec<&Section> = plans
                    .iter()
                    .flat_map(|plan| &plan.sections)
                    .map(AsRef::as_ref)
                    .collect();
                Arc::new(Layout::new(&self.0.model, first.dataset, &sections))
            }
        };
        let mut firsts = Vec::with_capacity(plans.len());
        let mut sections = 0;
        for plan in plans {
            let count = plan.sections.len();
            firsts.push((plan, sections));
            sections += count;
        }
        let references = share(self.0.references.clone(), layout.clone(), deadline);
        Some(Taking {
            layout,
            firsts: firsts.into(),
            references,
        })
    }

    /// Runs one batch of wants of one source and answers each of them.
    async fn run(&self, wants: Vec<Want>, taking: Option<Taking>) {
        let metric = &self.0.metric;
        metric.batches.add(1);
        metric.batch_wants.add(wants.len() as u64);
        let plans = distinct(&wants);
        match taking {
            Some(taking) => self.run_fused(wants, taking).await,
            None => {
                // Cuts of one section have statements of their own; they are rare, so they run in turn.
                let mut rest = wants;
                for plan in plans {
                    let (ours, others) = rest.into_iter().partition(|want| Arc::ptr_eq(&want.plan, &plan));
                    self.run_alone(ours, &plan).await;
                    rest = others;
                }
            }
        }
    }

    async fn run_fused(&self, wants: Vec<Want>, taking: Taking) {
        let Taking {
            layout,
            firsts,
            references,
        } = taking;
        let layout = &*layout;
        let abandoned = abandoned(&wants);
        let deadline = latest(&wants);
        let ids = ids_of(&wants, layout.object_kind);
        let mut delivery = Delivery::new(wants.into_iter().map(|want| {
            let first = firsts
                .iter()
                .find(|(plan, _)| Arc::ptr_eq(plan, &want.plan))
                .map_or(0, |(_, first)| *first);
            (want, first)
        }));
        self.0.metric.sized(ids.len());
        let batch = Batched::begin(&layout.name, delivery.wants(), ids.len());
        let pool = self.0.store.pool(self.0.model.datasets[layout.dataset].database);
        let asked = Asked {
            pool,
            ids: &ids,
            instant: None,
            deadline,
        };
        let fused = Fused::new(layout, asked);
        let measured = |time| self.measured(&batch, time);
        let ran = fused
            .stream(references, Some(abandoned), &mut delivery, measured)
            .await;
        if let Err(error) = ran {
            delivery.fail(&error);
            batch.failed();
        }
    }

    fn measured(&self, batch: &Batched, time: Duration) {
        self.0.metric.measure.add(time);
        batch.measured(time);
    }

    /// A batch whose wants have one plan.
    async fn run_alone(&self, wants: Vec<Want>, plan: &SourcePlan) {
        let abandoned = abandoned(&wants);
        let deadline = latest(&wants);
        let kind = self.object_kind(plan);
        let ids = ids_of(&wants, kind);
        let mut delivery = Delivery::new(wants.into_iter().map(|want| (want, 0)));
        self.0.metric.sized(ids.len());
        let batch = Batched::begin(&plan.name, delivery.wants(), ids.len());
        let pool = self.0.store.pool(plan.database);
        let asked = Asked {
            pool,
            ids: &ids,
            instant: plan.instant,
            deadline,
        };
        let ran = match &plan.how {
            How::Own(own) => own.run(asked, Some(abandoned), &mut delivery).await,
            How::Pushdown(pushdown) => pushdown.run(asked, Some(abandoned), &mut delivery).await,
            How::Versions(look_up) => look_up.run(asked, abandoned, &mut delivery).await,
            How::Record => self.records(plan, asked, &mut delivery).await,
            How::Fused(layout) => {
                let references = share(self.0.references.clone(), layout.clone(), deadline);
                let fused = Fused::new(layout, asked);
                let measured = |time| self.measured(&batch, time);
                fused
                    .stream(references, Some(abandoned), &mut delivery, measured)
                    .await
            }
            How::Collected(layout) => {
                let fused = Fused::new(layout, asked);
                fused.collect(&self.0.references, &mut delivery).await
            }
        };
        if let Err(error) = ran {
            delivery.fail(&error);
            batch.failed();
        }
    }

    /// Which of the objects exist.
    async fn records(
        &self,
        plan: &SourcePlan,
        asked: Asked<'_>,
        delivery: &mut Delivery,
    ) -> Result<(), Error> {
        let collection = self.0.model.objects();
        let list = record::List {
            columns: Vec::new(),
            filters: Vec::new(),
            ids: Some(asked.ids.to_vec()),
            sort: None,
            after: None,
            limit: asked.ids.len(),
            as_of: asked
                .instant
                .and_then(|instant| Timestamp::try_from(instant).ok()),
        };
        let began = Instant::now();
        let found = record::list(asked.pool, collection, &list, asked.deadline)
            .await
            .map_err(|source| Error::Store {
                source_name: plan.name.clone(),
                source: Arc::new(source),
            })?;
        let timing = Timing {
            database: began.elapsed(),
            statements: 1,
            ..Timing::default()
        };
        for record in found {
            delivery.deliver(
                &record.key,
                &Ok(Arc::new(Answer::new(Vec::new(), Vec::new(), timing))),
            );
        }
        for id in delivery.wanted() {
            delivery.deliver(&id, &Err(Error::NotFound { id: id.clone() }));
        }
        Ok(())
    }

    fn object_kind(&self, plan: &SourcePlan) -> model::column::Type {
        match (&plan.how, plan.sections.first().map(|section| &section.kind)) {
            (How::Fused(layout) | How::Collected(layout), _) => layout.object_kind,
            (How::Pushdown(pushdown), _) => pushdown.object,
            (How::Own(_), Some(model::section::Kind::Own(own))) => own.object.kind,
            (How::Own(_) | How::Record | How::Versions(_), _) => self.0.model.objects().key_type(),
        }
    }
}

/// What the statements of one taking share.
#[derive(Clone)]
struct Taking {
    /// Answers the plans of all its wants.
    layout: Arc<Layout>,
    /// Each plan, and the place of its first fragment among those of the layout.
    firsts: Arc<[(Arc<SourcePlan>, usize)]>,
    /// Read once for all.
    references: SharedReferences,
}

/// Says that a batch has ended, also when its task panics, and starts the next.
struct Done<'a> {
    engine: &'a Engine,
    key: QueueKey,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        if self.engine.queue(self.key).done() {
            self.engine.start(self.key);
        }
    }
}

/// Waits for an answer.
async fn kept(promise: Promise, source: &SourcePlan) -> Result<Answer, Error> {
    promise.answer.await.unwrap_or_else(|_| {
        Err(Error::Lost {
            source_name: source.name.clone(),
        })
    })
}

/// The distinct plans of wants, in order of arrival.
fn distinct<'a>(wants: impl IntoIterator<Item = &'a Want>) -> Vec<Arc<SourcePlan>> {
    let mut plans: Vec<Arc<SourcePlan>> = Vec::new();
    for want in wants {
        if !plans.iter().any(|plan| Arc::ptr_eq(plan, &want.plan)) {
            plans.push(want.plan.clone());
        }
    }
    plans
}

/// The distinct ids of wants that can be an id of this type at all; the others have no rows.
fn ids_of(wants: &[Want], kind: model::column::Type) -> Vec<Arc<str>> {
    let mut seen = std::collections::HashSet::new();
    wants
        .iter()
        .map(|want| &want.id)
        .filter(|id| kind.parse_key(id).is_some_and(|canonical| canonical == ***id))
        .filter(|id| seen.insert(Arc::clone(id)))
        .cloned()
        .collect()
}

fn latest(wants: &[Want]) -> Instant {
    wants
        .iter()
        .map(|want| want.deadline)
        .max()
        .unwrap_or_else(Instant::now)
}
