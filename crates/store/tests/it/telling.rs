//! What a statement tells of itself: its trace in a comment, its plan in the log.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use store::{config::Config, pool::Pool, query::Run};
use telemetry::{
    log::{self, Format},
    metric::Registry,
    trace::{
        self, Trace,
        parent::Traceparent,
        tracer::{self, Tracer},
    },
};

use crate::world::{World, config, rows, soon};

/// Its own text, as everybody sees it in the database's list of activities.
const SELF: &str = "select query, $1::int4 from pg_stat_activity where pid = pg_backend_pid()";

fn tracer(share: f64) -> Tracer {
    let config = tracer::Config {
        enabled: true,
        share,
        slow: Duration::from_secs(3600),
        follow_parent: true,
        ring_traces_max: 8,
        kept_per_second_max: 1000,
    };
    Tracer::new(config, &Registry::new(), None)
}

fn commenting() -> Config {
    Config {
        comments: true,
        ..config(1)
    }
}

/// What PostgreSQL shows of a statement of this trace.
async fn shown(pool: &Pool, trace: &Trace) -> String {
    let sql = SELF.into();
    let run = Run {
        what: "itself",
        sql: &sql,
        parameters: &[&7_i32],
        deadline: soon(),
        abandoned: None,
    };
    let rows = trace::scope(trace.clone(), pool.rows(run)).await.unwrap();
    assert_eq!(rows[0].get::<_, i32>(1), 7);
    rows[0].get(0)
}

#[tokio::test]
async fn a_comment_names_the_trace() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool_of(commenting());
    let asked = Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let trace = tracer(0.0).request(asked, Instant::now());
    let query = shown(&pool, &trace).await;
    let (comment, sql) = query.split_once("*/ ").unwrap();
    assert_eq!(sql, SELF);
    let named = comment
        .strip_prefix("/*traceparent='")
        .unwrap()
        .trim_end_matches('\'');
    let named = Traceparent::parse(named).unwrap();
    assert_eq!(Some(named.trace), trace.id());
    assert!(named.sampled && named.span != asked.unwrap().span, "{query}");
    // Of the random share, too; and a batch names one that it works for.
    let tracer = tracer(1.0);
    let member = tracer.request(None, Instant::now());
    let batch = member.batch();
    batch.works_for(&member);
    let id = member.id().unwrap().to_string();
    assert!(shown(&pool, &batch).await.contains(&id));
    assert!(shown(&pool, &member).await.contains(&id));
}

#[tokio::test]
async fn others_are_left_as_they_are_and_stay_prepared() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool_of(commenting());
    let unasked = tracer(0.0).request(None, Instant::now());
    assert_eq!(shown(&pool, &unasked).await, SELF);
    assert_eq!(shown(&pool, &Trace::off()).await, SELF);
    let chosen = tracer(1.0).request(None, Instant::now());
    for _ in 0..3 {
        assert!(shown(&pool, &chosen).await.starts_with("/*traceparent="));
    }
    assert_eq!(shown(&pool, &unasked).await, SELF);
    let prepared = "select count(*) from pg_prepared_statements where statement like 'select query%'";
    assert_eq!(rows(&pool, prepared).await.unwrap()[0].get::<_, i64>(0), 1);
    let off = world.pool(1);
    assert_eq!(shown(&off, &chosen).await, SELF);
}

#[tokio::test]
async fn an_error_of_a_commented_statement_ends_it_alone() {
    let Some(world) = World::new().await else { return };
    let pool = world.pool_of(commenting());
    let trace = tracer(1.0).request(None, Instant::now());
    let sql = "select 1 / $1::int4".into();
    let run = Run {
        what: "a fault",
        sql: &sql,
        parameters: &[&0_i32],
        deadline: soon(),
        abandoned: None,
    };
    assert!(trace::scope(trace.clone(), pool.rows(run)).await.is_err());
    assert!(shown(&pool, &trace).await.starts_with("/*traceparent="));
    assert_eq!(pool.metric().connections_opened.get(), 1);
}

const TABLE: &str = "create table things (id int4, note text); \
     insert into things select n, 'marked ' || n from generate_series(1, 20000) n; analyze things";

#[tokio::test]
async fn a_plan_is_asked_beside_the_pool() {
    let Some(world) = World::with(TABLE).await else {
        return;
    };
    let pool = world.pool(1);
    // Nobody waits for the only connection.
    let held = pool.get(soon()).await.unwrap();
    let statements: [Arc<str>; 4] = [
        "select note from things where id = any($1) order by note".into(),
        "copy things from stdin".into(),
        "select 1".into(),
        "insert into things select id, $1 from things where note = $2 returning id".into(),
    ];
    let plans = pool.plans(&statements, soon()).await;
    assert_eq!(pool.metric().connections_opened.get(), 1);
    drop(held);
    let plan = plans[0].as_ref().unwrap();
    let worst = plan.worst().unwrap();
    assert_eq!(
        (worst.kind.as_str(), worst.on.as_deref()),
        ("Seq Scan", Some("things"))
    );
    assert!(
        worst.share > 0.5 && worst.condition.as_deref().unwrap().contains("$1"),
        "{plan}"
    );
    assert_eq!(plan.rows_read, 20_000.0);
    assert!(plan.rows_returned < 1000.0, "{plan:?}");
    assert!(plans[1].is_none(), "COPY has no plan");
    assert!(plans[2].is_some());
    assert!(
        plans[3]
            .as_ref()
            .unwrap()
            .to_string()
            .contains("Seq Scan on things")
    );
    assert_eq!(
        world.count("select count(*) from things").await,
        20_000,
        "nothing ran"
    );
    assert_eq!(pool.plans(&statements[..1], soon()).await[0], plans[0]);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    async fn until(&self, holds: impl Fn(&str) -> bool) -> String {
        let deadline = soon();
        loop {
            let text = self.text();
            if holds(&text) {
                return text;
            }
            assert!(tokio::time::Instant::now() < deadline, "{text}");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_slow_statement_is_logged_with_its_plan_and_without_values() {
    let Some(world) = World::with(TABLE).await else {
        return;
    };
    let lines = Lines::default();
    let writer = lines.clone();
    let logged = log::Config {
        format: Format::Json,
        colours: false,
        filter: "info".to_owned(),
    };
    // One thread runs the test and its tasks.
    let (_guard, _level) = log::start_scoped(&logged, move || writer.clone()).unwrap();
    let pool = world.pool_of(Config {
        slow: Duration::from_millis(20),
        ..config(1)
    });
    let sql = "select note, pg_sleep(0.03) from things where note = $1".into();
    for _ in 0..30 {
        let run = Run {
            what: "things",
            sql: &sql,
            parameters: &[&"marked 7"],
            deadline: soon(),
            abandoned: None,
        };
        assert_eq!(pool.rows(run).await.unwrap().len(), 1);
    }
    let plans = |text: &str| text.matches("the plan of a slow statement").count();
    let text = lines.until(|text| plans(text) >= 6).await;
    assert!(
        text.contains("Seq Scan on things") && text.contains("note = $1"),
        "{text}"
    );
    assert!(text.contains(r#""statement":"things""#), "{text}");
    assert!(!text.contains("marked"), "{text}");
    // Of thirty slow ones some are told, and fewer of their plans.
    let slow = text.matches("a slow statement\"").count();
    assert!((6..=20).contains(&slow), "{slow}");
    assert_eq!(plans(&text), 6);
}
