//! What tests stand on: a database behind a pool, a model over it, and a look at what the server does.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use embedded::{
    Databases, Engine, External, Supervisor,
    testing::{TestDatabase, TestServer, temporary_directory},
};
use model::{file::Files, model::Model};
use store::{config::Config, error::Error, pool::Pool, query::Run};
use tokio::time::Instant;
use tokio_postgres::{Client, Row};

/// The name of the database in every model here.
pub(crate) const NAME: &str = "main";

/// A fresh database.
pub(crate) struct World {
    pub(crate) databases: Arc<Databases>,
    /// Another connection, to look from outside.
    pub(crate) outside: Client,
}

impl World {
    /// None, loudly, where there is no PostgreSQL.
    pub(crate) async fn new() -> Option<World> {
        World::with("").await
    }

    /// After the SQL was run.
    pub(crate) async fn with(sql: &str) -> Option<World> {
        let server = TestServer::shared().await?;
        let database = server.database().await;
        let outside = database.connect().await;
        outside.batch_execute(sql).await.unwrap();
        Some(World {
            databases: Arc::new(external(&database).await),
            outside,
        })
    }

    pub(crate) fn pool(&self, connections: usize) -> Pool {
        self.pool_of(config(connections))
    }

    pub(crate) fn pool_of(&self, config: Config) -> Pool {
        Pool::new(NAME.to_owned(), config, self.databases.clone())
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        self.outside.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Statements of others that run in this database.
    pub(crate) async fn active(&self) -> i64 {
        self.count(
            "select count(*) from pg_stat_activity \
             where datname = current_database() and state = 'active' and pid <> pg_backend_pid()",
        )
        .await
    }

    /// Waits until somebody's `pg_sleep` runs.
    pub(crate) async fn until_asleep(&self) {
        let asleep = "select count(*) from pg_stat_activity \
                      where datname = current_database() and wait_event = 'PgSleep'";
        while self.count(asleep).await == 0 {}
    }
}

async fn external(database: &TestDatabase<'_>) -> Databases {
    let mut config = embedded(Engine::Managed);
    config
        .external
        .insert(NAME.to_owned(), External::Url(database.url.clone()));
    embedded::open(&config, &[NAME.to_owned()]).await.unwrap()
}

pub(crate) fn embedded(engine: Engine) -> embedded::Config {
    embedded::Config {
        directory: temporary_directory(),
        engine,
        external: BTreeMap::new(),
        search: Vec::new(),
        search_known: true,
        settings: Vec::new(),
        sync: false,
        supervisor: Supervisor::Direct,
        connect_timeout: Duration::from_secs(10),
    }
}

pub(crate) fn config(connections: usize) -> Config {
    Config {
        connections,
        statement_timeout: None,
        wait_max: Duration::from_secs(20),
        connect_max: Duration::from_secs(10),
        slow: Duration::from_secs(1),
        comments: false,
    }
}

/// Long enough for everything that is to succeed.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

pub(crate) fn after_ms(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

/// A statement without parameters.
pub(crate) async fn rows_until(pool: &Pool, sql: &str, deadline: Instant) -> Result<Vec<Row>, Error> {
    let sql = sql.into();
    pool.rows(Run {
        what: "a test",
        sql: &sql,
        parameters: &[],
        deadline,
        abandoned: None,
    })
    .await
}

pub(crate) async fn rows(pool: &Pool, sql: &str) -> Result<Vec<Row>, Error> {
    rows_until(pool, sql, soon()).await
}

pub(crate) async fn backend(pool: &Pool) -> i32 {
    rows(pool, "select pg_backend_pid()").await.unwrap()[0].get(0)
}

/// A checked model of these files.
pub(crate) fn model<const N: usize>(files: [(&str, &str); N]) -> Model {
    match model::check::check(&Files::new(files)) {
        Ok(model) => model,
        Err(faults) => panic!("{faults}"),
    }
}

/// The same of `model.toml` alone.
pub(crate) fn model_of(toml: &str) -> Model {
    model([("model.toml", toml)])
}
