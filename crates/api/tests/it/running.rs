//! A server of one test, over databases of its own.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use analysis::{config::Strategy, engine::Engine};
use api::{
    config::{Config, Tls},
    error::Error,
    observe::Observe,
    server::{self, Server},
};
use embedded::{Databases, External, Supervisor, testing::TestServer};
use model::{check::check, file::Files, model::Model};
use store::open::Store;
use telemetry::{
    metric::Registry,
    profile::Profiler,
    trace::tracer::{self, Tracer},
};
use tokio::{
    sync::{OnceCell, oneshot},
    task::JoinHandle,
};

/// Things in the database; their keys are `t0000` to `t1999`.
pub(crate) const THINGS: usize = 2000;

const MODEL: &str = r#"
name = "test"
title = "Things"
object = "things"
[database.main]
[collection.things]
title = "Things"
database = "main"
key = "key"
columns = { key = "text", name = "text", weight = "float8", maker = "int4", made = "date" }
[collection.makers]
title = "Makers"
database = "main"
key = "id"
columns = { id = "int4", name = "text" }
[dataset.events]
database = "main"
sql = "select thing, at, id, kind, size, note from events where thing = any($1) order by thing, at, id"
object = "thing"
time = "at"
key = "id"
columns = { thing = "text", at = "timestamptz", id = "int4", kind = "text", size = "int4", note = "text" }
[dataset.events.measures]
events = "count"
mean = "mean(size, 1)"
[[section]]
name = "events"
title = "All events"
dataset = "events"
rows = ["at", "kind", "size", "note"]
[[section]]
name = "by.kind"
title = "Events by kind"
dataset = "events"
by = ["kind"]
measures = ["events", "mean"]
[[section]]
name = "by.month"
title = "Events by month"
dataset = "events"
series = "month"
measures = ["events", "mean"]
trend = "mean"
gaps = true
[[section]]
name = "slow"
title = "Takes its time"
database = "main"
sql = "select key as object, (select 'done'::text from pg_sleep(0.4)) as slept from things where key = any($1) order by key"
object = { object = "text" }
columns = { slept = "text" }
single = true
"#;

const SCHEMA: &str = "
create table makers (id int4 primary key, name text);
insert into makers select n, 'maker ' || n from generate_series(1, 7) n;
create table things (key text collate \"C\" primary key, name text, weight float8, maker int4, made date);
insert into things select 't' || lpad(n::text, 4, '0'), 'thing \"' || n || '\"', case when n % 10 = 0 then null else n % 100 end,
    n % 7 + 1, date '2013-01-01' + n from generate_series(0, 1999) n;
create table events (id serial primary key, thing text collate \"C\", at timestamptz, kind text, size int4, note text);
insert into events (thing, at, kind, size, note)
    select 't' || lpad(n::text, 4, '0'), timestamptz '2013-01-01 00:00Z' + m * interval '11 days', 'k' || m % 3, m, repeat('x', 400)
    from generate_series(0, 1999) n, generate_series(1, 20) m;
create index on events (thing, at, id);
";

/// A server that runs until it is told to stop.
pub(crate) struct Running {
    pub(crate) api: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) model: Arc<Model>,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Result<(), Error>>,
}

/// Everything but sections that sleep.
pub(crate) const QUICK: &str = "fields=events,by";

pub(crate) fn config() -> Config {
    Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin: Some("127.0.0.1:0".parse().unwrap()),
        tls: Tls::Off,
        allow_remote: false,
        backlog: 1024,
        connections_max: 100,
        streams_max: 1000,
        in_flight_max: 2000,
        request_timeout: Duration::from_secs(20),
        header_timeout: Duration::from_secs(5),
        connection_age_max: Duration::from_secs(3600),
        stall_max: Duration::from_secs(60),
        drain_delay: Duration::from_millis(300),
        drain_max: Duration::from_secs(20),
        ids_max: 100,
        fields_max: 20,
        url_bytes_max: 8 * 1024,
        header_bytes_max: 32 * 1024,
        body_bytes_max: 1024,
        bulk_bytes_max: 1024 * 1024,
        import_bytes_max: 16 * 1024 * 1024,
        transfer_timeout: Duration::from_secs(60),
        transfers_max: 1,
        read_only: false,
        page_limit: 50,
        page_limit_max: 1000,
        compression: true,
    }
}

/// A bound server; none where no PostgreSQL is installed.
pub(crate) async fn bind(config: Config) -> Option<(Result<Server, Error>, Arc<Model>)> {
    bind_on(config, pool()).await
}

async fn bind_on(config: Config, pool: store::config::Config) -> Option<(Result<Server, Error>, Arc<Model>)> {
    let server = TestServer::shared().await?;
    let template = TEMPLATE.get_or_init(|| template(server)).await;
    let database = server.database_from(template).await;
    let model = checked(MODEL);
    let databases = open(&database.url).await;
    Some((bind_with(config, &model, databases, pool).await, model))
}

fn checked(text: &'static str) -> Arc<Model> {
    Arc::new(check(&Files::new([("model.toml", text)])).unwrap_or_else(|faults| panic!("{faults}")))
}

async fn open(url: &str) -> Arc<Databases> {
    let external = BTreeMap::from([("main".to_owned(), External::Url(url.to_owned()))]);
    let embedded = embedded::Config {
        directory: PathBuf::from("/nonexistent"),
        engine: embedded::Engine::Auto,
        external,
        search: Vec::new(),
        search_known: false,
        settings: Vec::new(),
        sync: false,
        supervisor: Supervisor::Direct,
        connect_timeout: Duration::from_secs(10),
    };
    Arc::new(embedded::open(&embedded, &["main".to_owned()]).await.unwrap())
}

async fn bind_to(config: Config, model: &Arc<Model>, databases: Arc<Databases>) -> Result<Server, Error> {
    bind_with(config, model, databases, pool()).await
}

fn pool() -> store::config::Config {
    store::config::Config {
        connections: 3,
        statement_timeout: None,
        wait_max: Duration::from_secs(20),
        connect_max: Duration::from_secs(10),
        slow: Duration::from_secs(1),
        comments: false,
    }
}

async fn bind_with(
    config: Config,
    model: &Arc<Model>,
    databases: Arc<Databases>,
    pool: store::config::Config,
) -> Result<Server, Error> {
    let store = Arc::new(Store::new(model, databases, vec![pool]));
    let engine = Engine::new(
        Arc::clone(model),
        Arc::clone(&store),
        analysis::config::Config {
            strategy: Strategy::Fused,
            batch_ids_max: 250,
            batch_ids_min: 10,
            waiting_max: 10_000,
            ahead_max: 100,
            keep_references: true,
            cache_bytes: 16 << 20,
        },
    );
    server::bind(config, Arc::clone(model), store, engine, observe()).await
}

/// Everything is kept, so that tests see it.
fn observe() -> Observe {
    let registry = Arc::new(Registry::new());
    let config = tracer::Config {
        enabled: true,
        share: 1.0,
        slow: Duration::from_secs(3600),
        follow_parent: true,
        ring_traces_max: 128,
        kept_per_second_max: 1_000_000,
    };
    Observe {
        tracer: Tracer::new(config, &registry, None),
        registry,
        profiler: Profiler::new(),
        log: None,
        config: "{}\n".into(),
    }
}

static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// A filled database that every test copies.
async fn template(server: &'static TestServer) -> String {
    let database = server.database().await;
    database.connect().await.batch_execute(SCHEMA).await.unwrap();
    // Nobody may be connected to what is copied, and a connection takes a moment to end.
    let other = server.database().await.connect().await;
    let connected = "select count(*) from pg_stat_activity where datname = $1";
    while other
        .query_one(connected, &[&database.name])
        .await
        .unwrap()
        .get::<_, i64>(0)
        > 0
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    database.name
}

/// A running server; none where no PostgreSQL is installed.
pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Option<Running> {
    let mut config = config();
    change(&mut config);
    let (server, model) = bind(config).await?;
    Some(run(server.unwrap(), model))
}

/// A running server whose pool has so many connections.
pub(crate) async fn start_with_connections(connections: usize) -> Option<Running> {
    let pool = store::config::Config {
        connections,
        ..pool()
    };
    let (server, model) = bind_on(config(), pool).await?;
    Some(run(server.unwrap(), model))
}

/// A running server of things whose statements carry comments and are slow at once, on a PostgreSQL of its own that
/// counts statements too. Dropped, that one ends.
pub(crate) async fn start_watched() -> Option<(Running, TestServer)> {
    let server = TestServer::start_with(&[("shared_preload_libraries", "pg_stat_statements")]).await?;
    let database = server.database().await;
    let connection = database.connect().await;
    connection.batch_execute(SCHEMA).await.unwrap();
    connection
        .batch_execute("analyze; create extension pg_stat_statements")
        .await
        .unwrap();
    let model = checked(MODEL);
    let pool = store::config::Config {
        slow: Duration::ZERO,
        comments: true,
        ..pool()
    };
    let bound = bind_with(config(), &model, open(&database.url).await, pool).await;
    let running = run(bound.unwrap(), model);
    drop(database);
    Some((running, server))
}

/// A running server of empty collections that are kept in revisions: parts, which are tracked, of boxes, and
/// notes, whose keys are made.
pub(crate) async fn start_kept(change: impl FnOnce(&mut Config)) -> Option<Running> {
    start_of(KEPT, change).await
}

/// A running server of a model whose collections are empty.
pub(crate) async fn start_of(model: &'static str, change: impl FnOnce(&mut Config)) -> Option<Running> {
    let mut config = config();
    change(&mut config);
    let database = TestServer::shared().await?.database().await;
    let connection = database.connect().await;
    connection
        .batch_execute(
            "create table makers (id int4 primary key, name text); insert into makers values (1, 'one')",
        )
        .await
        .unwrap();
    let model = checked(model);
    let databases = open(&database.url).await;
    let plan = store::migration::apply(&databases, &model, 0).await.unwrap();
    assert_eq!(plan.problems, Vec::<String>::new());
    let server = bind_to(config, &model, databases).await;
    Some(run(server.unwrap(), model))
}

const KEPT: &str = r#"
name = "kept"
title = "Parts of boxes"
object = "parts"
[database.main]
[collection.parts]
title = "Parts"
database = "main"
revisions = true
key = "id"
object = "box"
time = "at"
required = ["box"]
bounds = { size = "0..100000", name = "..20" }
computed = { twice = "size * 2" }
columns = { id = "int4", box = "text", at = "timestamptz", name = "text", size = "int4", twice = "int4", extra = "json" }
[collection.notes]
title = "Notes"
database = "main"
revisions = true
key = "note"
columns = { note = "uuid", text = "text" }
[collection.words]
title = "Words"
database = "main"
revisions = true
key = "word"
columns = { word = "text", real = "float8", day = "date", flag = "bool" }
[collection.makers]
title = "Makers"
database = "main"
key = "id"
columns = { id = "int4", name = "text" }
[[section]]
name = "own"
title = "Own"
database = "main"
sql = "select id as o, size from parts where id = any($1)"
object = { o = "int4" }
columns = { size = "int4" }
"#;

fn run(server: Server, model: Arc<Model>) -> Running {
    let addresses = server.addresses();
    let (stop, stopped) = oneshot::channel::<()>();
    #[expect(clippy::disallowed_methods, reason = "the test's end is its join")]
    let ended = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    Running {
        api: addresses.api,
        admin: addresses.admin.unwrap(),
        model,
        stop: Some(stop),
        ended,
    }
}

impl Running {
    /// Tells it to end.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Result<(), Error> {
        self.stop();
        self.ended.await.unwrap()
    }

    /// A metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = crate::client::get(self.admin, "/metrics").await.text();
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("{name} in {text}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Waits until a metric is as it should be.
    pub(crate) async fn until(&self, name: &str, holds: impl Fn(f64) -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let value = self.metric(name).await;
            if holds(value) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{name} stays at {value}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
