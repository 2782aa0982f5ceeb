//! Versions of objects: numbers that only grow, raised in the transaction that writes.
//!
//! One row an object in each database that has a collection kept in revisions. Whatever is computed from an
//! object's records is exact as long as its version is the same.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use crate::{error::Error, id::Ids, migration::OBJECT_VERSION, pool::Pool, query::Run};

/// The versions of objects in one database, in the order given; 0 where nothing was ever written of one.
pub async fn of_objects(pool: &Pool, objects: &[Arc<str>], deadline: Instant) -> Result<Vec<i64>, Error> {
    let sql: Arc<str> = format!("select object, version from {OBJECT_VERSION} where object = any($1)").into();
    let ids = Ids(objects);
    let run = Run {
        what: "object versions",
        sql: &sql,
        parameters: &[&ids],
        deadline,
        abandoned: None,
    };
    let rows = pool.rows(run).await?;
    let known: HashMap<&str, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(objects
        .iter()
        .map(|object| known.get(&**object).copied().unwrap_or(0))
        .collect())
}

/// The version of everything in one database: grows with each write of any object. Its cost grows with the
/// number of objects (0.4 ms for 4,000); a row of its own would make all writers of the database wait for each
/// other.
pub async fn of_all(pool: &Pool, deadline: Instant) -> Result<i64, Error> {
    let sql: Arc<str> = format!("select coalesce(sum(version), 0)::int8 from {OBJECT_VERSION}").into();
    let run = Run {
        what: "object versions",
        sql: &sql,
        parameters: &[],
        deadline,
        abandoned: None,
    };
    let rows = pool.rows(run).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}
