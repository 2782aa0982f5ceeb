//! Sections of own SQL: one statement for all ids, a row straight into JSON.

use std::{collections::HashMap, sync::Arc};

use model::{column::Column, section::Own};
use store::{
    id::Ids,
    query::{Abandoned, Run, raw},
    value,
};

use crate::{
    batch::{Answer, Delivery},
    document::Timing,
    error::Error,
    layout::{Label, label},
    sql::{self, Asked, parameters},
};

/// A section of own SQL, ready to run.
#[derive(Debug)]
pub(crate) struct OwnWork {
    name: Arc<str>,
    sql: Arc<str>,
    object: Column,
    columns: Vec<(Label, Column)>,
    single: bool,
}

impl OwnWork {
    pub(crate) fn new(name: Arc<str>, own: &Own) -> OwnWork {
        OwnWork {
            name,
            sql: sql::own(own).into(),
            object: own.object.clone(),
            columns: own
                .columns
                .iter()
                .map(|column| (label(&column.name), column.clone()))
                .collect(),
            single: own.single,
        }
    }

    /// Runs it for all ids and delivers each object's rows.
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
        // By object: its rows so far, or what does not fit. Rows of one object need not stand together here.
        let mut found: HashMap<String, Result<Vec<u8>, String>> = HashMap::new();
        while let Some(row) = query.next().await.map_err(failed)? {
            let Some(id) = raw(&row, 0).and_then(|bytes| value::key(self.object.kind, bytes)) else {
                continue;
            };
            let rows = found.entry(id).or_insert_with(|| Ok(Vec::new()));
            let Ok(out) = rows else { continue };
            if self.single && !out.is_empty() {
                continue;
            }
            if !out.is_empty() {
                out.push(b',');
            }
            if let Err(problem) = self.write(&row, out) {
                *rows = Err(problem);
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
            let answer = match found.remove(&*id) {
                Some(Err(problem)) => Err(Error::Row {
                    source_name: self.name.clone(),
                    id: id.clone(),
                    problem,
                }),
                Some(Ok(rows)) => Ok(self.answer(&rows, timing)),
                None => Ok(self.answer(&[], timing)),
            };
            delivery.deliver(&id, &answer);
        }
        Ok(())
    }

    fn write(&self, row: &tokio_postgres::Row, out: &mut Vec<u8>) -> Result<(), String> {
        out.push(b'{');
        for (at, (label, column)) in self.columns.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            label.write(out);
            if !value::write_json(column.kind, raw(row, at + 1), out) {
                return Err(format!(
                    "column `{}` is not of type {}",
                    column.name,
                    column.kind.name()
                ));
            }
        }
        out.push(b'}');
        Ok(())
    }

    fn answer(&self, rows: &[u8], timing: Timing) -> Arc<Answer> {
        let bytes = match (self.single, rows.is_empty()) {
            (true, true) => b"null".to_vec(),
            (true, false) => rows.to_vec(),
            (false, _) => [b"[", rows, b"]"].concat(),
        };
        let end = bytes.len() as u32;
        Arc::new(Answer::new(bytes, vec![end], timing))
    }
}
