//! The engine: analyses of objects, one or many, from the plans of requests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    Stream, StreamExt,
    future::join_all,
    stream::{self},
};
use model::{model::Model, plan::Plan, section::Section};
use store::{open::Store, record};
use telemetry::{
    metric::Registry,
    trace::{self, span::Step},
};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::{
    batch::{Answer, Delivery, Limits, Promise, Queue, Want, abandoned},
    config::{Config, Strategy},
    document::{Document, Timing},
    error::Error,
    fused::{Fused, SharedReferences, share},
    layout::Layout,
    metric::{self, Metric},
    prepared::{How, Prepared, SourceKey, SourcePlan},
    reference::References,
    traced::{Batched, trace_of},
};

/// Plans kept ready. Field selections come from requests, so there can be any number: beyond it all are dropped.
const PREPARED_MAX: usize = 256;

/// Answers analyses. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    model: Arc<Model>,
    store: Arc<Store>,
    config: Config,
    metric: Arc<Metric>,
    references: Arc<References>,
    queues: HashMap<SourceKey, Queue>,
    record: Arc<SourcePlan>,
    prepared: Mutex<HashMap<PlanKey, Arc<Prepared>>>,
    /// Batches belong to the engine: they answer several requests and outlive the first.
    tasks: TaskTracker,
}

/// Which parts a plan has.
type PlanKey = Vec<(usize, Option<Vec<usize>>)>;

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
        let queue = |database: usize| {
            Queue::new(Limits {
                waiting_max: config.waiting_max,
                ids_max: config.batch_ids_max,
                ids_min: config.batch_ids_min,
                statements: store.pool(database).connections_max(),
            })
        };
        let mut queues = HashMap::new();
        for (at, dataset) in model.datasets.iter().enumerate() {
            queues.insert(SourceKey::Dataset(at), queue(dataset.database));
        }
        for (at, section) in model.sections.iter().enumerate() {
            queues.insert(SourceKey::Section(at), queue(database_of(&model, section)));
        }
        queues.insert(SourceKey::Record, queue(model.objects().database));
        Engine(Arc::new(Inner {
            record: Arc::new(SourcePlan::record(&model)),
            references,
            queues,
            metric,
            prepared: Mutex::new(HashMap::new()),
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

    /// Requests that wait to be taken into a batch, over all sources.
    pub fn waiting(&self) -> usize {
        self.0.queues.values().map(Queue::waiting).sum()
    }

    /// The analysis of one object.
    pub async fn document(
        &self,
        id: &Arc<str>,
        plan: &Plan,
        existence: Existence,
        deadline: Instant,
    ) -> Result<Document, Error> {
        let prepared = self.prepare(plan);
        let answers = match self.0.config.strategy {
            Strategy::Each => self.in_sequence(id, &prepared, existence, deadline).await?,
            Strategy::Batched | Strategy::Fused => self.joined(id, &prepared, existence, deadline).await?,
        };
        self.0.metric.documents.add(1);
        let trace = trace::current();
        if let (true, Some(delivered)) = (trace.is_on(), answers.iter().map(|answer| answer.delivered).max())
        {
            trace.add(Step::Wake, delivered.into_std(), Instant::now().into_std());
        }
        let step = trace.begin(Step::Document);
        let mut document = prepared.template.fill(id, &answers);
        trace.end(step);
        document.timing.statements += u32::from(existence == Existence::Asked);
        Ok(document)
    }

    /// Analyses of many objects that are known to exist, in the order given. Work is done for a bounded number
    /// ahead of the reader, each document within `each_max`; dropping the stream stops it.
    pub fn documents(
        &self,
        ids: &[Arc<str>],
        plan: Arc<Plan>,
        each_max: Duration,
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
                            let document = engine.document(&id, plan, Existence::Known, deadline).await;
                            (id, document)
                        }
                    }))
                    .await
                }
            })
            .buffered(2)
            .flat_map(stream::iter)
    }

    fn prepare(&self, plan: &Plan) -> Arc<Prepared> {
        let key: PlanKey = plan
            .parts
            .iter()
            .map(|part| (part.index, part.members.clone()))
            .collect();
        let mut known = self.0.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = known.get(&key) {
            return prepared.clone();
        }
        if known.len() >= PREPARED_MAX {
            known.clear();
        }
        let prepared = Arc::new(Prepared::new(&self.0.model, plan, self.0.config.strategy));
        known.insert(key, prepared.clone());
        prepared
    }

    /// Wants of this request join those of others, source by source, and are awaited together.
    async fn joined(
        &self,
        id: &Arc<str>,
        prepared: &Prepared,
        existence: Existence,
        deadline: Instant,
    ) -> Result<Vec<Answer>, Error> {
        let record = match existence {
            Existence::Asked => Some(self.want(id, &self.0.record, deadline)?),
            Existence::Known => None,
        };
        let mut promises = Vec::with_capacity(prepared.sources.len());
        for source in &prepared.sources {
            promises.push(self.want(id, source, deadline)?);
        }
        if let Some(record) = record {
            keep(record, &self.0.record, deadline).await?;
        }
        let mut answers = Vec::with_capacity(promises.len());
        for (promise, source) in promises.into_iter().zip(&prepared.sources) {
            answers.push(keep(promise, source, deadline).await?);
        }
        Ok(answers)
    }

    /// One statement after the other, for this object alone.
    async fn in_sequence(
        &self,
        id: &Arc<str>,
        prepared: &Prepared,
        existence: Existence,
        deadline: Instant,
    ) -> Result<Vec<Answer>, Error> {
        let mut answers = Vec::with_capacity(prepared.sources.len());
        let record = (existence == Existence::Asked).then_some(&self.0.record);
        for source in record.into_iter().chain(&prepared.sources) {
            let (want, promise) = Want::new(id.clone(), source.clone(), deadline);
            timeout_at(deadline, self.run(vec![want], None))
                .await
                .map_err(|_| Error::Deadline {
                    source_name: source.name.clone(),
                })?;
            let answer = keep(promise, source, deadline).await?;
            if source.key != SourceKey::Record {
                answers.push(answer);
            }
        }
        Ok(answers)
    }

    fn want(&self, id: &Arc<str>, plan: &Arc<SourcePlan>, deadline: Instant) -> Result<Promise, Error> {
        let (want, promise) = Want::new(id.clone(), plan.clone(), deadline);
        let queue = self.queue(plan.key);
        if queue.push(want)? {
            self.start(plan.key);
        }
        Ok(promise)
    }

    fn queue(&self, key: SourceKey) -> &Queue {
        self.0
            .queues
            .get(&key)
            .expect("every source of the model has its queue")
    }

    /// Takes what waits for a source and runs it.
    fn start(&self, key: SourceKey) {
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
        let How::Fused(first) = &plans.first()?.how else {
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
        let fused = Fused {
            pool,
            layout,
            ids: &ids,
            deadline,
        };
        match fused.stream(references, Some(abandoned), &mut delivery).await {
            Ok(measured) => {
                self.0.metric.measure.add(measured);
                batch.measured(measured);
            }
            Err(error) => {
                delivery.fail(&error);
                batch.failed();
            }
        }
    }

    /// A batch whose wants have one plan.
    async fn run_alone(&self, wants: Vec<Want>, plan: &SourcePlan) {
        let abandoned = Some(abandoned(&wants));
        let deadline = latest(&wants);
        let kind = self.object_kind(plan);
        let ids = ids_of(&wants, kind);
        let mut delivery = Delivery::new(wants.into_iter().map(|want| (want, 0)));
        self.0.metric.sized(ids.len());
        let batch = Batched::begin(&plan.name, delivery.wants(), ids.len());
        let pool = self.0.store.pool(plan.database);
        let ran = match &plan.how {
            How::Own(own) => own.run(pool, &ids, deadline, abandoned, &mut delivery).await,
            How::Pushdown(pushdown) => pushdown.run(pool, &ids, deadline, abandoned, &mut delivery).await,
            How::Record => self.records(&ids, deadline, &mut delivery).await,
            How::Fused(layout) | How::Collected(layout) => {
                let fused = Fused {
                    pool,
                    layout,
                    ids: &ids,
                    deadline,
                };
                fused.collect(&self.0.references, &mut delivery).await.map(|_| ())
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
        ids: &[Arc<str>],
        deadline: Instant,
        delivery: &mut Delivery,
    ) -> Result<(), Error> {
        let collection = self.0.model.objects();
        let list = record::List {
            columns: Vec::new(),
            filters: Vec::new(),
            ids: Some(ids.to_vec()),
            sort: None,
            after: None,
            limit: ids.len(),
            as_of: None,
        };
        let pool = self.0.store.pool(collection.database);
        let began = Instant::now();
        let found = record::list(pool, collection, &list, deadline)
            .await
            .map_err(|source| Error::Store {
                source_name: self.0.record.name.clone(),
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
            (How::Own(_) | How::Record, _) => self.0.model.objects().key_type(),
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
    key: SourceKey,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        if self.engine.queue(self.key).done() {
            self.engine.start(self.key);
        }
    }
}

/// Waits for an answer until the deadline.
async fn keep(promise: Promise, source: &SourcePlan, deadline: Instant) -> Result<Answer, Error> {
    let name = || source.name.clone();
    match timeout_at(deadline, promise.answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Error::Lost { source_name: name() }),
        Err(_) => Err(Error::Deadline { source_name: name() }),
    }
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

fn database_of(model: &Model, section: &Section) -> usize {
    use model::section::Kind;
    match &section.kind {
        Kind::Rows(rows) => model.datasets[rows.dataset].database,
        Kind::Groups(groups) => model.datasets[groups.dataset].database,
        Kind::Series(series) => model.datasets[series.dataset].database,
        Kind::Own(own) => own.database,
    }
}
