//! Analyses as they were known at an instant: the model over the past, and whether that can still change.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;
use model::{
    model::Model,
    plan::{Part, Plan},
    section::{Kind, Section},
};
use store::{open::Store, query::Run};
use tokio::time::Instant;

use crate::error::Error;

/// The same model, its statements over collections in braces as they were known at `$2`.
///
/// References stay as they are: they are read as they are now.
pub(crate) fn model(present: &Model) -> Model {
    let mut past = present.clone();
    for dataset in &mut past.datasets {
        if let Some(sql) = dataset.sql.as_of.take() {
            dataset.sql.text = sql;
        }
    }
    past
}

/// The parts of a plan over the past; an error names the first source that is known only as it is now.
pub(crate) fn parts(present: &Model, plan: &Plan) -> Result<Vec<Part>, Error> {
    plan.parts
        .iter()
        .map(|part| {
            let mut section = Section::clone(&part.section);
            let not_kept = |name: &str| Error::NotKept {
                source_name: name.into(),
            };
            let dataset = match &mut section.kind {
                Kind::Rows(rows) => rows.dataset,
                Kind::Groups(groups) => groups.dataset,
                Kind::Series(series) => series.dataset,
                Kind::Own(own) => {
                    let name = part.section.name();
                    own.sql.text = own.sql.as_of.take().ok_or_else(|| not_kept(&name))?;
                    let mut part = part.clone();
                    part.section = Arc::new(section);
                    return Ok(part);
                }
            };
            let dataset = &present.datasets[dataset];
            match dataset.sql.as_of {
                Some(_) => Ok(part.clone()),
                None => Err(not_kept(&dataset.name)),
            }
        })
        .collect()
}

/// Up to when the past of each database is settled: no write that is still running can add to it.
pub(crate) struct Horizons(Vec<AtomicI64>);

impl Horizons {
    pub(crate) fn new(databases: usize) -> Horizons {
        Horizons((0..databases).map(|_| AtomicI64::new(i64::MIN)).collect())
    }

    /// Whether what was known at the instant is known for ever. Asks the database only about instants later
    /// than any it has settled before.
    pub(crate) async fn is_settled(
        &self,
        store: &Store,
        database: usize,
        instant: Timestamp,
        deadline: Instant,
    ) -> bool {
        let horizon = &self.0[database];
        if instant.as_microsecond() < horizon.load(Ordering::Relaxed) {
            return true;
        }
        // Of the future no database need be asked.
        if instant >= Timestamp::now() {
            return false;
        }
        // An engine that does not know its running transactions has none of its past settled, which is slow
        // and never wrong.
        let Some(settled) = look(store, database, deadline).await else {
            return false;
        };
        horizon.fetch_max(settled, Ordering::Relaxed);
        instant.as_microsecond() < settled
    }
}

/// Before the beginning of the oldest transaction that runs, as each write is recorded after its own began. One that
/// is not listed yet began after this statement did.
async fn look(store: &Store, database: usize, deadline: Instant) -> Option<i64> {
    // Others may list no transactions at all.
    if store.pool(database).caps().engine.name() != "PostgreSQL" {
        return None;
    }
    let sql: Arc<str> = "select (extract(epoch from least(statement_timestamp(), min(xact_start))) * 1000000)::int8, \
        count(*) filter (where query = '<insufficient privilege>' or state = 'disabled') + (select count(*) from pg_prepared_xacts p \
        where p.database = current_database()) \
        from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        .into();
    let run = Run {
        what: "running transactions",
        sql: &sql,
        parameters: &[],
        deadline,
        abandoned: None,
    };
    let rows = store.pool(database).rows(run).await.ok()?;
    let row = rows.first()?;
    let unseen: i64 = row.get(1);
    (unseen == 0).then(|| row.get(0))
}
