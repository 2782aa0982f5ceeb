//! The newest revisions in order of time, of one object, of many, of all: pages by keyset, both ways.
//!
//! This is what replaced `SELECT DISTINCT ON (id) .. ORDER BY id, revision DESC`: a page is an ordered scan of an
//! index over current, and costs the same with 3 or 3,000 revisions a record. As of an instant it is the union
//! of both tables, each branch with its own limit: one limit around it is planned as a sort of everything.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use model::{collection::Collection, expression::quote};
use postgres_types::ToSql;
use tokio::time::Instant;

use crate::{
    error::Error,
    id::Ids,
    pool::Pool,
    query::Run,
    record::{self, Place, Record},
};

/// Which part of a list, and in which direction.
#[derive(Clone, Debug)]
pub struct Page {
    /// Columns to show, as indices into the collection's.
    pub columns: Vec<usize>,
    /// The latest first.
    pub descending: bool,
    /// Where it begins or ends; none: at the beginning of the list.
    pub edge: Option<Edge>,
    /// At most so many.
    pub limit: usize,
    /// As they were known at this instant.
    pub as_of: Option<Timestamp>,
}

/// A place in a list that a page leans on: [`Record::place`] of the last or of the first record of another page.
#[derive(Clone, Debug)]
pub enum Edge {
    /// The page that comes after it.
    After(Place),
    /// The page that comes before it; in the order of the list all the same.
    Before(Place),
}

/// A page of one object's records. `object` is its id in canonical text.
pub async fn of_object(
    pool: &Pool,
    collection: &Collection,
    object: &str,
    page: &Page,
    deadline: Instant,
) -> Result<Vec<Record>, Error> {
    self::page(pool, collection, Some(object), page, deadline).await
}

/// A page of all records.
pub async fn of_all(
    pool: &Pool,
    collection: &Collection,
    page: &Page,
    deadline: Instant,
) -> Result<Vec<Record>, Error> {
    self::page(pool, collection, None, page, deadline).await
}

/// The first `page.limit` records of each object, in the order of the objects given; the page's edge is not
/// looked at. One statement: `= any` with a limit may walk the index of all and filter, without bound for rare
/// objects.
pub async fn of_objects(
    pool: &Pool,
    collection: &Collection,
    objects: &[Arc<str>],
    page: &Page,
    deadline: Instant,
) -> Result<Vec<(Arc<str>, Vec<Record>)>, Error> {
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let ids = Ids(objects);
    let instant = page.as_of.map(|instant| instant.to_string());
    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&ids, &limit];
    parameters.extend(instant.as_ref().map(|instant| instant as &(dyn ToSql + Sync)));
    let run = Run {
        what: &collection.name,
        sql: &objects_statement(collection, page).into(),
        parameters: &parameters,
        deadline,
        abandoned: None,
    };
    let rows = pool.rows(run).await?;
    let mut found: HashMap<&str, Vec<Record>> = HashMap::new();
    for row in &rows {
        let record = record::read(pool, collection, &page.columns, row)?;
        found
            .entry(row.get(3 + page.columns.len()))
            .or_default()
            .push(record);
    }
    Ok(objects
        .iter()
        .map(|object| (object.clone(), found.remove(&**object).unwrap_or_default()))
        .collect())
}

async fn page(
    pool: &Pool,
    collection: &Collection,
    object: Option<&str>,
    page: &Page,
    deadline: Instant,
) -> Result<Vec<Record>, Error> {
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let instant = page.as_of.map(|instant| instant.to_string());
    let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::new();
    parameters.extend(object.as_ref().map(|object| object as &(dyn ToSql + Sync)));
    if let Some(Edge::After(place) | Edge::Before(place)) = &page.edge {
        if time(collection).is_some() {
            parameters.push(&place.value);
        }
        parameters.push(&place.key);
    }
    parameters.push(&limit);
    parameters.extend(instant.as_ref().map(|instant| instant as &(dyn ToSql + Sync)));
    let run = Run {
        what: &collection.name,
        sql: &page_statement(collection, page, object.is_some()).into(),
        parameters: &parameters,
        deadline,
        abandoned: None,
    };
    let rows = pool.rows(run).await?;
    let records = rows
        .iter()
        .map(|row| record::read(pool, collection, &page.columns, row));
    let mut records: Vec<Record> = records.collect::<Result<_, _>>()?;
    if matches!(page.edge, Some(Edge::Before(_))) {
        records.reverse();
    }
    Ok(records)
}

/// The statement of a page, for tests and benchmarks that look at its plan. Its parameters: the object if it is
/// of one, the time (if the collection has one) and the key of the edge if there is one, the limit, the instant
/// if it is as of one.
pub fn page_statement(collection: &Collection, page: &Page, of_object: bool) -> String {
    let mut parameters = 0;
    let mut next = |kind: &str| {
        parameters += 1;
        format!("${parameters}::text::{kind}")
    };
    let mut conditions = Vec::new();
    if of_object {
        let column = &collection.columns[object(collection)];
        conditions.push(format!("{} = {}", quote(&column.name), next(column.kind.name())));
    }
    // To the page before an edge one goes backwards from it.
    let backwards = matches!(page.edge, Some(Edge::Before(_)));
    let descending = page.descending != backwards;
    if page.edge.is_some() {
        let order = collection.record_order();
        let names = order
            .iter()
            .map(|column| quote(&collection.columns[*column].name));
        let names = names.collect::<Vec<_>>().join(", ");
        let values = order
            .iter()
            .map(|column| next(collection.columns[*column].kind.name()));
        let values = values.collect::<Vec<_>>().join(", ");
        let beyond = if descending { "<" } else { ">" };
        conditions.push(format!("({names}) {beyond} ({values})"));
    }
    let limit = format!("${}::int8", parameters + 1);
    let instant = format!("${}::text::timestamptz", parameters + 2);
    rows(collection, page, &conditions, descending, &limit, &instant)
}

/// The statement of [`of_objects`]: `$1` the objects, `$2` the limit, `$3` the instant if it is as of one.
pub fn objects_statement(collection: &Collection, page: &Page) -> String {
    let column = &collection.columns[object(collection)];
    let conditions = [format!("{} = o.id", quote(&column.name))];
    let rows = rows(
        collection,
        page,
        &conditions,
        page.descending,
        "$2::int8",
        "$3::text::timestamptz",
    );
    format!(
        "select l.* from unnest($1::{}[]) with ordinality as o (id, n) cross join lateral ({rows}) l order by o.n, {}",
        column.kind.name(),
        terms(collection, page.descending),
    )
}

/// Rows of current, or as of an instant the union over both tables.
fn rows(
    collection: &Collection,
    page: &Page,
    conditions: &[String],
    descending: bool,
    limit: &str,
    instant: &str,
) -> String {
    let end = format!(" order by {} limit {limit}", terms(collection, descending));
    let select = |table: String, known: &str| {
        let mut all = conditions.to_vec();
        all.push(known.to_owned());
        format!(
            "select {} from {table} where {}{end}",
            columns(collection, page),
            all.join(" and ")
        )
    };
    match page.as_of {
        None => select(collection.current(), "not deleted"),
        Some(_) => {
            let now = format!("recorded_at <= {instant} and not deleted");
            let then = format!("{now} and superseded_at > {instant}");
            format!(
                "({}) union all ({}){end}",
                select(collection.history(), &then),
                select(collection.current(), &now)
            )
        }
    }
}

/// What [`record::read`] reads, then the object, and what it is ordered by under names of its own.
fn columns(collection: &Collection, page: &Page) -> String {
    let name = |column: usize| quote(&collection.columns[column].name);
    let cast = |column: usize| format!("{}::{}", name(column), collection.columns[column].kind.name());
    let place = time(collection).map_or("null".to_owned(), cast);
    let mut list = format!(
        "{}::text as k, {place}::text as p, revision as r",
        cast(collection.key)
    );
    for (at, column) in page.columns.iter().enumerate() {
        list.push_str(&format!(", {} as c{at}", cast(*column)));
    }
    list.push_str(&format!(", {}::text as o", cast(object(collection))));
    for (at, column) in collection.record_order().into_iter().enumerate() {
        list.push_str(&format!(", {} as {}", name(column), ORDERED_BY[at]));
    }
    list
}

/// Names of the columns that a list is ordered by: a time and a key, or a key.
const ORDERED_BY: [&str; 2] = ["t", "i"];

fn terms(collection: &Collection, descending: bool) -> String {
    let direction = if descending { " desc" } else { "" };
    ORDERED_BY[..collection.record_order().len()]
        .iter()
        .map(|name| format!("{name}{direction}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn object(collection: &Collection) -> usize {
    collection
        .revisions
        .as_ref()
        .map_or(collection.key, |revisions| revisions.object)
}

fn time(collection: &Collection) -> Option<usize> {
    collection.revisions.as_ref().and_then(|revisions| revisions.time)
}
