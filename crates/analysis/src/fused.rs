//! One statement a dataset: an object is measured as soon as its last row is there, while PostgreSQL
//! sends the next.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::Shared};
use store::{
    id::Ids,
    pool::Pool,
    query::{Abandoned, Run, raw},
    value,
};
use tokio::time::Instant;
use tokio_postgres::Row;

use crate::{
    aggregate::Overflow,
    batch::{Answer, Delivery},
    bucket::Bucketed,
    dimension::Coded,
    document::Timing,
    error::Error,
    group::{Groups, Source},
    layout::{Layout, SeriesWork, Work},
    predicate::Masks,
    reference::{Reference, References},
    rows,
    series::{self, Points},
    sql::{Asked, parameters},
    table::{Misfit, Table},
};

/// References that several statements of one batch share.
pub(crate) type SharedReferences = Shared<Pin<Box<dyn Future<Output = Joined> + Send>>>;

/// By join of the layout.
pub(crate) type Joined = Result<Vec<Option<Arc<Reference>>>, Error>;

/// A statement of a dataset, to be measured here.
pub(crate) struct Fused<'a> {
    layout: &'a Layout,
    asked: Asked<'a>,
}

/// Reads the references whole, once for all statements that get a clone.
pub(crate) fn share(references: Arc<References>, layout: Arc<Layout>, deadline: Instant) -> SharedReferences {
    let read = async move { references.whole(&layout.joins, deadline).await };
    let boxed: Pin<Box<dyn Future<Output = Joined> + Send>> = Box::pin(read);
    boxed.shared()
}

impl<'a> Fused<'a> {
    pub(crate) fn new(layout: &'a Layout, asked: Asked<'a>) -> Fused<'a> {
        Fused { layout, asked }
    }

    /// Runs the statement and delivers each object's fragments as they are ready. How long measuring took is told
    /// before the last are delivered: who waits for them is gone after.
    pub(crate) async fn stream(
        &self,
        references: SharedReferences,
        abandoned: Option<Abandoned>,
        delivery: &mut Delivery,
        measured: impl FnOnce(Duration) + Send,
    ) -> Result<(), Error> {
        let failed = |source| self.failed(source);
        let ids = Ids(self.asked.ids);
        let (what, sql) = (&*self.layout.name, &self.layout.sql);
        let parameters = parameters(&ids, self.asked.instant.as_ref());
        let run = Run {
            what,
            sql,
            parameters: &parameters,
            deadline: self.asked.deadline,
            abandoned,
        };
        // Before the statement takes a connection: the references need one too, perhaps of the same pool.
        let references = references.await?;
        let mut query = self.asked.pool.run(run).await.map_err(failed)?;
        let began = query.began();
        let mut objects = Objects::new(self.layout, references, query.waited(), began);
        while let Some(row) = query.next().await.map_err(failed)? {
            objects.row(&row, delivery);
        }
        drop(query);
        objects.end(delivery, measured);
        Ok(())
    }

    /// The same for one section that needs a join, in the way of the story: its rows, then only what they join to.
    pub(crate) async fn collect(
        &self,
        references: &References,
        delivery: &mut Delivery,
    ) -> Result<(), Error> {
        let began = Instant::now();
        let ids = Ids(self.asked.ids);
        let (what, sql) = (&*self.layout.name, &self.layout.sql);
        let parameters = parameters(&ids, self.asked.instant.as_ref());
        let run = Run {
            what,
            sql,
            parameters: &parameters,
            deadline: self.asked.deadline,
            abandoned: None,
        };
        let rows = self
            .asked
            .pool
            .rows(run)
            .await
            .map_err(|source| self.failed(source))?;
        let mut table = Table::new(self.layout, vec![None; self.layout.joins.len()]);
        for row in &rows {
            if let Err(Misfit { slot, problem }) = table.push(self.layout, row, 1) {
                return Err(self.failed(shape(self.asked.pool, self.layout, slot, problem)));
            }
        }
        let joined = references
            .matching(self.layout, &table, self.asked.deadline)
            .await?;
        let mut objects = Objects::new(self.layout, joined, Duration::ZERO, began);
        for row in &rows {
            objects.row(row, delivery);
        }
        objects.end(delivery, |_| ());
        Ok(())
    }

    fn failed(&self, source: store::error::Error) -> Error {
        Error::Store {
            source_name: self.layout.name.clone(),
            source: Arc::new(source),
        }
    }
}

fn shape(pool: &Pool, layout: &Layout, slot: usize, problem: &str) -> store::error::Error {
    store::error::Error::Shape {
        database: pool.database().to_owned(),
        what: layout.name.to_string(),
        problem: format!("column {} {problem}", layout.slots[slot].column),
    }
}

/// Measures the objects of a batch one after the other.
struct Objects<'a> {
    layout: &'a Layout,
    table: Table,
    /// The object of the rows in the table, as it came over the wire.
    current: Option<Vec<u8>>,
    id: Arc<str>,
    /// Somebody waits for it.
    wanted: bool,
    misfit: Option<String>,
    work: Workspace,
    timing: Timing,
    began: Instant,
    statements: u32,
    measured: Duration,
}

/// Buffers that outlive an object.
#[derive(Default)]
struct Workspace {
    masks: Masks,
    coded: Vec<Coded>,
    bucketed: Vec<Bucketed>,
    groups: Groups,
    order: Vec<u32>,
    points: Points,
    /// The size of the last fragments: the next are likely alike.
    size: usize,
}

impl<'a> Objects<'a> {
    fn new(
        layout: &'a Layout,
        references: Vec<Option<Arc<Reference>>>,
        pool: Duration,
        began: Instant,
    ) -> Objects<'a> {
        let mut work = Workspace::default();
        work.coded.resize_with(layout.dimensions.len(), Coded::default);
        work.bucketed.resize_with(layout.clocks.len(), Bucketed::default);
        Objects {
            layout,
            table: Table::new(layout, references),
            current: None,
            id: "".into(),
            wanted: false,
            misfit: None,
            work,
            timing: Timing {
                pool,
                ..Timing::default()
            },
            began,
            // Its own, and one for each reference; a reference that was kept is counted all the same.
            statements: 1 + layout.joins.len() as u32,
            measured: Duration::ZERO,
        }
    }

    /// Takes a row; the first of another object ends the one before.
    fn row(&mut self, row: &Row, delivery: &mut Delivery) {
        let object = raw(row, 0).unwrap_or_default();
        if self.current.as_deref() != Some(object) {
            self.finish(delivery);
            self.begin(object, delivery);
        }
        if self.wanted
            && self.misfit.is_none()
            && let Err(Misfit { slot, problem }) = self.table.push(self.layout, row, 1)
        {
            self.misfit = Some(format!("its column {} {problem}", self.layout.slots[slot].column));
        }
    }

    fn begin(&mut self, object: &[u8], delivery: &Delivery) {
        let Some(id) = value::key(self.layout.object_kind, object) else {
            return;
        };
        match &mut self.current {
            Some(current) => {
                current.clear();
                current.extend_from_slice(object);
            }
            None => self.current = Some(object.to_vec()),
        }
        self.id = id.into();
        self.wanted = delivery.is_wanted(&self.id);
    }

    /// Measures the object whose rows are in the table and delivers its fragments.
    fn finish(&mut self, delivery: &mut Delivery) {
        if self.current.is_some() && self.wanted {
            let answer = self.answer();
            delivery.deliver(&self.id, &answer);
        }
        self.table.clear();
        self.misfit = None;
        self.wanted = false;
    }

    /// The last object, and those that have no rows.
    fn end(mut self, delivery: &mut Delivery, measured: impl FnOnce(Duration)) {
        let mut last = Vec::new();
        if self.current.is_some() && self.wanted {
            last.push((self.id.clone(), self.answer()));
        }
        self.table.clear();
        self.misfit = None;
        for id in delivery.wanted() {
            if last.first().is_none_or(|(with_rows, _)| *with_rows != id) {
                self.id = id.clone();
                last.push((id, self.answer()));
            }
        }
        measured(self.measured);
        for (id, answer) in last {
            delivery.deliver(&id, &answer);
        }
    }

    fn answer(&mut self) -> Result<Arc<Answer>, Error> {
        let misfit = |problem: String| Error::Row {
            source_name: self.layout.name.clone(),
            id: self.id.clone(),
            problem,
        };
        if let Some(problem) = self.misfit.take() {
            return Err(misfit(problem));
        }
        let began = Instant::now();
        let database = began - self.began;
        let fragments = self.work.fragments(self.layout, &self.table);
        let (bytes, ends) =
            fragments.map_err(|Overflow| misfit("a sum leaves the range of int8".to_owned()))?;
        let measure = began.elapsed();
        self.measured += measure;
        let timing = Timing {
            database,
            measure,
            statements: self.statements,
            ..self.timing
        };
        Ok(Arc::new(Answer::new(bytes, ends, timing)))
    }
}

impl Workspace {
    /// All sections of the object, one after the other, and where each ends.
    fn fragments(&mut self, layout: &Layout, table: &Table) -> Result<(Vec<u8>, Vec<u32>), Overflow> {
        self.masks.fill(&layout.predicates, table);
        for (coded, slot) in self.coded.iter_mut().zip(&layout.dimensions) {
            coded.fill(table, *slot);
        }
        for (bucketed, clock) in self.bucketed.iter_mut().zip(&layout.clocks) {
            clock.fill(&table.columns[layout.time], bucketed);
        }
        let mut out = Vec::with_capacity(self.size + self.size / 4);
        let mut ends = Vec::with_capacity(layout.sections.len());
        for section in &layout.sections {
            match section {
                Work::Rows(work) => rows::write(work, table, &self.masks, &mut self.order, &mut out),
                Work::Groups(work) => {
                    let source = Source {
                        table,
                        masks: &self.masks,
                        coded: &self.coded,
                    };
                    self.groups.write(work, &source, &mut out)?;
                }
                Work::Series(work) => self.series(work, table, &mut out)?,
            }
            ends.push(out.len() as u32);
        }
        self.size = out.len();
        Ok((out, ends))
    }

    fn series(&mut self, work: &SeriesWork, table: &Table, out: &mut Vec<u8>) -> Result<(), Overflow> {
        let bucketed = &self.bucketed[work.clock];
        let selection = work.filter.map(|filter| self.masks.selections[filter].as_slice());
        let source = Source {
            table,
            masks: &self.masks,
            coded: &self.coded,
        };
        let cells = (bucketed.codes.as_slice(), bucketed.buckets.len());
        let (touched, results) = self.groups.over(&work.measures, &source, selection, cells)?;
        self.points.clear(work.measures.len());
        for (at, cell) in touched.iter().enumerate() {
            self.points
                .push(bucketed.buckets[*cell as usize], |members, numbers| {
                    for (measure, (label, _)) in work.measures.iter().enumerate() {
                        let value = results[measure * touched.len() + at];
                        label.write(members);
                        table.write_cell(value, members);
                        numbers.push(value.number());
                    }
                });
        }
        series::write(&work.shape, &self.points, out);
        Ok(())
    }
}
