//! Revisions read: the history of a record, one of them, the newest, the one known at an instant.

use std::sync::Arc;

use jiff::Timestamp;
use model::{collection::Collection, column::Type, expression::quote};
use postgres_types::ToSql;
use tokio::time::Instant;
use tokio_postgres::Row;

use crate::{
    error::Error,
    pool::Pool,
    query::{Run, raw},
    value::{self, EPOCH_US},
};

/// One state of a record.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The record's key in canonical text.
    pub key: Arc<str>,
    /// Its number: 1, 2, 3, .. without a gap.
    pub revision: i32,
    /// Since when it is known.
    pub recorded_at: Timestamp,
    /// Until when it was the newest; none: it is.
    pub superseded_at: Option<Timestamp>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Why.
    pub comment: Option<String>,
    /// It says that the record is no more; its columns are those of the one before.
    pub deleted: bool,
    /// All columns as JSON members, `"year":1999,"seats":55`.
    pub members: Vec<u8>,
}

/// Which revision of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The newest, be it a deletion.
    Newest,
    /// The one with this number.
    Number(i32),
    /// The newest that was recorded by then, be it a deletion.
    AsOf(Timestamp),
}

impl Revision {
    /// The columns and the envelope as one JSON object: the form in which it is shown and exported.
    pub fn json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.members.len() + 160);
        out.push(b'{');
        out.extend_from_slice(&self.members);
        out.extend_from_slice(b",\"revision\":");
        value::write_number(i64::from(self.revision), &mut out);
        out.extend_from_slice(b",\"recorded_at\":");
        write_instant(Some(self.recorded_at), &mut out);
        out.extend_from_slice(b",\"superseded_at\":");
        write_instant(self.superseded_at, &mut out);
        for (name, text) in [("author", &self.author), ("comment", &self.comment)] {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            match text {
                Some(text) => value::write_text(text, &mut out),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.extend_from_slice(b",\"deleted\":");
        out.extend_from_slice(if self.deleted { b"true" } else { b"false" });
        out.push(b'}');
        out
    }
}

/// The newest revision of a record that is not deleted, now or as of an instant.
pub async fn get(
    pool: &Pool,
    collection: &Collection,
    key: &str,
    as_of: Option<Timestamp>,
    deadline: Instant,
) -> Result<Option<Revision>, Error> {
    let bound = as_of.map_or(Bound::Newest, Bound::AsOf);
    let found = one(pool, collection, key, bound, deadline).await?;
    Ok(found.filter(|revision| !revision.deleted))
}

/// One revision of a record, be it a deletion; `key` is canonical.
pub async fn one(
    pool: &Pool,
    collection: &Collection,
    key: &str,
    bound: Bound,
    deadline: Instant,
) -> Result<Option<Revision>, Error> {
    let instant = match bound {
        Bound::AsOf(instant) => instant.to_string(),
        Bound::Newest | Bound::Number(_) => String::new(),
    };
    let (sql, second): (String, Option<&(dyn ToSql + Sync)>) = match &bound {
        Bound::Newest => (of_current(collection, ""), None),
        Bound::Number(number) => (
            of_both(collection, "revision = $2::int4", "revision = $2::int4", ""),
            Some(number),
        ),
        Bound::AsOf(_) => {
            let now = "recorded_at <= $2::text::timestamptz";
            let then = "recorded_at <= $2::text::timestamptz and superseded_at > $2::text::timestamptz";
            (of_both(collection, then, now, ""), Some(&instant))
        }
    };
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&key];
    parameters.extend(second);
    let rows = rows(pool, collection, sql, &parameters, deadline).await?;
    rows.first().map(|row| read(pool, collection, row)).transpose()
}

/// A page of a record's history, the newest first, that ends before revision `before`; deletions are among them.
pub async fn history(
    pool: &Pool,
    collection: &Collection,
    key: &str,
    before: Option<i32>,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<Revision>, Error> {
    let before = before.unwrap_or(i32::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // Each branch with its own limit, or the whole history would be read.
    let sql = of_both(
        collection,
        "revision < $2::int4",
        "revision < $2::int4",
        " order by revision desc limit $3::int8",
    );
    let parameters: [&(dyn ToSql + Sync); 3] = [&key, &before, &limit];
    let rows = rows(pool, collection, sql, &parameters, deadline).await?;
    rows.iter().map(|row| read(pool, collection, row)).collect()
}

async fn rows(
    pool: &Pool,
    collection: &Collection,
    sql: String,
    parameters: &[&(dyn ToSql + Sync)],
    deadline: Instant,
) -> Result<Vec<Row>, Error> {
    let run = Run {
        what: &collection.name,
        sql: &sql.into(),
        parameters,
        deadline,
        abandoned: None,
    };
    pool.rows(run).await
}

/// `$1` is the key.
fn of_current(collection: &Collection, rest: &str) -> String {
    format!(
        "select {} from {} where {} = $1::text::{}{rest}",
        columns(collection, "null::timestamptz"),
        collection.current(),
        quote(collection.key_name()),
        collection.key_type().name()
    )
}

/// Both tables, each branch with its condition and what comes after it.
fn of_both(collection: &Collection, then: &str, now: &str, rest: &str) -> String {
    format!(
        "(select {} from {} where {} = $1::text::{} and {then}{rest}) union all ({}){rest}",
        columns(collection, "superseded_at"),
        collection.history(),
        quote(collection.key_name()),
        collection.key_type().name(),
        of_current(collection, &format!(" and {now}{rest}")),
    )
}

/// The columns of a revision, in the order in which [`read`] takes them.
pub(crate) fn columns(collection: &Collection, superseded_at: &str) -> String {
    let key = quote(collection.key_name());
    let mut list = format!(
        "revision, recorded_at, {superseded_at} as superseded_at, author, comment, deleted, {key}::{}::text as \"key\"",
        collection.key_type().name()
    );
    for (at, column) in collection.columns.iter().enumerate() {
        list.push_str(&format!(
            ", {}::{} as c{at}",
            quote(&column.name),
            column.kind.name()
        ));
    }
    list
}

pub(crate) fn read(pool: &Pool, collection: &Collection, row: &Row) -> Result<Revision, Error> {
    let malformed = |problem: String| Error::Shape {
        database: pool.database().to_owned(),
        what: collection.name.clone(),
        problem,
    };
    let mut members = Vec::new();
    for (at, column) in collection.columns.iter().enumerate() {
        if at > 0 {
            members.push(b',');
        }
        value::write_text(&column.name, &mut members);
        members.push(b':');
        if !value::write_json(column.kind, raw(row, at + 7), &mut members) {
            return Err(malformed(format!(
                "column `{}` is not of type {}",
                column.name,
                column.kind.name()
            )));
        }
    }
    let text = |at: usize| row.get::<_, Option<&str>>(at).map(str::to_owned);
    Ok(Revision {
        key: row.get::<_, &str>(6).into(),
        revision: row.get(0),
        recorded_at: instant(row, 1).ok_or_else(|| malformed("`recorded_at` is no instant".to_owned()))?,
        superseded_at: instant(row, 2),
        author: text(3),
        comment: text(4),
        deleted: row.get(5),
        members,
    })
}

/// An instant of a row; none: null, or one that no clock shows.
pub(crate) fn instant(row: &Row, column: usize) -> Option<Timestamp> {
    let us = value::integer(Type::Timestamptz, raw(row, column)?)?;
    Timestamp::from_microsecond(us.checked_add(EPOCH_US)?).ok()
}

fn write_instant(instant: Option<Timestamp>, out: &mut Vec<u8>) {
    match instant {
        Some(instant) => value::write_integer(Type::Timestamptz, instant.as_microsecond() - EPOCH_US, out),
        None => out.extend_from_slice(b"null"),
    }
}
