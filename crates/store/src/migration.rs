//! The tables of collections kept in revisions: what a database lacks, as named steps, shown or applied.
//!
//! `<table>_current` has one row a record, its newest revision, be it a deletion; `<table>_history` every
//! superseded one, inserted once and never updated; `<table>` is a view of current. Nothing is ever dropped but
//! the view and our triggers: a column that is no longer declared stays, with what it holds.

mod catalog;
mod table;
mod trigger;

use std::fmt;

use embedded::{Databases, EngineKind};
use model::{
    collection::Collection,
    expression::{quote, quote_path},
    model::Model,
};
use tokio_postgres::Client;

use self::catalog::Catalog;
use crate::error::Error;

/// The table of the objects' versions, one a database.
pub const OBJECT_VERSION: &str = "object_version";

/// The row there of records that belong to no object, in SQL: they are part of what is read of all objects.
pub const NO_OBJECT: &str = "chr(1)";

/// The row there that each import of histories raises, in SQL: with one, even the past is another.
pub const HISTORY_IMPORTED: &str = "chr(2)";

/// The channel on which triggers tell of writes of others: `collection object`.
pub const CHANNEL: &str = "sidequest";

/// A setting of our own sessions, by which those triggers know them.
pub const OWN: &str = "sidequest.own";

/// One migration at a time a database: the number of an advisory lock that nobody else is likely to take.
const LOCK: i64 = 0x5349_4445_5155_4553;

/// A statement of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it makes or changes: `table flights_current of collection flights`.
    pub about: String,
    /// The statement, without a closing semicolon.
    pub sql: String,
}

/// All steps from nothing, in the order in which an empty database is filled: tables, rows, indexes.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// Tables and views, and the primary keys of what is written from the first row on.
    pub tables: Vec<Step>,
    /// Keys and indexes, which are made faster after the rows.
    pub indexes: Vec<Step>,
    /// The tables that are made, quoted.
    pub names: Vec<String>,
}

/// What a database lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The database's name in the model.
    pub database: String,
    /// In their order.
    pub steps: Vec<Step>,
    /// What no step can mend, a sentence each: the steps are not applied.
    pub problems: Vec<String>,
}

impl fmt::Display for Plan {
    /// The SQL, with a comment before each step: what `sidequest migrate --dry-run` prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "-- database {}", self.database)?;
        for problem in &self.problems {
            writeln!(f, "-- cannot: {problem}")?;
        }
        if self.steps.is_empty() && self.problems.is_empty() {
            writeln!(f, "-- nothing to do")?;
        }
        for step in &self.steps {
            writeln!(f, "-- {}\n{};", step.about, step.sql)?;
        }
        Ok(())
    }
}

/// Collections of a database that are kept in revisions.
fn kept(model: &Model, database: usize) -> impl Iterator<Item = &Collection> {
    model
        .collections
        .iter()
        .filter(move |collection| collection.database == database && collection.revisions.is_some())
}

/// All steps of one database of the model, from nothing.
pub fn whole(model: &Model, database: usize, engine: EngineKind) -> Steps {
    let mut steps = Steps::default();
    for collection in kept(model, database) {
        if steps.tables.is_empty() {
            steps.tables.push(table::object_version(engine));
        }
        steps.tables.push(table::current(collection, engine));
        steps.tables.push(table::history(collection));
        steps.tables.push(table::view(collection));
        steps.indexes.extend(table::indexes(collection));
        steps.names.extend([collection.current(), collection.history()]);
    }
    steps
}

/// What the database needs to become what the model says; nothing is changed.
pub async fn plan(databases: &Databases, model: &Model, database: usize) -> Result<Plan, Error> {
    let name = &model.databases[database].name;
    let connection = connect(databases, name).await?;
    of(&connection.client, model, database, databases.caps(name).engine).await
}

/// Does what [`plan`] says, in one transaction, and returns what it was. A plan with problems is an error and
/// does nothing.
pub async fn apply(databases: &Databases, model: &Model, database: usize) -> Result<Plan, Error> {
    let name = &model.databases[database].name;
    if kept(model, database).next().is_none() {
        return Ok(Plan {
            database: name.clone(),
            steps: Vec::new(),
            problems: Vec::new(),
        });
    }
    let engine = databases.caps(name).engine;
    let connection = connect(databases, name).await?;
    let client = &connection.client;
    execute(client, name, "the start of a migration", "begin").await?;
    let ended = async {
        if engine != EngineKind::CockroachDb {
            let lock = format!("select pg_advisory_xact_lock({LOCK})");
            execute(client, name, "the lock of a migration", &lock).await?;
        }
        let plan = of(client, model, database, engine).await?;
        if !plan.problems.is_empty() {
            return Err(Error::Shape {
                database: name.clone(),
                what: "the tables of its collections".to_owned(),
                problem: plan.problems.join("; "),
            });
        }
        for step in &plan.steps {
            execute(client, name, &step.about, &step.sql).await?;
        }
        execute(client, name, "the end of a migration", "commit").await?;
        Ok(plan)
    }
    .await;
    if ended.is_err() {
        // The server does the same when the connection ends.
        let _ = client.batch_execute("rollback").await;
    }
    ended
}

async fn connect(databases: &Databases, name: &str) -> Result<embedded::Connection, Error> {
    databases.connect(name).await.map_err(|source| Error::Connect {
        database: name.to_owned(),
        source: Box::new(source),
    })
}

async fn execute(client: &Client, database: &str, what: &str, sql: &str) -> Result<(), Error> {
    client
        .batch_execute(sql)
        .await
        .map_err(|source| Error::Statement {
            database: database.to_owned(),
            what: what.to_owned(),
            source,
        })
}

/// What the database behind a client lacks.
pub(crate) async fn of(
    client: &Client,
    model: &Model,
    database: usize,
    engine: EngineKind,
) -> Result<Plan, Error> {
    let mut plan = Plan {
        database: model.databases[database].name.clone(),
        steps: Vec::new(),
        problems: Vec::new(),
    };
    let mut collections = kept(model, database).peekable();
    if collections.peek().is_none() {
        return Ok(plan);
    }
    let catalog = Catalog {
        client,
        database: &plan.database.clone(),
    };
    if catalog.columns(OBJECT_VERSION).await?.is_empty() {
        plan.steps.push(table::object_version(engine));
    }
    for collection in collections {
        one(&catalog, collection, engine, &mut plan).await?;
    }
    Ok(plan)
}

/// What one collection lacks.
async fn one(
    catalog: &Catalog<'_>,
    collection: &Collection,
    engine: EngineKind,
    plan: &mut Plan,
) -> Result<(), Error> {
    let current = catalog.columns(&collection.current()).await?;
    let history = catalog.columns(&collection.history()).await?;
    if current.is_empty() {
        plan.steps.push(table::current(collection, engine));
    } else {
        table::differences(collection, &current, table::Which::Current, plan);
    }
    if history.is_empty() {
        plan.steps.push(table::history(collection));
    } else {
        table::differences(collection, &history, table::Which::History, plan);
    }
    let view = quote_path(&collection.table);
    let shown = catalog.columns(&view).await?;
    let wanted: Vec<String> = collection
        .columns
        .iter()
        .map(|column| column.name.clone())
        .chain(table::SHOWN.map(str::to_owned))
        .collect();
    let kind = catalog.kind(&view).await?;
    match kind {
        None => plan.steps.push(table::view(collection)),
        Some('v') => {
            let columns: Vec<String> = shown.into_iter().map(|column| column.name).collect();
            // A column that was added is shown; one more in the view is nobody's harm.
            if !wanted.iter().all(|column| columns.contains(column)) {
                plan.steps.push(Step {
                    about: format!("view {} of collection {}, to be made anew", collection.table, collection.name),
                    sql: format!("drop view {view}"),
                });
                plan.steps.push(table::view(collection));
            }
        }
        Some(_) => plan.problems.push(format!(
            "{} is a table, and collection {} needs that name for its view; see docs/guide/revisions.md on how to \
             adopt a table",
            collection.table, collection.name
        )),
    }
    for (name, step) in table::named_indexes(collection) {
        let schema = collection.table.split_once('.').map(|(schema, _)| schema);
        let path = match schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&name)),
            None => quote(&name),
        };
        if catalog.kind(&path).await?.is_none() {
            plan.steps.push(step);
        }
    }
    if engine == EngineKind::PostgreSql {
        trigger::lacking(catalog, collection, plan).await?;
    }
    Ok(())
}
