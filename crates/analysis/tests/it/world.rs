//! A model over a fresh database, and engines of every strategy over it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use analysis::{
    config::{Config, Strategy},
    document::Document,
    engine::{Engine, Existence},
    error::Error,
};
use embedded::{
    External, Supervisor,
    testing::{TestServer, temporary_directory},
};
use model::{file::Files, model::Model, plan::Plan};
use store::open::Store;
use tokio::time::Instant;
use tokio_postgres::Client;

/// A database, and a model over it in which every database's name stands for that one.
pub(crate) struct World {
    pub(crate) model: Arc<Model>,
    pub(crate) store: Arc<Store>,
    pub(crate) outside: Client,
}

impl World {
    /// None, loudly, where there is no PostgreSQL. `connections` to each database of the model.
    pub(crate) async fn new(model: &str, sql: &str, connections: usize) -> Option<World> {
        let model = match model::check::check(&Files::new([("model.toml", model)])) {
            Ok(model) => Arc::new(model),
            Err(faults) => panic!("{faults}"),
        };
        let server = TestServer::shared().await?;
        let database = server.database().await;
        let outside = database.connect().await;
        outside.batch_execute(sql).await.unwrap();
        let names: Vec<String> = model
            .databases
            .iter()
            .map(|database| database.name.clone())
            .collect();
        let url = || External::Url(database.url.clone());
        let config = embedded::Config {
            directory: temporary_directory(),
            engine: embedded::Engine::Managed,
            external: names
                .iter()
                .map(|name| (name.clone(), url()))
                .collect::<BTreeMap<_, _>>(),
            search: Vec::new(),
            search_known: true,
            settings: Vec::new(),
            sync: false,
            supervisor: Supervisor::Direct,
            connect_timeout: Duration::from_secs(10),
        };
        let databases = Arc::new(embedded::open(&config, &names).await.unwrap());
        let pool = store::config::Config {
            connections,
            statement_timeout: None,
            wait_max: Duration::from_secs(20),
            connect_max: Duration::from_secs(10),
            slow: Duration::from_secs(1),
            comments: false,
        };
        let store = Arc::new(Store::new(&model, databases, vec![pool; names.len()]));
        Some(World {
            model,
            store,
            outside,
        })
    }

    pub(crate) fn engine(&self, strategy: Strategy) -> Engine {
        let config = Config {
            strategy,
            batch_ids_max: 1000,
            batch_ids_min: 64,
            waiting_max: 10_000,
            ahead_max: 64,
            keep_references: false,
            cache_bytes: 0,
        };
        Engine::new(self.model.clone(), self.store.clone(), config)
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan::analysis(&self.model)
    }

    /// Statements so far, over all pools.
    pub(crate) fn statements(&self) -> u64 {
        self.store
            .pools()
            .iter()
            .map(|pool| pool.metric().statements.get())
            .sum()
    }
}

/// Long enough for everything that is to succeed.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

pub(crate) async fn document(engine: &Engine, id: &str, plan: &Plan) -> Result<Document, Error> {
    engine.document(&id.into(), plan, Existence::Asked, soon()).await
}

pub(crate) fn text(document: &Document) -> String {
    String::from_utf8(document.body().to_vec()).unwrap()
}
