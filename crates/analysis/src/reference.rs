//! Reference datasets: small tables of another database that rows are joined to by key.

use std::{collections::HashMap, hash::BuildHasherDefault, sync::Arc};

use model::{
    dataset::{Dataset, JOIN_PAIRS_MAX},
    model::Model,
};
use postgres_types::ToSql;
use rustc_hash::FxHasher;
use store::{
    open::Store,
    query::{Query, Run, raw},
};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    cell::{NULL_INTEGER, NULL_TEXT},
    dictionary::Dictionary,
    error::Error,
    layout::{Layout, LayoutJoin},
    metric::Metric,
    sql,
    table::{Column, Table},
};

type Index = HashMap<[i64; JOIN_PAIRS_MAX], u32, BuildHasherDefault<FxHasher>>;

/// A reference dataset in memory, found by some of its columns.
pub(crate) struct Reference {
    /// By column of the dataset; those that nobody joins stay empty.
    columns: Vec<Column>,
    dictionaries: Vec<Dictionary>,
    index: Index,
}

/// The references of an engine, kept while their version is the same.
pub(crate) struct References {
    model: Arc<Model>,
    store: Arc<Store>,
    metric: Arc<Metric>,
    keep: bool,
    /// By dataset and the columns it is found by.
    kept: Mutex<HashMap<(usize, Vec<usize>), Kept>>,
}

struct Kept {
    version: String,
    reference: Arc<Reference>,
}

impl Reference {
    fn new(dataset: &Dataset) -> Reference {
        Reference {
            columns: dataset
                .columns
                .iter()
                .map(|column| Column::new(column.column.kind))
                .collect(),
            dictionaries: dataset.columns.iter().map(|_| Dictionary::new()).collect(),
            index: Index::default(),
        }
    }

    pub(crate) fn column(&self, column: usize) -> &Column {
        &self.columns[column]
    }

    pub(crate) fn dictionary(&self, column: usize) -> &Dictionary {
        &self.dictionaries[column]
    }

    /// The first row with this key.
    #[inline]
    pub(crate) fn find(&self, key: &[i64; JOIN_PAIRS_MAX]) -> Option<usize> {
        self.index.get(key).map(|row| *row as usize)
    }

    /// Reads all rows of a statement whose columns are the dataset's, in order.
    async fn read(
        dataset: &Dataset,
        on: &[usize],
        mut query: Query,
    ) -> Result<Reference, store::error::Error> {
        let mut reference = Reference::new(dataset);
        let mut rows = 0u32;
        while let Some(row) = query.next().await? {
            for (at, column) in dataset.columns.iter().enumerate() {
                let kind = column.column.kind;
                reference.columns[at]
                    .push(kind, raw(&row, at), &mut reference.dictionaries[at])
                    .map_err(|problem| store::error::Error::Shape {
                        database: String::new(),
                        what: dataset.name.clone(),
                        problem: format!("column `{}` {problem}", column.column.name),
                    })?;
            }
            if let Some(key) = reference.key(on, rows as usize) {
                reference.index.entry(key).or_insert(rows);
            }
            rows += 1;
        }
        Ok(reference)
    }

    /// None where a part is null: null equals nothing.
    fn key(&self, on: &[usize], row: usize) -> Option<[i64; JOIN_PAIRS_MAX]> {
        let mut key = [0; JOIN_PAIRS_MAX];
        for (at, column) in on.iter().enumerate() {
            key[at] = match &self.columns[*column] {
                Column::Integer(values) if values[row] != NULL_INTEGER => values[row],
                Column::Text(codes) if codes[row] != NULL_TEXT => i64::from(codes[row]),
                _ => return None,
            };
        }
        Some(key)
    }
}

impl References {
    pub(crate) fn new(model: Arc<Model>, store: Arc<Store>, metric: Arc<Metric>, keep: bool) -> References {
        References {
            model,
            store,
            metric,
            keep,
            kept: Mutex::new(HashMap::new()),
        }
    }

    /// The references of a layout's joins, read whole or kept from before.
    pub(crate) async fn whole(
        &self,
        joins: &[LayoutJoin],
        deadline: Instant,
    ) -> Result<Vec<Option<Arc<Reference>>>, Error> {
        let mut references = Vec::with_capacity(joins.len());
        for join in joins {
            let on: Vec<usize> = join.on.iter().map(|(_, column)| *column).collect();
            references.push(Some(self.one(join.dataset, on, deadline).await?));
        }
        Ok(references)
    }

    async fn one(&self, at: usize, on: Vec<usize>, deadline: Instant) -> Result<Arc<Reference>, Error> {
        let version = if self.keep {
            self.version(at, deadline).await?
        } else {
            None
        };
        let Some(version) = version else {
            return self.read(at, &on, deadline).await;
        };
        // The lock is held while reading, so that those who wait for the same version read it once. Who holds a
        // connection never waits for it.
        let mut kept = self.kept.lock().await;
        if let Some(known) = kept
            .get(&(at, on.clone()))
            .filter(|known| known.version == version)
        {
            self.metric.references_kept.add(1);
            return Ok(known.reference.clone());
        }
        let reference = self.read(at, &on, deadline).await?;
        kept.insert(
            (at, on),
            Kept {
                version,
                reference: reference.clone(),
            },
        );
        Ok(reference)
    }

    /// The version before the rows are read: rows that change meanwhile are read again next time.
    async fn version(&self, at: usize, deadline: Instant) -> Result<Option<String>, Error> {
        let dataset = &self.model.datasets[at];
        let Some(version) = &dataset.version else {
            return Ok(None);
        };
        let sql: Arc<str> = format!("select ({})::text", version.text).into();
        let run = Run {
            what: &dataset.name,
            sql: &sql,
            parameters: &[],
            deadline,
            abandoned: None,
        };
        let rows = self
            .store
            .pool(dataset.database)
            .rows(run)
            .await
            .map_err(|source| failed(dataset, source))?;
        let text = rows
            .first()
            .and_then(|row| raw(row, 0))
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        Ok(Some(text.unwrap_or_default()))
    }

    async fn read(&self, at: usize, on: &[usize], deadline: Instant) -> Result<Arc<Reference>, Error> {
        let dataset = &self.model.datasets[at];
        self.metric.references_read.add(1);
        let columns: Vec<usize> = (0..dataset.columns.len()).collect();
        let sql: Arc<str> = sql::dataset(dataset, &columns).into();
        let run = Run {
            what: &dataset.name,
            sql: &sql,
            parameters: &[],
            deadline,
            abandoned: None,
        };
        let reference = async {
            let query = self.store.pool(dataset.database).run(run).await?;
            Reference::read(dataset, on, query).await
        };
        reference
            .await
            .map(Arc::new)
            .map_err(|source| failed(dataset, source))
    }

    /// Only the rows that the table's rows join to: what a program without a plan for all would ask for.
    pub(crate) async fn matching(
        &self,
        layout: &Layout,
        table: &Table,
        deadline: Instant,
    ) -> Result<Vec<Option<Arc<Reference>>>, Error> {
        let mut references = Vec::with_capacity(layout.joins.len());
        for join in &layout.joins {
            let dataset = &self.model.datasets[join.dataset];
            let on: Vec<usize> = join.on.iter().map(|(_, column)| *column).collect();
            let keys: Vec<Vec<Option<String>>> = key_texts(table, join);
            let columns: Vec<usize> = (0..dataset.columns.len()).collect();
            let sql: Arc<str> = sql::reference_by_keys(dataset, &columns, &on).into();
            let parameters: Vec<&(dyn ToSql + Sync)> =
                keys.iter().map(|key| key as &(dyn ToSql + Sync)).collect();
            let run = Run {
                what: &dataset.name,
                sql: &sql,
                parameters: &parameters,
                deadline,
                abandoned: None,
            };
            let read = async {
                let query = self.store.pool(dataset.database).run(run).await?;
                Reference::read(dataset, &on, query).await
            };
            references.push(Some(Arc::new(
                read.await.map_err(|source| failed(dataset, source))?,
            )));
        }
        Ok(references)
    }
}

/// The distinct keys of a table's rows, a list of texts for each pair.
fn key_texts(table: &Table, join: &LayoutJoin) -> Vec<Vec<Option<String>>> {
    let mut keys: Vec<Vec<Option<String>>> = (0..table.rows)
        .map(|row| {
            join.on
                .iter()
                .map(|(slot, _)| {
                    let mut text = Vec::new();
                    table.write(*slot, row, &mut text);
                    let text = String::from_utf8_lossy(&text).into_owned();
                    (text != "null").then(|| serde_json::from_str::<String>(&text).unwrap_or(text))
                })
                .collect()
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    (0..join.on.len())
        .map(|pair| keys.iter().map(|key| key[pair].clone()).collect())
        .collect()
}

fn failed(dataset: &Dataset, source: store::error::Error) -> Error {
    Error::Store {
        source_name: dataset.name.as_str().into(),
        source: Arc::new(source),
    }
}
