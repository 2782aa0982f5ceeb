//! Collections kept in revisions in two databases, which tests write to, and engines that keep what they made.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use analysis::{
    config::{Config, Strategy},
    engine::{Engine, Existence},
    error::Error,
    exact::{Answered, Question, Reuse},
    mark::Tag,
};
use embedded::{
    Databases, External, Supervisor,
    testing::{TestServer, temporary_directory},
};
use jiff::Timestamp;
use model::{file::Files, model::Model, plan::Plan};
use serde_json::{Value, json};
use store::{
    content::{Content, Part},
    migration,
    open::Store,
    revision::{self, Change, Refusal, Write, Written},
};
use tokio_postgres::Client;

use crate::world::soon;

/// All that is known exactly: everything but the notes.
pub(crate) const EXACT: [&str; 4] = ["orders", "by", "total", "peers"];

const SIDE: &str = "create table notes (id int4 primary key, customer int4, at timestamptz, note text);
    insert into notes values (1, 1, '2024-01-01T00:00:00Z', 'first')";
const MAIN: &str = "create table places (city text, rain int4);
    create table places_version (n int4); insert into places_version values (1);
    insert into places values ('Ulm', 1), ('Bonn', 2)";

pub(crate) struct Ledger {
    pub(crate) model: Arc<Model>,
    pub(crate) store: Arc<Store>,
    pub(crate) databases: Arc<Databases>,
    /// A connection to each database that the engine knows nothing of.
    pub(crate) main: Client,
    pub(crate) side: Client,
}

impl Ledger {
    /// Two databases with `customers` customers, each with an order; none where there is no PostgreSQL.
    pub(crate) async fn new(customers: i32) -> Option<Ledger> {
        let files = Files::new([("model.toml", include_str!("ledger.toml"))]);
        let model = model::check::check(&files).unwrap_or_else(|faults| panic!("{faults}"));
        let model = Arc::new(model);
        let server = TestServer::shared().await?;
        let (main, side) = (server.database().await, server.database().await);
        let names: Vec<String> = model
            .databases
            .iter()
            .map(|database| database.name.clone())
            .collect();
        let config = embedded::Config {
            directory: temporary_directory(),
            engine: embedded::Engine::Managed,
            external: BTreeMap::from([
                (names[0].clone(), External::Url(main.url.clone())),
                (names[1].clone(), External::Url(side.url.clone())),
            ]),
            search: Vec::new(),
            search_known: true,
            settings: Vec::new(),
            sync: false,
            supervisor: Supervisor::Direct,
            connect_timeout: Duration::from_secs(10),
        };
        let databases = Arc::new(embedded::open(&config, &names).await.unwrap());
        for database in 0..names.len() {
            migration::apply(&databases, &model, database).await.unwrap();
        }
        let pool = store::config::Config {
            connections: 4,
            statement_timeout: None,
            wait_max: Duration::from_secs(20),
            connect_max: Duration::from_secs(10),
            slow: Duration::from_secs(1),
            comments: false,
        };
        let ledger = Ledger {
            store: Arc::new(Store::new(&model, databases.clone(), vec![pool; names.len()])),
            databases,
            model,
            main: main.connect().await,
            side: side.connect().await,
        };
        ledger.main.batch_execute(MAIN).await.unwrap();
        ledger.side.batch_execute(SIDE).await.unwrap();
        for id in 1..=customers {
            ledger.create("customers", id, customer(id % 3)).await;
            ledger.create("orders", id, order(id, 1)).await;
        }
        Some(ledger)
    }

    pub(crate) fn engine(&self, cache_bytes: usize) -> Engine {
        let config = Config {
            strategy: Strategy::Fused,
            batch_ids_max: 1000,
            batch_ids_min: 64,
            waiting_max: 10_000,
            ahead_max: 64,
            keep_references: true,
            cache_bytes,
        };
        Engine::new(self.model.clone(), self.store.clone(), config)
    }

    pub(crate) fn plan(&self, fields: &[&str]) -> Plan {
        Plan::fields(&self.model, fields).unwrap()
    }

    /// Statements so far, by database.
    pub(crate) fn statements(&self) -> [u64; 2] {
        [0, 1].map(|database| self.store.pool(database).metric().statements.get())
    }

    pub(crate) async fn create(&self, collection: &str, key: i32, body: Value) -> Written {
        let at = self.model.collection(collection).unwrap();
        let content = Content::of_json(&self.model.collections[at], &body, Some(&key.to_string())).unwrap();
        self.write(collection, key, Write::Create(content)).await.unwrap()
    }

    pub(crate) async fn patch(
        &self,
        collection: &str,
        key: i32,
        expected: i32,
        body: Value,
    ) -> Result<Written, Refusal> {
        let at = self.model.collection(collection).unwrap();
        let part = Part::of_json(&self.model.collections[at], &body, &key.to_string()).unwrap();
        self.write(collection, key, Write::Patch { expected, part }).await
    }

    pub(crate) async fn write(&self, collection: &str, key: i32, write: Write) -> Result<Written, Refusal> {
        let collection = &self.model.collections[self.model.collection(collection).unwrap()];
        let change = Change {
            key: key.to_string().into(),
            write,
            author: None,
            comment: None,
        };
        revision::write(self.store.pool(collection.database), collection, &change, soon()).await
    }
}

pub(crate) fn customer(grade: i32) -> Value {
    json!({ "name": format!("of grade {grade}"), "grade": grade })
}

pub(crate) fn order(customer: i32, amount: i32) -> Value {
    json!({ "customer": customer, "at": "2024-01-01T00:00:00Z", "city": "Ulm", "amount": amount })
}

pub(crate) async fn ask(
    engine: &Engine,
    id: &str,
    plan: &Plan,
    as_of: Option<Timestamp>,
) -> Result<Answered, Error> {
    let question = Question {
        plan,
        as_of,
        existence: Existence::Asked,
        reuse: Reuse::Exact,
    };
    let look = engine.look(&id.into(), &question, soon()).await?;
    let before = look.tag(engine);
    let answered = engine.answer(look).await?;
    // What is told before the answer holds for it, unless somebody wrote meanwhile.
    assert!(answered.tag.is_none() || before.is_some());
    Ok(answered)
}

/// The document and its tag.
pub(crate) async fn read(engine: &Engine, id: i32, plan: &Plan) -> (Value, Option<Tag>) {
    let answered = ask(engine, &id.to_string(), plan, None).await.unwrap();
    (json_of(&answered), answered.tag)
}

pub(crate) fn json_of(answered: &Answered) -> Value {
    serde_json::from_slice(answered.document.body()).unwrap()
}
