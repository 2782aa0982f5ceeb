//! Fills an empty database that is ours: schema, rows of CSV files, what comes after them. All or nothing:
//! one transaction a database, and the next start tries again after a failure.
//!
//! A database that the user brought is never touched: [`check`](crate::check) says what it lacks.

mod copy;
pub mod csv;
mod file;
mod insert;

use std::{
    io::{self, Read},
    time::Duration,
};

use embedded::{Caps, Databases};
use model::{
    database::{Seed, Sql},
    expression::{quote, quote_path},
    model::Model,
};
use tokio::time::Instant;
use tokio_postgres::Client;

use self::file::Chunks;
use crate::{
    error::Error,
    migration::{self, Step, Steps},
};

/// A file of rows, as it lies there: compressed if its name says so.
pub struct Opened {
    /// Its bytes.
    pub reader: Box<dyn Read + Send>,
    /// How many they are, for the progress.
    pub bytes: u64,
}

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The database's name.
    pub database: &'a str,
    /// The table.
    pub table: &'a str,
    /// Bytes of the file that were read, compressed ones if it is.
    pub bytes_read: u64,
    /// Bytes of the file.
    pub bytes_total: u64,
    /// Rows sent.
    pub rows: u64,
}

/// A database that was filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// The database's name.
    pub database: String,
    /// Each table that was loaded and its rows.
    pub tables: Vec<(String, u64)>,
    /// How long it took.
    pub took: Duration,
}

/// How rows go in. The engine decides; tests hold that both do the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `COPY .. FROM STDIN`
    Copy,
    /// `INSERT .. SELECT .. FROM unnest(..)`: COPY kills the engine in this process.
    Insert,
}

impl Way {
    /// The best that the engine can.
    pub fn of(caps: &Caps) -> Way {
        if caps.copy_in { Way::Copy } else { Way::Insert }
    }
}

/// Opens a file of rows by its path relative to the model.
pub type Files<'a> = &'a dyn Fn(&str) -> io::Result<Opened>;

/// Fills each database of the model that is ours, holds nothing and has a seed.
pub async fn seed(
    databases: &Databases,
    model: &Model,
    files: Files<'_>,
    progress: &dyn Fn(Progress<'_>),
) -> Result<Vec<Seeded>, Error> {
    let mut seeded = Vec::new();
    for (index, database) in model.databases.iter().enumerate() {
        let Some(seed) = &database.seed else { continue };
        if !databases.is_ours(&database.name) {
            continue;
        }
        let caps = databases.caps(&database.name);
        let job = Job {
            database: &database.name,
            seed,
            steps: migration::whole(model, index, caps.engine),
            way: Way::of(caps),
            files,
            progress,
        };
        seeded.extend(job.run(databases).await?);
    }
    Ok(seeded)
}

/// One database to fill.
pub struct Job<'a> {
    /// Its name in the model.
    pub database: &'a str,
    /// With what.
    pub seed: &'a Seed,
    /// The tables of its collections that are kept in revisions.
    pub steps: Steps,
    /// How.
    pub way: Way,
    /// Where the rows are.
    pub files: Files<'a>,
    /// Told after each part.
    pub progress: &'a dyn Fn(Progress<'_>),
}

/// One file and its table.
struct Load<'a> {
    job: &'a Job<'a>,
    client: &'a Client,
    table: &'a str,
    file: &'a str,
    bytes_total: u64,
}

/// A column of a table that rows go into.
struct Target {
    name: String,
    /// Its type without a length: a value that is too long is then an error and not cut.
    kind: String,
}

impl Job<'_> {
    /// Fills the database; none if it holds something already.
    pub async fn run(&self, databases: &Databases) -> Result<Option<Seeded>, Error> {
        let began = Instant::now();
        let connection = databases
            .connect(self.database)
            .await
            .map_err(|source| Error::Connect {
                database: self.database.to_owned(),
                source: Box::new(source),
            })?;
        let client = &connection.client;
        if !self.is_empty(client).await? {
            return Ok(None);
        }
        self.execute(client, "the start of a transaction", BEGIN).await?;
        let tables = match self.fill(client).await {
            Ok(tables) => tables,
            Err(error) => {
                // The server does the same when the connection ends; whoever looks next finds it done.
                let _ = client.batch_execute("rollback").await;
                return Err(error);
            }
        };
        self.settle(client, &tables).await;
        Ok(Some(Seeded {
            database: self.database.to_owned(),
            tables,
            took: began.elapsed(),
        }))
    }

    async fn fill(&self, client: &Client) -> Result<Vec<(String, u64)>, Error> {
        self.script(client, &self.seed.schema).await?;
        self.steps(client, &self.steps.tables).await?;
        let mut tables = Vec::new();
        for (table, file) in &self.seed.load {
            let rows = self.load(client, table, file).await?;
            tables.push((table.clone(), rows));
        }
        if let Some(finish) = &self.seed.finish {
            self.script(client, finish).await?;
        }
        // After all rows: an index that is built is smaller and sooner there than one that grew.
        self.steps(client, &self.steps.indexes).await?;
        self.execute(client, "the end of a transaction", "commit").await?;
        Ok(tables)
    }

    async fn load(&self, client: &Client, table: &str, file: &str) -> Result<u64, Error> {
        let failed = |source: io::Error| Error::Load {
            database: self.database.to_owned(),
            table: table.to_owned(),
            file: file.to_owned(),
            problem: source.to_string(),
        };
        let opened = (self.files)(file).map_err(failed)?;
        let load = Load {
            job: self,
            client,
            table,
            file,
            bytes_total: opened.bytes,
        };
        let mut chunks = Chunks::read(file, opened.reader);
        let header = chunks.header().await.map_err(failed)?;
        let columns = load.columns(&header).await?;
        match self.way {
            Way::Copy => load.copy(chunks, &columns).await,
            Way::Insert => load.insert(chunks, &columns).await,
        }
    }

    /// What a fresh table lacks until some vacuum comes along, at the cost of the first requests. Not
    /// needed, so a failure is only told.
    async fn settle(&self, client: &Client, tables: &[(String, u64)]) {
        let loaded = tables.iter().map(|(table, _)| quote_path(table));
        for table in loaded.chain(self.steps.names.iter().cloned()) {
            // A temporary table, from which rows went elsewhere, is gone by now.
            let gone = client
                .query_one("select pg_catalog.to_regclass($1) is null", &[&table])
                .await
                .is_ok_and(|row| row.get(0));
            if gone {
                continue;
            }
            if let Err(error) = client.batch_execute(&format!("vacuum (analyze) {table}")).await {
                tracing::warn!(database = self.database, table, %error, "a loaded table was not vacuumed");
            }
        }
    }

    async fn is_empty(&self, client: &Client) -> Result<bool, Error> {
        let row = client
            .query_one(RELATIONS, &[])
            .await
            .map_err(|source| self.failed("the list of tables", source))?;
        Ok(row.get::<_, i64>(0) == 0)
    }

    async fn script(&self, client: &Client, sql: &Sql) -> Result<(), Error> {
        self.execute(client, &format!("`{}`", sql.file), &sql.text).await
    }

    async fn steps(&self, client: &Client, steps: &[Step]) -> Result<(), Error> {
        for step in steps {
            self.execute(client, &step.about, &step.sql).await?;
        }
        Ok(())
    }

    async fn execute(&self, client: &Client, what: &str, sql: &str) -> Result<(), Error> {
        client
            .batch_execute(sql)
            .await
            .map_err(|source| self.failed(what, source))
    }

    fn failed(&self, what: &str, source: tokio_postgres::Error) -> Error {
        Error::Statement {
            database: self.database.to_owned(),
            what: what.to_owned(),
            source,
        }
    }
}

/// No limit of time, and the same reading of times whatever the server's settings are.
const BEGIN: &str =
    "begin; set local statement_timeout to 0; set local timezone to 'UTC'; set local datestyle to 'ISO'";

/// Relations that are neither the server's own nor an extension's.
const RELATIONS: &str = "select count(*) from pg_catalog.pg_class c \
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
     where n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') \
     and not exists (select from pg_catalog.pg_depend d \
         where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')";

const COLUMNS: &str = "select attname::text, pg_catalog.format_type(atttypid, -1), attgenerated <> '' \
     from pg_catalog.pg_attribute where attrelid = pg_catalog.to_regclass($1) and attnum > 0 and not attisdropped";

impl Load<'_> {
    /// The table's columns that the header names.
    async fn columns(&self, header: &[String]) -> Result<Vec<Target>, Error> {
        let path = quote_path(self.table);
        let rows = self
            .client
            .query(COLUMNS, &[&path])
            .await
            .map_err(|source| self.job.failed("a look at a table", source))?;
        if rows.is_empty() {
            return Err(self.problem(format!("`{}` makes no such table", self.job.seed.schema.file)));
        }
        let mut targets: Vec<Target> = Vec::new();
        for name in header {
            let Some(row) = rows.iter().find(|row| row.get::<_, &str>(0) == name) else {
                return Err(self.problem(format!("line 1: the table has no column `{name}`")));
            };
            if row.get(2) {
                return Err(self.problem(format!(
                    "line 1: column `{name}` is generated and cannot be loaded"
                )));
            }
            if targets.iter().any(|target| target.name == *name) {
                return Err(self.problem(format!("line 1: column `{name}` stands there twice")));
            }
            targets.push(Target {
                name: name.clone(),
                kind: row.get(1),
            });
        }
        Ok(targets)
    }

    fn tell(&self, bytes_read: u64, rows: u64) {
        (self.job.progress)(Progress {
            database: self.job.database,
            table: self.table,
            bytes_read: bytes_read.min(self.bytes_total),
            bytes_total: self.bytes_total,
            rows,
        });
    }

    fn problem(&self, problem: String) -> Error {
        Error::Load {
            database: self.job.database.to_owned(),
            table: self.table.to_owned(),
            file: self.file.to_owned(),
            problem,
        }
    }
}

fn names(columns: &[Target]) -> String {
    columns
        .iter()
        .map(|column| quote(&column.name))
        .collect::<Vec<_>>()
        .join(", ")
}
