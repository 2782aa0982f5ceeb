//! What a database says of a model.

use model::model::Model;
use store::{
    check::{Finding, Severity, check, shape},
    open::Store,
};

use crate::world::{NAME, World, config, model, soon};

const TABLES: &str = "create table things (id text primary key, n int8);
    create table events (key int, thing text, at timestamptz, amount numeric, note varchar(9));
    insert into events select i, 't' || i % 1000, now(), i, 'x' from generate_series(1, 20000) i;
    analyze events";

fn model_with(dataset: &str, columns: &str, own: &str) -> Model {
    let toml = format!(
        "name = \"test\"\ntitle = \"Test\"\nobject = \"things\"\n\
         [database.{NAME}]\nschema = \"schema.sql\"\nload = {{ }}\n\
         [collection.things]\ntitle = \"Things\"\ndatabase = \"{NAME}\"\nkey = \"id\"\ncolumns = {{ id = \"text\", n = \"int8\" }}\n\
         [dataset.events]\ndatabase = \"{NAME}\"\nsql = \"events.sql\"\nobject = \"thing\"\ntime = \"at\"\nkey = \"key\"\n\
         columns = {{ key = \"int4\", thing = \"text\", at = \"timestamptz\", {columns} }}\n\
         [[section]]\nname = \"rows\"\ntitle = \"Rows\"\ndataset = \"events\"\nrows = [\"key\"]\n\
         [[section]]\nname = \"own\"\ntitle = \"Own\"\ndatabase = \"{NAME}\"\nsql = \"own.sql\"\n\
         object = {{ thing = \"text\" }}\ncolumns = {{ key = \"int4\" }}\n",
    );
    model([
        ("model.toml", &toml),
        ("events.sql", dataset),
        ("own.sql", own),
        ("schema.sql", "create table things ()"),
    ])
}

async fn found(world: &World, model: &Model) -> Vec<Finding> {
    let store = Store::new(model, world.databases.clone(), vec![config(1)]);
    let findings = check(&store, model, soon()).await;
    let pool = store.pool(0);
    assert_eq!(
        pool.metric().connections_opened.get(),
        1,
        "the connection is left as it was"
    );
    let errors = |findings: &[Finding]| {
        findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        errors(&shape(&store, model, soon()).await),
        errors(&findings),
        "the cheap look sees every error"
    );
    let state = "select count(*) from pg_prepared_statements where name = 'sidequest_check'";
    assert_eq!(
        crate::world::rows(pool, state).await.unwrap()[0].get::<_, i64>(0),
        0
    );
    findings
}

fn shown(findings: &[Finding]) -> Vec<String> {
    let one = |finding: &Finding| {
        let Finding {
            severity,
            what,
            message,
            hint,
            ..
        } = finding;
        format!(
            "{severity:?} {what}: {message} | {}",
            hint.as_deref().unwrap_or("-")
        )
    };
    findings.iter().map(one).collect()
}

const OWN: &str = "select thing, key from events where thing = any($1) order by thing";
const SCAN: &str = "it reads all 20000 rows of `events` for the ids it is asked for";

#[tokio::test]
async fn an_index_makes_a_model_fine() {
    let index = format!("{TABLES}; create index on events (thing, at, key)");
    let Some(world) = World::with(&index).await else {
        return;
    };
    let model = model_with(
        "select * from events where thing = any($1)",
        "amount = \"float8\", note = \"text\"",
        OWN,
    );
    assert_eq!(shown(&found(&world, &model).await), [""; 0]);
}

#[tokio::test]
async fn a_missing_index_is_a_warning_with_the_index() {
    let Some(world) = World::with(TABLES).await else {
        return;
    };
    for sql in [
        "select * from events where thing = any($1)",
        "select e.* from unnest($1::text[]) as ids (id) join events e on e.thing = ids.id",
        "with e as (select * from events) select * from e where thing = any($1) and amount > 0",
    ] {
        let model = model_with(sql, "note = \"text\"", OWN);
        let expect = [
            format!("Warning dataset `events`: {SCAN} | create index on events (thing, at, key)"),
            format!("Warning section `own`: {SCAN} | create index on events (thing)"),
        ];
        assert_eq!(shown(&found(&world, &model).await), expect, "{sql}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_named_with_its_place() {
    let index = format!("{TABLES}; create index on events (thing, at, key)");
    let Some(world) = World::with(&index).await else {
        return;
    };
    for (sql, columns, expect) in [
        (
            "select *\nfrom events\nwhere thin = any($1)",
            "note = \"text\"",
            "Error dataset `events`: PostgreSQL: column \"thin\" does not exist (42703) at events.sql:3:7: where thin = any($1) \
             | Perhaps you meant to reference the column \"events.thing\".",
        ),
        (
            "select * from event where thing = any($1)",
            "note = \"text\"",
            "Error dataset `events`: PostgreSQL: relation \"event\" does not exist (42P01) at events.sql:1:15: \
             select * from event where thing = any($1) | Sidequest makes no tables in a database of yours: run `schema.sql` in it, \
             or leave out `--database main=..` and get one that is filled",
        ),
        (
            "select key, thing, at from events where thing = any($1)",
            "note = \"text\"",
            "Error dataset `events`: column `note` is missing | it returns `key`, `thing`, `at`",
        ),
        (
            "select *, 'y' as note from events where thing = any($1)",
            "note = \"text\"",
            "Error dataset `events`: column `note` is returned twice | give one of them another name by `as`",
        ),
        (
            "select * from events where thing = any($1)",
            "note = \"int4\"",
            "Warning dataset `events`: column `note` is varchar, declared int4: a value that does not fit fails the whole statement \
             | declare `note = \"text\"`, or cast it in the SQL",
        ),
        (
            "select * from events where thing = any($1)",
            "amount = \"uuid\"",
            "Warning dataset `events`: column `amount` is numeric, declared uuid: a value that does not fit fails the whole statement \
             | cast it in the SQL: `amount::...`",
        ),
        (
            "select * from events where key = any($1)",
            "note = \"text\"",
            "Error dataset `events`: $1 is _int4, and the ids are text | compare with the column itself: `= any($1)`",
        ),
    ] {
        let model = model_with(sql, columns, OWN);
        assert_eq!(shown(&found(&world, &model).await)[0], expect);
    }
}

#[tokio::test]
async fn an_empty_database_says_what_is_missing() {
    let Some(world) = World::new().await else { return };
    let model = model_with(
        "select * from events where thing = any($1)",
        "note = \"text\"",
        OWN,
    );
    let findings = found(&world, &model).await;
    assert_eq!(findings.len(), 3);
    for finding in &findings {
        assert!(finding.message.contains("does not exist (42P01)"), "{finding:?}");
        assert!(
            finding
                .hint
                .as_deref()
                .unwrap()
                .contains("run `schema.sql` in it"),
            "{finding:?}"
        );
    }
}
