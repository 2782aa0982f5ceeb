//! Revisions of a whole collection as a stream, in constant memory.

use std::sync::Arc;

use model::{collection::Collection, expression::quote};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;

use crate::{
    error::Error,
    pool::{Lease, Pool},
    query::Counted,
    revision::{self, Revision},
};

/// Which revisions to export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The newest of each record that is not deleted, in the order of the keys.
    Newest,
    /// All, deletions among them, in the order of keys and revisions.
    All,
}

/// Revisions that are fetched at once: a slow reader keeps no statement running, only its transaction.
const FETCHED: usize = 1000;

/// An export that runs, in a transaction of its own: one snapshot, whatever is written meanwhile.
pub struct Export<'a> {
    pool: &'a Pool,
    collection: &'a Collection,
    lease: Lease,
    deadline: Instant,
    sql: Arc<str>,
    fetched: std::vec::IntoIter<Row>,
    is_over: bool,
}

impl<'a> Export<'a> {
    /// Starts it.
    pub async fn start(
        pool: &'a Pool,
        collection: &'a Collection,
        what: What,
        deadline: Instant,
    ) -> Result<Export<'a>, Error> {
        let mut lease = pool.get(deadline).await?;
        // Whatever cuts this short leaves a transaction open: the connection is then nobody's.
        lease.spoiled = true;
        let sql: Arc<str> = statement(collection, what).into();
        let export = Export {
            pool,
            collection,
            lease,
            deadline,
            sql,
            fetched: Vec::new().into_iter(),
            is_over: false,
        };
        // Sorting all revisions may take longer than a request has.
        let begin = format!(
            "begin read only; set local statement_timeout to 0; declare {CURSOR} no scroll cursor for {}",
            export.sql
        );
        let begun = export.lease.client().batch_execute(&begin);
        export.within(begun).await?;
        Ok(export)
    }

    /// The next revision, none at the end.
    pub async fn next(&mut self) -> Result<Option<Revision>, Error> {
        if self.fetched.len() == 0 && !self.is_over {
            let fetch = format!("fetch forward {FETCHED} from {CURSOR}");
            // Each part alone: between them it is the client that takes its time.
            let mut counted = Counted::begin(self.pool, &self.what(), &self.sql);
            let fetched = self.lease.client().query(&fetch, &[]);
            let rows = self.within(fetched).await?;
            counted.end(rows.len() as u64, false);
            self.pool.metric().statements.add(1);
            self.pool.metric().rows.add(rows.len() as u64);
            self.is_over = rows.len() < FETCHED;
            if self.is_over {
                let ended = self.lease.client().batch_execute("commit");
                self.within(ended).await?;
                self.lease.spoiled = false;
            }
            self.fetched = rows.into_iter();
        }
        let row = self.fetched.next();
        row.map(|row| revision::read(self.pool, self.collection, &row))
            .transpose()
    }

    /// As errors, metrics and traces name it.
    fn what(&self) -> String {
        format!("export of {}", self.collection.name)
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Error> {
        let database = self.pool.database().to_owned();
        let what = self.what();
        match timeout_at(self.deadline, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(source)) => Err(Error::Statement {
                database,
                what,
                source,
            }),
            Err(_) => Err(Error::Deadline { database, what }),
        }
    }
}

/// Of its transaction alone.
const CURSOR: &str = "sidequest_export";

fn statement(collection: &Collection, what: What) -> String {
    let key = quote(collection.key_name());
    let (now, then) = (
        revision::columns(collection, "null::timestamptz"),
        revision::columns(collection, "superseded_at"),
    );
    let (current, history) = (collection.current(), collection.history());
    match what {
        What::Newest => format!("select {now} from {current} where not deleted order by {key}"),
        What::All => format!(
            "select {then}, {key} as k from {history} union all select {now}, {key} as k from {current} \
             order by k, revision"
        ),
    }
}
