//! Records of a collection, one by key or a page by keyset. All SQL comes from the model; all values
//! are parameters.

use std::sync::Arc;

use jiff::Timestamp;
use model::{
    collection::Collection,
    expression::{quote, quote_path},
};
use postgres_types::ToSql;
use tokio::time::Instant;
use tokio_postgres::Row;

use crate::{
    error::Error,
    id::Ids,
    pool::Pool,
    query::{Run, raw},
    value,
};

/// Which records, in which order.
#[derive(Clone, Debug)]
pub struct List {
    /// Columns to show, as indices into the collection's.
    pub columns: Vec<usize>,
    /// Equality of a column with a value, as [`value::parse`] gave it; none: is null.
    pub filters: Vec<(usize, Option<String>)>,
    /// Only these keys, canonical.
    pub ids: Option<Vec<Arc<str>>>,
    /// Order: by this column (nulls last), then by key. None: by key.
    pub sort: Option<Sort>,
    /// Begin after this place.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: usize,
    /// As they were known at this instant; only for a collection that is kept in revisions.
    pub as_of: Option<Timestamp>,
}

/// A column and a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// Index into the collection's columns.
    pub column: usize,
    /// From the largest down.
    pub descending: bool,
}

/// A place in a sorted list: what a cursor holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sort column's value as PostgreSQL's text; none: null, or no sort column.
    pub value: Option<String>,
    /// The key.
    pub key: String,
}

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its key in canonical text.
    pub key: Arc<str>,
    /// The revision that is shown; none where the collection keeps none.
    pub revision: Option<i32>,
    /// Where it stands in its list.
    pub place: Place,
    /// Its columns as JSON members, `"year":1999,"seats":55`; empty where none was asked for.
    pub members: Vec<u8>,
}

/// A page of records.
pub async fn list(
    pool: &Pool,
    collection: &Collection,
    list: &List,
    deadline: Instant,
) -> Result<Vec<Record>, Error> {
    let statement = Statement::new(collection, list);
    let instant = list.as_of.map(|instant| instant.to_string());
    let ids = list.ids.as_deref().map(Ids);
    let limit = i64::try_from(list.limit).unwrap_or(i64::MAX);
    let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::new();
    if let Some(ids) = &ids {
        parameters.push(ids);
    }
    parameters.extend(statement.values.iter().map(|value| value as &(dyn ToSql + Sync)));
    parameters.push(&limit);
    if let Some(instant) = &instant {
        parameters.push(instant);
    }
    let sql: Arc<str> = statement.sql.into();
    let run = Run {
        what: &collection.name,
        sql: &sql,
        parameters: &parameters,
        deadline,
        abandoned: None,
    };
    let rows = pool.rows(run).await?;
    rows.iter()
        .map(|row| read(pool, collection, &list.columns, row))
        .collect()
}

/// One record by its key, canonical; none if there is no such record.
pub async fn get(
    pool: &Pool,
    collection: &Collection,
    key: &str,
    deadline: Instant,
) -> Result<Option<Record>, Error> {
    get_as_of(pool, collection, key, None, deadline).await
}

/// The same, as it was known at an instant; only for a collection that is kept in revisions.
pub async fn get_as_of(
    pool: &Pool,
    collection: &Collection,
    key: &str,
    as_of: Option<Timestamp>,
    deadline: Instant,
) -> Result<Option<Record>, Error> {
    let one = List {
        as_of,
        columns: (0..collection.columns.len()).collect(),
        filters: Vec::new(),
        ids: Some(vec![key.into()]),
        sort: None,
        after: None,
        limit: 1,
    };
    Ok(list(pool, collection, &one, deadline).await?.pop())
}

/// The statement of many records by key: `$1` is the list. For a batch of requests.
pub fn by_keys(collection: &Collection, columns: &[usize]) -> String {
    let key = quote(collection.key_name());
    let from = quote_path(&collection.table);
    format!(
        "{} where {key} = any($1)",
        select(collection, columns, None, &from)
    )
}

/// Reads a row of [`list`] or [`by_keys`].
pub fn read(pool: &Pool, collection: &Collection, columns: &[usize], row: &Row) -> Result<Record, Error> {
    let malformed = |problem: String| Error::Shape {
        database: pool.database().to_owned(),
        what: collection.name.clone(),
        problem,
    };
    let text = |column: usize| raw(row, column).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let key = text(0).ok_or_else(|| malformed(format!("key `{}` is null", collection.key_name())))?;
    let mut members = Vec::new();
    for (at, index) in columns.iter().enumerate() {
        let column = &collection.columns[*index];
        if at > 0 {
            members.push(b',');
        }
        value::write_text(&column.name, &mut members);
        members.push(b':');
        if !value::write_json(column.kind, raw(row, at + 3), &mut members) {
            return Err(malformed(format!(
                "column `{}` is not of type {}",
                column.name,
                column.kind.name()
            )));
        }
    }
    let place = Place {
        value: text(1).map(str::to_owned),
        key: key.to_owned(),
    };
    Ok(Record {
        key: key.into(),
        revision: row.get(2),
        place,
        members,
    })
}

/// SQL, and the values of its parameters after the ids.
struct Statement {
    sql: String,
    values: Vec<String>,
}

impl Statement {
    fn new(collection: &Collection, list: &List) -> Statement {
        let mut values = Vec::new();
        let mut conditions = Vec::new();
        let first = usize::from(list.ids.is_some());
        let key = cast(collection, collection.key);
        if list.ids.is_some() {
            // Not cast: the ids take the key's real type, and its index serves whatever the model says.
            conditions.push(format!("{} = any($1)", quote(collection.key_name())));
        }
        // A value travels as text and is cast: the model's types are open, the parameters' are not.
        let mut parameter = |kind: &str, value: &str| {
            values.push(value.to_owned());
            format!("${}::text::{kind}", first + values.len())
        };
        for (column, value) in &list.filters {
            let name = cast(collection, *column);
            let kind = collection.columns[*column].kind.name();
            conditions.push(match value {
                Some(value) => format!("{name} = {}", parameter(kind, value)),
                None => format!("{name} is null"),
            });
        }
        if let Some(after) = &list.after {
            let key_after = format!("{key} > {}", parameter(collection.key_type().name(), &after.key));
            conditions.push(match (list.sort, &after.value) {
                (None, _) => key_after,
                (Some(sort), None) => format!("{} is null and {key_after}", sort.name(collection)),
                (Some(sort), Some(value)) => {
                    let column = sort.name(collection);
                    let value = parameter(collection.columns[sort.column].kind.name(), value);
                    let beyond = if sort.descending { "<" } else { ">" };
                    format!("({column} {beyond} {value} or ({column} = {value} and {key_after}) or {column} is null)")
                }
            });
        }
        let limit = first + values.len() + 1;
        let from = match list.as_of {
            // A collection that keeps no revisions has but its present.
            Some(_) => collection
                .as_of(&format!("${}::text::timestamptz", limit + 1))
                .map(|rows| format!("({rows}) r")),
            None => None,
        };
        let from = from.unwrap_or_else(|| quote_path(&collection.table));
        let mut sql = select(collection, &list.columns, list.sort, &from);
        if !conditions.is_empty() {
            sql.push_str(" where ");
            sql.push_str(&conditions.join(" and "));
        }
        sql.push_str(" order by ");
        if let Some(sort) = list.sort {
            let direction = if sort.descending { "desc" } else { "asc" };
            sql.push_str(&format!("{} {direction} nulls last, ", sort.name(collection)));
        }
        sql.push_str(&format!("{key} limit ${limit}"));
        Statement { sql, values }
    }
}

impl Sort {
    fn name(self, collection: &Collection) -> String {
        cast(collection, self.column)
    }
}

/// A column as what the model says it is. What is shown, compared and sorted by is then the same value, or
/// a page could begin in the wrong place; a cast to the type that the column has anyway costs nothing.
fn cast(collection: &Collection, column: usize) -> String {
    let column = &collection.columns[column];
    format!("{}::{}", quote(&column.name), column.kind.name())
}

/// Key and sort value as text and the revision, then the columns, cast to what the model says.
fn select(collection: &Collection, columns: &[usize], sort: Option<Sort>, from: &str) -> String {
    let place = match sort {
        Some(sort) => format!("{}::text", sort.name(collection)),
        None => "null::text".to_owned(),
    };
    let revision = match collection.revisions {
        Some(_) => "revision",
        None => "null::int4",
    };
    let mut sql = format!(
        "select {}::text, {place}, {revision}",
        cast(collection, collection.key)
    );
    for column in columns {
        sql.push_str(", ");
        sql.push_str(&cast(collection, *column));
    }
    sql.push_str(&format!(" from {from}"));
    sql
}
