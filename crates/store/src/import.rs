//! Many rows of a collection at once: one transaction, all or nothing, in constant memory.
//!
//! Rows go into a temporary table as they come, by COPY where the engine knows it, and a few statements at the end
//! make revisions of them. So the collection's tables are untouched until the last row is known to be good.

mod rows;
mod statement;

use jiff::Timestamp;
use model::collection::Collection;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::SqlState;

use self::rows::Rows;
use crate::{
    content::Content,
    error::Error,
    pool::{Lease, Pool},
    query::Counted,
    revision::{TOO_LONG, indexed},
    seed::Way,
};

/// Bad rows that are named; of the others there is a count.
pub const BAD_ROWS_MAX: usize = 100;

/// How often the rows are tried to be written while others write the same records.
const ATTEMPTS_MAX: usize = 3;

/// What the rows of an import are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A record each: a new one, or a new revision of the one that has its key, if it differs.
    Records,
    /// A revision each, with its number and times, of records that are not there: what an export of all
    /// revisions gives.
    Revisions,
}

/// One row to import.
#[derive(Clone, Debug)]
pub struct Row {
    /// The line it stands on, which a fault names.
    pub line: u64,
    /// Its columns.
    pub content: Content,
    /// What surrounds them.
    pub envelope: Envelope,
}

/// What Sidequest keeps beside the columns of a revision. Of an import of records only author and comment are
/// looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Its number.
    pub revision: i32,
    /// Since when it is known.
    pub recorded_at: Option<Timestamp>,
    /// Until when it was the newest; none: it is.
    pub superseded_at: Option<Timestamp>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Why.
    pub comment: Option<String>,
    /// It is a deletion.
    pub deleted: bool,
}

/// A row that cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BadRow {
    /// Its line; 0 where it is the rows as a whole.
    pub line: u64,
    /// Why.
    pub problem: String,
}

/// What became of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is there.
    Imported {
        /// Revisions that were added.
        revisions: u64,
    },
    /// Nothing is.
    Refused {
        /// The first bad rows, in the order of their lines.
        rows: Vec<BadRow>,
        /// How many are bad in all.
        count: u64,
    },
}

/// An import under way. Dropped before its end, nothing of it is left.
pub struct Import<'a> {
    pool: &'a Pool,
    collection: &'a Collection,
    kind: Kind,
    deadline: Instant,
    lease: Lease,
    rows: Rows,
    /// The rows on their way, as one statement.
    sending: Counted,
    sent: u64,
    bad: Vec<BadRow>,
    bad_count: u64,
}

impl<'a> Import<'a> {
    /// Begins a transaction that ends by the deadline.
    pub async fn begin(
        pool: &'a Pool,
        collection: &'a Collection,
        kind: Kind,
        deadline: Instant,
    ) -> Result<Import<'a>, Error> {
        Import::begin_by(Way::of(pool.caps()), pool, collection, kind, deadline).await
    }

    /// The same by a way that the caller chooses: tests hold that both do the same.
    pub async fn begin_by(
        way: Way,
        pool: &'a Pool,
        collection: &'a Collection,
        kind: Kind,
        deadline: Instant,
    ) -> Result<Import<'a>, Error> {
        let mut lease = pool.get(deadline).await?;
        // Whatever cuts this short leaves a transaction open: the connection is then nobody's.
        lease.spoiled = true;
        let sql = match way {
            Way::Copy => statement::copy(collection),
            Way::Insert => statement::insert(collection),
        };
        let sending = Counted::begin(pool, &what(collection), &sql.into());
        let begun = async {
            lease
                .client()
                .batch_execute(&statement::begin(collection))
                .await?;
            Rows::begin(lease.client(), collection, way).await
        };
        let rows = within(pool, collection, deadline, begun).await?;
        Ok(Import {
            pool,
            collection,
            kind,
            deadline,
            lease,
            rows,
            sending,
            sent: 0,
            bad: Vec::new(),
            bad_count: 0,
        })
    }

    /// Takes the next row. Waits while the database has not taken those before.
    pub async fn row(&mut self, row: &Row) -> Result<(), Error> {
        // Once one is bad, nothing will be written: the others are looked at by whoever reads them.
        if self.bad_count > 0 && self.kind == Kind::Revisions {
            return Ok(());
        }
        self.rows.push(self.collection, row);
        self.sent += 1;
        if !self.rows.is_full() {
            return Ok(());
        }
        let sent = self.rows.send(self.lease.client());
        within(self.pool, self.collection, self.deadline, sent).await
    }

    /// Tells of a row that cannot even be read. The import will be refused; further rows are looked at.
    pub fn refuse(&mut self, row: BadRow) {
        self.bad_count += 1;
        if self.bad.len() < BAD_ROWS_MAX {
            self.bad.push(row);
        }
    }

    /// How many rows were refused so far.
    pub fn refused(&self) -> u64 {
        self.bad_count
    }

    /// Makes revisions of the rows, or says which are bad.
    pub async fn finish(mut self) -> Result<Outcome, Error> {
        let (pool, collection, deadline) = (self.pool, self.collection, self.deadline);
        let ended = within(pool, collection, deadline, self.end()).await;
        match ended {
            Ok(revisions) if self.bad_count == 0 => {
                self.lease.spoiled = false;
                Ok(Outcome::Imported { revisions })
            }
            Ok(_) => {
                self.lease.spoiled = self.lease.client().batch_execute("rollback").await.is_err();
                self.bad.sort();
                Ok(Outcome::Refused {
                    rows: self.bad,
                    count: self.bad_count,
                })
            }
            Err(Error::Statement { source, .. }) if is_of_values(&source) => {
                let problem = match source.as_db_error() {
                    Some(said) if *said.code() == SqlState::PROGRAM_LIMIT_EXCEEDED => {
                        format!("`{}`: {}", indexed(collection), TOO_LONG)
                    }
                    Some(said) => said.message().to_owned(),
                    None => String::new(),
                };
                Ok(Outcome::Refused {
                    rows: vec![BadRow { line: 0, problem }],
                    count: 1,
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn end(&mut self) -> Result<u64, tokio_postgres::Error> {
        let client = self.lease.client();
        self.rows.finish(client).await?;
        self.sending.end(self.sent, false);
        // Of revisions that lack one another, every fault but the first is a guess.
        if self.bad_count > 0 && self.kind == Kind::Revisions {
            return Ok(0);
        }
        let sql = statement::bad(self.collection, self.kind).into();
        let mut counted = Counted::begin(self.pool, &what(self.collection), &sql);
        let found = client.query(&*sql, &[]).await?;
        counted.end(found.len() as u64, false);
        for row in &found {
            // The count stands in every row.
            let count: i64 = row.get(2);
            if self.bad.len() < BAD_ROWS_MAX {
                self.bad.push(BadRow {
                    line: u64::try_from(row.get::<_, i64>(0)).unwrap_or_default(),
                    problem: row.get(1),
                });
            }
            if std::ptr::eq(row, &found[0]) {
                self.bad_count += u64::try_from(count).unwrap_or_default();
            }
        }
        if self.bad_count > 0 {
            return Ok(0);
        }
        let mut attempt = 1;
        let revisions = loop {
            client.batch_execute("savepoint made").await?;
            match self.write(client).await {
                Ok(revisions) => break revisions,
                // Somebody wrote one of these records at the same time: now that is known.
                Err(error) if attempt < ATTEMPTS_MAX && has_met_another(&error) => {
                    attempt += 1;
                    client.batch_execute("rollback to savepoint made").await?;
                }
                Err(error) => return Err(error),
            }
        };
        let mut counted = Counted::begin(self.pool, &what(self.collection), &"commit".into());
        client.batch_execute("commit").await?;
        counted.end(0, false);
        self.pool.metric().statements.add(1);
        Ok(u64::try_from(revisions).unwrap_or_default())
    }

    /// How many revisions were made of the rows.
    async fn write(&self, client: &tokio_postgres::Client) -> Result<i64, tokio_postgres::Error> {
        let mut revisions = 0;
        for sql in statement::write(self.collection, self.kind) {
            let mut counted = Counted::begin(self.pool, &what(self.collection), &sql.as_str().into());
            revisions += client.query_one(&sql, &[]).await?.get::<_, i64>(0);
            counted.end(1, false);
        }
        Ok(revisions)
    }
}

/// Two writers met, and another attempt may succeed.
fn has_met_another(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        *code == SqlState::T_R_DEADLOCK_DETECTED
            || *code == SqlState::T_R_SERIALIZATION_FAILURE
            || *code == SqlState::UNIQUE_VIOLATION
    })
}

/// The values do not fit: a computed column, a constraint of somebody's own, or an index.
fn is_of_values(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        let class = code.code();
        class.starts_with("22") || class.starts_with("23") || *code == SqlState::PROGRAM_LIMIT_EXCEEDED
    })
}

/// As errors, metrics and traces name it.
fn what(collection: &Collection) -> String {
    format!("import of {}", collection.name)
}

async fn within<T>(
    pool: &Pool,
    collection: &Collection,
    deadline: Instant,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Error> {
    let (database, what) = (pool.database().to_owned(), what(collection));
    match timeout_at(deadline, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(source)) => Err(Error::Statement {
            database,
            what,
            source,
        }),
        Err(_) => Err(Error::Deadline { database, what }),
    }
}
