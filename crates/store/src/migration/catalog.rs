//! What is there already.

use tokio_postgres::Client;

use crate::error::Error;

/// One database's catalog.
pub(super) struct Catalog<'a> {
    pub(super) client: &'a Client,
    pub(super) database: &'a str,
}

/// A column of a table or view.
pub(super) struct Found {
    pub(super) name: String,
    /// Its type as PostgreSQL names it in the catalog: `int2`, `timestamptz`.
    pub(super) kind: String,
    pub(super) not_null: bool,
    pub(super) generated: bool,
}

const COLUMNS: &str = "select a.attname::text, t.typname::text, a.attnotnull, a.attgenerated <> '' \
     from pg_catalog.pg_attribute a join pg_catalog.pg_type t on t.oid = a.atttypid \
     where a.attrelid = pg_catalog.to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum";

const KIND: &str = "select relkind::text from pg_catalog.pg_class where oid = pg_catalog.to_regclass($1)";

const TRIGGERS: &str = "select tgname::text, tgargs from pg_catalog.pg_trigger \
     where tgrelid = pg_catalog.to_regclass($1) and not tgisinternal";

const FUNCTION: &str = "select prosrc from pg_catalog.pg_proc where oid = pg_catalog.to_regprocedure($1)";

impl Catalog<'_> {
    /// The columns of a relation, quoted; none if it is not there.
    pub(super) async fn columns(&self, relation: &str) -> Result<Vec<Found>, Error> {
        let rows = self
            .client
            .query(COLUMNS, &[&relation])
            .await
            .map_err(|source| self.failed(source))?;
        Ok(rows
            .iter()
            .map(|row| Found {
                name: row.get(0),
                kind: row.get(1),
                not_null: row.get(2),
                generated: row.get(3),
            })
            .collect())
    }

    /// What a relation is: `r` a table, `v` a view, `i` an index; none if it is not there.
    pub(super) async fn kind(&self, relation: &str) -> Result<Option<char>, Error> {
        let row = self
            .client
            .query_opt(KIND, &[&relation])
            .await
            .map_err(|source| self.failed(source))?;
        Ok(row.and_then(|row| row.get::<_, String>(0).chars().next()))
    }

    /// The triggers of a table, quoted, each with its arguments, which end in a null byte each.
    pub(super) async fn triggers(&self, table: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let rows = self.client.query(TRIGGERS, &[&table]).await;
        let rows = rows.map_err(|source| self.failed(source))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// The body of a function, given with the types of its arguments, if it is there.
    pub(super) async fn source(&self, function: &str) -> Result<Option<String>, Error> {
        let row = self.client.query_opt(FUNCTION, &[&function]).await;
        Ok(row.map_err(|source| self.failed(source))?.map(|row| row.get(0)))
    }

    fn failed(&self, source: tokio_postgres::Error) -> Error {
        Error::Statement {
            database: self.database.to_owned(),
            what: "a look at the catalog".to_owned(),
            source,
        }
    }
}
