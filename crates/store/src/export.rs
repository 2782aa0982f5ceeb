//! Revisions of a whole collection as a stream, in constant memory.

use model::{collection::Collection, expression::quote};
use tokio::time::Instant;

use crate::{
    error::Error,
    pool::Pool,
    query::{Query, Run},
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

/// An export that runs. Dropped before its end, its statement is cancelled.
pub struct Export<'a> {
    pool: &'a Pool,
    collection: &'a Collection,
    query: Query,
}

impl<'a> Export<'a> {
    /// Starts it.
    pub async fn start(
        pool: &'a Pool,
        collection: &'a Collection,
        what: What,
        deadline: Instant,
    ) -> Result<Export<'a>, Error> {
        let sql = statement(collection, what).into();
        let run = Run {
            what: &collection.name,
            sql: &sql,
            parameters: &[],
            deadline,
            abandoned: None,
        };
        let query = pool.run(run).await?;
        Ok(Export {
            pool,
            collection,
            query,
        })
    }

    /// The next revision, none at the end.
    pub async fn next(&mut self) -> Result<Option<Revision>, Error> {
        match self.query.next().await? {
            Some(row) => revision::read(self.pool, self.collection, &row).map(Some),
            None => Ok(None),
        }
    }
}

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
