//! Revisions: every write adds one, and none is ever overwritten.
//!
//! A write names the revision it replaces and is one statement; a bulk write is one transaction. The SQL and
//! the reasons for it are in [`statement`]; what each answer of PostgreSQL means is decided here.

mod bulk;
pub mod difference;
mod read;
mod statement;

use std::sync::Arc;

use jiff::Timestamp;
use model::collection::Collection;
use postgres_types::ToSql;
use tokio::time::Instant;
use tokio_postgres::{Row, error::SqlState};

pub(crate) use self::read::{columns, read};
pub use self::{
    bulk::{BULK_MAX, RefusedBulk, write_all},
    read::{Bound, Revision, get, history, one},
};
use crate::{
    content::{Content, Part},
    error::Error,
    pool::Pool,
    query::Run,
};

/// How often a statement is repeated that met a writer of the same instant. Each time another has got on; eight
/// that create and delete one record at once, on a busy machine, needed more than five.
const ATTEMPTS_MAX: usize = 20;

/// A new revision of one record.
#[derive(Clone, Debug)]
pub struct Change {
    /// The record's key in canonical text.
    pub key: Arc<str>,
    /// What happens to it.
    pub write: Write,
    /// Who writes it.
    pub author: Option<String>,
    /// Why.
    pub comment: Option<String>,
}

/// What happens to a record. `expected` is the revision that the writer has seen, and replaces.
#[derive(Clone, Debug)]
pub enum Write {
    /// The first revision, or the first after a deletion, whose numbers go on.
    Create(Content),
    /// Other content.
    Replace {
        /// The revision it replaces.
        expected: i32,
        /// All of its columns.
        content: Content,
    },
    /// Other content in some columns.
    Patch {
        /// The revision it replaces.
        expected: i32,
        /// The columns that change.
        part: Part,
    },
    /// A deletion, which is a revision too, with the content of the one before.
    Delete {
        /// The revision it replaces.
        expected: i32,
    },
    /// The content of an older revision again.
    Revert {
        /// The revision it replaces.
        expected: i32,
        /// The revision whose content returns.
        to: i32,
    },
}

/// A revision that is there for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub revision: i32,
    /// Since when it is known.
    pub recorded_at: Timestamp,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Another revision has come, or the record to create is there: `412`, with the current one.
    #[error("replace a revision of {} that is not the newest: that is {}", current.key, current.revision)]
    Conflict {
        /// The newest revision.
        current: Box<Revision>,
    },
    /// There is no such record, or it is deleted: `404`.
    #[error("find record {key}")]
    NotFound {
        /// Its key.
        key: Arc<str>,
        /// The revision that deleted it, if it was ever there.
        deleted: Option<Box<Revision>>,
    },
    /// The revision to return to is not there, or is a deletion.
    #[error("find revision {to} of record {key} with content to return to")]
    NoRevision {
        /// The record's key.
        key: Arc<str>,
        /// The revision asked for.
        to: i32,
    },
    /// PostgreSQL refuses the values: a computed column cannot be computed of them, a constraint of somebody's
    /// own forbids them, or one is too long for an index.
    #[error("keep record {key}: {problem}")]
    Invalid {
        /// The record's key.
        key: Arc<str>,
        /// The column, where it is known; else empty.
        field: String,
        /// What is wrong, mostly in PostgreSQL's words.
        problem: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Writes one revision: one statement.
pub async fn write(
    pool: &Pool,
    collection: &Collection,
    change: &Change,
    deadline: Instant,
) -> Result<Written, Refusal> {
    let statement = statement::of(collection, &change.write, statement::Versions::Raised);
    for _ in 0..ATTEMPTS_MAX {
        let parameters = Parameters::new(collection, change);
        let parameters = parameters.borrowed();
        let run = Run {
            what: &collection.name,
            sql: &statement,
            parameters: &parameters,
            deadline,
            abandoned: None,
        };
        let rows = match pool.rows(run).await {
            Ok(rows) => rows,
            Err(error) if is_passing(&error) => continue,
            Err(error) => return Err(refused(collection, &change.key, error)),
        };
        if let Some(row) = rows.first() {
            return written(pool, collection, row).map_err(Refusal::Store);
        }
        let current = one(pool, collection, &change.key, Bound::Newest, deadline).await?;
        if let Some(refusal) = why(change, current) {
            return Err(refusal);
        }
    }
    Err(Refusal::Store(Error::Shape {
        database: pool.database().to_owned(),
        what: collection.name.clone(),
        problem: format!("record {} changes faster than it can be written", change.key),
    }))
}

/// What a statement that wrote nothing met; none: what it met has changed again, so it is repeated.
fn why(change: &Change, current: Option<Revision>) -> Option<Refusal> {
    let key = change.key.clone();
    let Some(current) = current.map(Box::new) else {
        return match change.write {
            Write::Create(_) => None,
            Write::Replace { .. } | Write::Patch { .. } | Write::Delete { .. } | Write::Revert { .. } => {
                Some(Refusal::NotFound { key, deleted: None })
            }
        };
    };
    match &change.write {
        Write::Create(_) => (!current.deleted).then_some(Refusal::Conflict { current }),
        Write::Replace { .. } | Write::Patch { .. } | Write::Delete { .. } | Write::Revert { .. }
            if current.deleted =>
        {
            let deleted = Some(current);
            Some(Refusal::NotFound { key, deleted })
        }
        Write::Replace { expected, .. } | Write::Patch { expected, .. } | Write::Delete { expected } => {
            (current.revision != *expected).then_some(Refusal::Conflict { current })
        }
        Write::Revert { expected, to } => Some(match current.revision == *expected {
            true => Refusal::NoRevision { key, to: *to },
            false => Refusal::Conflict { current },
        }),
    }
}

/// A failure that the same statement need not meet again: an insert met a deletion that was being committed
/// (the history row then lacks what it supersedes), or the engine asks for a repetition.
fn is_passing(error: &Error) -> bool {
    let Error::Statement { source, .. } = error else {
        return false;
    };
    let Some(said) = source.as_db_error() else {
        return false;
    };
    let code = said.code();
    // Which column is named depends on the order in which the table has them.
    let met_deletion = *code == SqlState::NOT_NULL_VIOLATION
        && said.table().is_some_and(|table| table.ends_with("_history"));
    met_deletion || *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
}

/// A failure of a write: of its values, or of the database.
fn refused(collection: &Collection, key: &Arc<str>, error: Error) -> Refusal {
    if let Error::Statement { source, .. } = &error
        && let Some(said) = source.as_db_error()
    {
        let code = said.code();
        // This key stops every wrong write: the two tables disagree.
        if *code == SqlState::UNIQUE_VIOLATION
            && said.table().is_some_and(|table| table.ends_with("_history"))
        {
            tracing::error!(
                table = said.table(),
                "the tables of a collection disagree: a revision is there twice"
            );
            return Refusal::Store(error);
        }
        if *code == SqlState::PROGRAM_LIMIT_EXCEEDED {
            return Refusal::Invalid {
                key: key.clone(),
                field: indexed(collection).to_owned(),
                problem: TOO_LONG.to_owned(),
            };
        }
        if code.code().starts_with("22") || code.code().starts_with("23") {
            return Refusal::Invalid {
                key: key.clone(),
                field: String::new(),
                problem: said.message().to_owned(),
            };
        }
    }
    Refusal::Store(error)
}

/// What is wrong with a value that no index takes. PostgreSQL compresses it first, so its length alone does not say.
pub(crate) const TOO_LONG: &str =
    "expected a shorter text: an index holds about 2,700 bytes of it, compressed";

/// The column whose value can be too long for an index: a key is short before it comes here, a time always.
pub(crate) fn indexed(collection: &Collection) -> &str {
    let revisions = collection.revisions.as_ref();
    let object = revisions.map_or(collection.key, |revisions| revisions.object);
    &collection.columns[object].name
}

fn written(pool: &Pool, collection: &Collection, row: &Row) -> Result<Written, Error> {
    let recorded_at = read::instant(row, 1).ok_or_else(|| Error::Shape {
        database: pool.database().to_owned(),
        what: collection.name.clone(),
        problem: "a written revision has no time".to_owned(),
    })?;
    Ok(Written {
        revision: row.get(0),
        recorded_at,
    })
}

/// The parameters of a write, in the order of [`statement`].
struct Parameters<'a> {
    key: &'a str,
    expected: i32,
    author: Option<&'a str>,
    comment: Option<&'a str>,
    rest: Rest<'a>,
}

enum Rest<'a> {
    Create(Vec<Option<&'a str>>),
    Update {
        deleted: bool,
        given: Vec<bool>,
        values: Vec<Option<&'a str>>,
    },
    Revert {
        to: i32,
    },
}

impl<'a> Parameters<'a> {
    fn new(collection: &Collection, change: &'a Change) -> Parameters<'a> {
        let columns = statement::written(collection);
        let (expected, rest) = match &change.write {
            Write::Create(content) => (
                0,
                Rest::Create(
                    columns
                        .iter()
                        .map(|column| content.values[*column].as_deref())
                        .collect(),
                ),
            ),
            Write::Replace { expected, content } => (
                *expected,
                Rest::Update {
                    deleted: false,
                    given: vec![true; columns.len()],
                    values: columns
                        .iter()
                        .map(|column| content.values[*column].as_deref())
                        .collect(),
                },
            ),
            Write::Patch { expected, part } => (
                *expected,
                Rest::Update {
                    deleted: false,
                    given: columns
                        .iter()
                        .map(|column| part.values[*column].is_some())
                        .collect(),
                    values: columns
                        .iter()
                        .map(|column| part.values[*column].as_ref().and_then(Option::as_deref))
                        .collect(),
                },
            ),
            Write::Delete { expected } => (
                *expected,
                Rest::Update {
                    deleted: true,
                    given: vec![false; columns.len()],
                    values: vec![None; columns.len()],
                },
            ),
            Write::Revert { expected, to } => (*expected, Rest::Revert { to: *to }),
        };
        Parameters {
            key: &change.key,
            expected,
            author: change.author.as_deref(),
            comment: change.comment.as_deref(),
            rest,
        }
    }

    fn borrowed(&self) -> Vec<&(dyn ToSql + Sync)> {
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&self.key];
        if !matches!(self.rest, Rest::Create(_)) {
            parameters.push(&self.expected);
        }
        parameters.push(&self.author);
        parameters.push(&self.comment);
        match &self.rest {
            Rest::Create(values) => {
                parameters.extend(values.iter().map(|value| value as &(dyn ToSql + Sync)));
            }
            Rest::Update {
                deleted,
                given,
                values,
            } => {
                parameters.push(deleted);
                parameters.push(given);
                parameters.extend(values.iter().map(|value| value as &(dyn ToSql + Sync)));
            }
            Rest::Revert { to } => parameters.push(to),
        }
        parameters
    }
}
