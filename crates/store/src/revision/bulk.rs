//! Many writes at once: one transaction, all or nothing.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use model::{collection::Collection, column::Type};
use tokio::time::{Instant, timeout_at};

use super::{
    ATTEMPTS_MAX, Bound, Change, Parameters, Refusal, Written, is_passing, one, refused, statement, why,
    written,
};
use crate::{
    error::Error,
    pool::{Lease, Pool},
    query::Counted,
};

/// Writes of one transaction at most; more are an import.
pub const BULK_MAX: usize = 10_000;

/// Statements sent before the first is answered.
const PIPELINED_MAX: usize = 100;

/// A bulk write that was refused: nothing of it was written.
#[derive(Debug, thiserror::Error)]
#[error("write many changes")]
pub struct RefusedBulk {
    /// Which change, from 0; none where it is the whole.
    pub index: Option<usize>,
    /// Why.
    #[source]
    pub refusal: Refusal,
}

/// Writes all changes in one transaction, or none. A key stands in it once. What each wrote, in the order given.
pub async fn write_all(
    pool: &Pool,
    collection: &Collection,
    changes: &[Change],
    deadline: Instant,
) -> Result<Vec<Written>, RefusedBulk> {
    let whole = |error: Error| RefusedBulk {
        index: None,
        refusal: Refusal::Store(error),
    };
    let mut attempt = 1;
    loop {
        let mut lease = pool.get(deadline).await.map_err(whole)?;
        let ended = {
            // Whatever cuts this short leaves a transaction open: the connection is then nobody's.
            lease.spoiled = true;
            let job = Job {
                pool,
                collection,
                changes,
            };
            timeout_at(deadline, job.run(&mut lease)).await
        };
        let failure = match ended {
            Ok(Ok(written)) => {
                lease.spoiled = false;
                return Ok(written);
            }
            Ok(Err(failure)) => failure,
            Err(_) => {
                return Err(whole(Error::Deadline {
                    database: pool.database().to_owned(),
                    what: collection.name.clone(),
                }));
            }
        };
        lease.spoiled = lease.client().batch_execute("rollback").await.is_err();
        drop(lease);
        match failure {
            Failure::Statement(_, error) if is_passing(&error) && attempt < ATTEMPTS_MAX => attempt += 1,
            Failure::Statement(index, error) => {
                return Err(RefusedBulk {
                    index: Some(index).filter(|index| *index < changes.len()),
                    refusal: match changes.get(index) {
                        Some(change) => refused(collection, &change.key, error),
                        None => Refusal::Store(error),
                    },
                });
            }
            Failure::Nothing(index) => {
                let current = one(pool, collection, &changes[index].key, Bound::Newest, deadline)
                    .await
                    .map_err(whole)?;
                match why(&changes[index], current) {
                    Some(refusal) => {
                        return Err(RefusedBulk {
                            index: Some(index),
                            refusal,
                        });
                    }
                    None if attempt < ATTEMPTS_MAX => attempt += 1,
                    None => {
                        return Err(whole(Error::Shape {
                            database: pool.database().to_owned(),
                            what: collection.name.clone(),
                            problem: format!(
                                "record {} changes faster than it can be written",
                                changes[index].key
                            ),
                        }));
                    }
                }
            }
        }
    }
}

/// Why a transaction was given up.
enum Failure {
    /// The change's statement failed.
    Statement(usize, Error),
    /// The change wrote nothing.
    Nothing(usize),
}

struct Job<'a> {
    pool: &'a Pool,
    collection: &'a Collection,
    changes: &'a [Change],
}

impl Job<'_> {
    async fn run(&self, lease: &mut Lease) -> Result<Vec<Written>, Failure> {
        let all = |source| Failure::Statement(self.changes.len(), self.failed(source));
        lease.client().batch_execute("begin").await.map_err(all)?;
        // In the order of the keys, and the versions after all records: then no two of these wait for each other.
        let has_numbers = matches!(self.collection.key_type(), Type::Int2 | Type::Int4 | Type::Int8);
        let mut order: Vec<usize> = (0..self.changes.len()).collect();
        let typed = |at: &usize| {
            let key = &self.changes[*at].key;
            (key.parse::<i64>().ok().filter(|_| has_numbers), key.clone())
        };
        order.sort_by_cached_key(typed);
        let mut done: Vec<Option<Written>> = vec![None; self.changes.len()];
        let mut objects = BTreeSet::new();
        for chunk in order.chunks(PIPELINED_MAX) {
            let mut prepared = Vec::with_capacity(chunk.len());
            for index in chunk {
                let sql = statement::of(
                    self.collection,
                    &self.changes[*index].write,
                    statement::Versions::Returned,
                );
                let statement = lease.prepare(&sql).await.map_err(all)?;
                prepared.push((sql, statement));
            }
            // They go out together, so they are one to look at.
            let counted = prepared
                .first()
                .map(|(sql, _)| Counted::begin(self.pool, &self.what(), sql));
            let client = lease.client();
            let sent = chunk.iter().zip(&prepared).map(async |(index, (_, statement))| {
                let parameters = Parameters::new(self.collection, &self.changes[*index]);
                let rows = client
                    .query(statement, &parameters.borrowed())
                    .await
                    .map_err(|source| Failure::Statement(*index, self.failed(source)))?;
                let row = rows.into_iter().next().ok_or(Failure::Nothing(*index))?;
                Ok((*index, row))
            });
            // In the order in which they were sent: what fails after the first says only that the first did.
            for answer in join_all(sent).await {
                let (index, row) = answer?;
                let wrote = written(self.pool, self.collection, &row);
                done[index] = Some(wrote.map_err(|error| Failure::Statement(index, error))?);
                let (before, now): (Option<String>, Option<String>) = (row.get(2), row.get(3));
                objects.extend([before.map(Some), Some(now)].into_iter().flatten());
            }
            if let Some(mut counted) = counted {
                counted.end(chunk.len() as u64, false);
            }
            self.pool.metric().statements.add(chunk.len() as u64);
        }
        let objects: Vec<Option<String>> = objects.into_iter().collect();
        let sql = statement::raise();
        let raise = lease.prepare(&sql).await.map_err(all)?;
        self.pool.metric().statements.add(1);
        let mut counted = Counted::begin(self.pool, &self.what(), &sql);
        lease.client().execute(&raise, &[&objects]).await.map_err(all)?;
        counted.end(0, false);
        let mut counted = Counted::begin(self.pool, &self.what(), &"commit".into());
        lease.client().batch_execute("commit").await.map_err(all)?;
        counted.end(0, false);
        Ok(done.into_iter().flatten().collect())
    }

    /// As metrics and traces name it.
    fn what(&self) -> String {
        format!("changes of {}", self.collection.name)
    }

    fn failed(&self, source: tokio_postgres::Error) -> Error {
        Error::Statement {
            database: self.pool.database().to_owned(),
            what: self.collection.name.clone(),
            source,
        }
    }
}
