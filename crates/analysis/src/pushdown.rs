//! One section as one statement that PostgreSQL groups and measures: the strategies `each` and `batched`.

use std::{collections::HashMap, sync::Arc};

use model::{
    column::Type,
    dataset::Dataset,
    expression::Measure,
    model::Model,
    section::{Kind, Section, Top},
};
use store::{
    id::Ids,
    query::{Abandoned, Run, raw},
    value,
};
use tokio_postgres::Row;

use crate::{
    batch::{Answer, Delivery},
    bucket::{Bucket, of_day},
    document::Timing,
    error::Error,
    group::top_of,
    layout::{Label, SeriesShape, label},
    series::{self, Points},
    sql::{self, Asked, parameters},
};

/// A section that PostgreSQL computes.
#[derive(Debug)]
pub(crate) struct Pushdown {
    name: Arc<str>,
    sql: Arc<str>,
    pub(crate) object: Type,
    /// Columns after the object's, as they are written.
    columns: Vec<(Label, Type)>,
    /// By column: a measure that is 0, not null, over no rows.
    counts: Vec<bool>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Rows,
    /// Number of dimensions, and the first groups by a measure.
    Groups {
        dimensions: usize,
        top: Option<Top>,
    },
    Series(SeriesShape),
}

/// What has come for one object.
#[derive(Default)]
struct Found {
    entries: Vec<(Vec<u8>, Option<f64>)>,
    points: Points,
    problem: Option<String>,
}

impl Found {
    fn new(measures: usize) -> Found {
        let mut found = Found::default();
        found.points.clear(measures);
        found
    }
}

impl Pushdown {
    /// None where the section needs a join over databases, or is own SQL already.
    pub(crate) fn new(model: &Model, section: &Section) -> Option<Pushdown> {
        let (dataset, sql, columns, form) = match &section.kind {
            Kind::Own(_) => return None,
            Kind::Rows(rows) => {
                let dataset = &model.datasets[rows.dataset];
                let columns = shown(dataset, &rows.columns);
                (dataset, sql::rows(dataset, rows)?, columns, Form::Rows)
            }
            Kind::Groups(groups) => {
                let dataset = &model.datasets[groups.dataset];
                let mut columns = shown(dataset, &groups.by);
                columns.extend(measured(dataset, &groups.measures));
                let form = Form::Groups {
                    dimensions: groups.by.len(),
                    top: groups.top,
                };
                (dataset, sql::groups(dataset, groups)?, columns, form)
            }
            Kind::Series(declared) => {
                let dataset = &model.datasets[declared.dataset];
                let columns = measured(dataset, &declared.measures);
                let form = Form::Series(SeriesShape::new(model, declared));
                (dataset, sql::series(dataset, declared)?, columns, form)
            }
        };
        let order = dataset.order?;
        let counts = match &section.kind {
            Kind::Groups(groups) if groups.by.is_empty() => groups
                .measures
                .iter()
                .map(|named| is_count(&named.measure))
                .collect(),
            _ => Vec::new(),
        };
        Some(Pushdown {
            name: section.name().into(),
            sql: sql.into(),
            object: dataset.columns[order.object].column.kind,
            columns,
            counts,
            form,
        })
    }

    /// Runs it for all ids and delivers each object's section.
    pub(crate) async fn run(
        &self,
        asked: Asked<'_>,
        abandoned: Option<Abandoned>,
        delivery: &mut Delivery,
    ) -> Result<(), Error> {
        let failed = |source| Error::Store {
            source_name: self.name.clone(),
            source: Arc::new(source),
        };
        let ids = Ids(asked.ids);
        let parameters = parameters(&ids, asked.instant.as_ref());
        let run = Run {
            what: &self.name,
            sql: &self.sql,
            parameters: &parameters,
            deadline: asked.deadline,
            abandoned,
        };
        let mut query = asked.pool.run(run).await.map_err(failed)?;
        let began = query.began();
        let mut found: HashMap<String, Found> = HashMap::new();
        while let Some(row) = query.next().await.map_err(failed)? {
            if let Some(id) = raw(&row, 0).and_then(|bytes| value::key(self.object, bytes)) {
                let found = found.entry(id).or_insert_with(|| Found::new(self.columns.len()));
                self.take(&row, found);
            }
        }
        let timing = Timing {
            pool: query.waited(),
            database: began.elapsed(),
            statements: 1,
            ..Timing::default()
        };
        drop(query);
        for id in delivery.wanted() {
            let found = found.remove(&*id).unwrap_or_default();
            let answer = match found.problem {
                Some(problem) => Err(Error::Row {
                    source_name: self.name.clone(),
                    id: id.clone(),
                    problem,
                }),
                None => {
                    let bytes = self.write(&found);
                    let end = bytes.len() as u32;
                    Ok(Arc::new(Answer::new(bytes, vec![end], timing)))
                }
            };
            delivery.deliver(&id, &answer);
        }
        Ok(())
    }

    fn take(&self, row: &Row, found: &mut Found) {
        let first = match self.form {
            Form::Series(_) => 2,
            Form::Rows | Form::Groups { .. } => 1,
        };
        let mut members = Vec::new();
        for (at, (label, kind)) in self.columns.iter().enumerate() {
            if at > 0 {
                members.push(b',');
            }
            label.write(&mut members);
            if !value::write_json(*kind, raw(row, first + at), &mut members) {
                found.problem = Some(format!("column {} is not of type {}", first + at, kind.name()));
            }
        }
        let number = |at: usize| raw(row, first + at).and_then(|bytes| number(self.columns[at].1, bytes));
        match &self.form {
            Form::Rows => found.entries.push((members, None)),
            Form::Groups { dimensions, top } => {
                let rank = top.and_then(|top| number(dimensions + top.by.column));
                found.entries.push((members, rank));
            }
            Form::Series(shape) => {
                let kind = match (shape.every, shape.kind) {
                    (model::section::Every::Hour, Type::Timestamptz) => Type::Timestamptz,
                    (model::section::Every::Hour, _) => Type::Timestamp,
                    _ => Type::Date,
                };
                let start = raw(row, 1)
                    .and_then(|bytes| value::integer(kind, bytes))
                    .unwrap_or_default();
                let bucket = match shape.every {
                    model::section::Every::Hour => Bucket {
                        start,
                        number: start.div_euclid(3_600_000_000),
                    },
                    every => of_day(every, start.div_euclid(value::DAY_US)),
                };
                found.points.push(bucket, |text, numbers| {
                    text.push(b',');
                    text.extend_from_slice(&members);
                    numbers.extend((0..self.columns.len()).map(number));
                });
            }
        }
    }

    fn write(&self, found: &Found) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.form {
            Form::Series(shape) => series::write(shape, &found.points, &mut out),
            Form::Groups { dimensions: 0, .. } => match found.entries.first() {
                Some((members, _)) => {
                    out.push(b'{');
                    out.extend_from_slice(members);
                    out.push(b'}');
                }
                None => self.write_empty(&mut out),
            },
            Form::Rows => write_entries(&found.entries, 0..found.entries.len(), &mut out),
            Form::Groups { top, .. } => {
                let mut order: Vec<usize> = (0..found.entries.len()).collect();
                if let Some(top) = top {
                    top_of(&mut order, *top, |group| found.entries[group].1);
                }
                write_entries(&found.entries, order.into_iter(), &mut out);
            }
        }
        out
    }

    /// No dimensions and no rows: counts are zero, everything else is null.
    fn write_empty(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (at, (label, _)) in self.columns.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            label.write(out);
            out.extend_from_slice(if self.counts[at] { b"0" } else { b"null" });
        }
        out.push(b'}');
    }
}

fn write_entries(entries: &[(Vec<u8>, Option<f64>)], order: impl Iterator<Item = usize>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, entry) in order.enumerate() {
        out.extend_from_slice(if at > 0 { b",{" } else { b"{" });
        out.extend_from_slice(&entries[entry].0);
        out.push(b'}');
    }
    out.push(b']');
}

fn is_count(measure: &Measure) -> bool {
    matches!(measure, Measure::Count(_) | Measure::Distinct(_))
}

fn number(kind: Type, raw: &[u8]) -> Option<f64> {
    value::float(kind, raw).or_else(|| value::integer(kind, raw).map(|value| value as f64))
}

fn shown(dataset: &Dataset, columns: &[model::section::Shown]) -> Vec<(Label, Type)> {
    columns
        .iter()
        .map(|shown| (label(&shown.name), dataset.columns[shown.column].column.kind))
        .collect()
}

fn measured(dataset: &Dataset, measures: &[model::section::Named]) -> Vec<(Label, Type)> {
    measures
        .iter()
        .map(|named| (label(&named.name), named.measure.kind(&dataset.columns)))
        .collect()
}
