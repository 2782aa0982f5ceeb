//! Tables of collections kept in revisions: made, changed, and refused where they are somebody else's.

use model::model::Model;
use store::migration::{Plan, apply, plan};

use crate::{
    kept::{Kept, body, migrate, model_with, things},
    world::{NAME, World, model_of},
};

/// A model like that of `things` with one text of it replaced.
fn edited(from: &str, to: &str) -> Model {
    let toml = format!(
        "name = \"test\"\ntitle = \"Test\"\nobject = \"things\"\n[database.{NAME}]\n\
         [collection.things]\ndatabase = \"{NAME}\"\nkey = \"id\"\nrevisions = true\nobject = \"owner\"\ntime = \"at\"\n\
         required = [\"owner\"]\n\
         columns = {{ id = \"int4\", owner = \"text\", at = \"timestamptz\", n = \"int4\" }}\n\
         [[section]]\nname = \"own\"\ntitle = \"Own\"\ndatabase = \"{NAME}\"\nsql = \"select 1 as o where 1 = any($1)\"\n\
         object = {{ o = \"int4\" }}\ncolumns = {{ o = \"int4\" }}\n"
    );
    assert!(toml.contains(from), "{from}");
    model_of(&toml.replace(from, to))
}

async fn said(world: &World, model: &Model) -> String {
    plan(&world.databases, model, 0).await.unwrap().to_string()
}

#[tokio::test]
async fn an_empty_database_gets_all_of_it() {
    let Some(world) = World::new().await else { return };
    let model = things();
    let first = said(&world, &model).await;
    insta::assert_snapshot!(first);
    assert_eq!(said(&world, &model).await, first, "a plan changes nothing");
    let applied = apply(&world.databases, &model, 0).await.unwrap();
    assert_eq!(applied.to_string(), first);
    assert_eq!(said(&world, &model).await, "-- database main\n-- nothing to do\n");
    let again = apply(&world.databases, &model, 0).await.unwrap();
    assert!(again.steps.is_empty());
}

#[tokio::test]
async fn several_start_at_once() {
    let Some(world) = World::new().await else { return };
    let model = things();
    let (a, b, c) = tokio::join!(
        apply(&world.databases, &model, 0),
        apply(&world.databases, &model, 0),
        apply(&world.databases, &model, 0)
    );
    let made = [a, b, c].map(|plan| plan.unwrap().steps.len());
    assert_eq!(made.iter().filter(|steps| **steps > 0).count(), 1, "{made:?}");
}

#[tokio::test]
async fn a_model_that_changes_is_followed() {
    let Some(world) = World::new().await else { return };
    let first = edited("", "");
    migrate(&world.databases, &first).await;
    let pool = world.pool(1);
    let kept = |model: &'static Model| Kept {
        pool: &pool,
        collection: model.objects(),
    };
    let first: &'static Model = Box::leak(Box::new(first));
    kept(first).create(1, &body("a", 0, 1)).await.unwrap();
    let more = edited(
        "n = \"int4\" }",
        "n = \"int4\", note = \"text\", month = \"int2\" }\ncomputed = { month = \"date_part('month', at at time zone 'UTC')::int2\" }",
    );
    insta::assert_snapshot!(said(&world, &more).await);
    migrate(&world.databases, &more).await;
    assert_eq!(said(&world, &more).await, "-- database main\n-- nothing to do\n");
    let more: &'static Model = Box::leak(Box::new(more));
    kept(more)
        .patch(1, 1, &serde_json::json!({ "note": "new" }))
        .await
        .unwrap();
    let sql = "select count(*) from things where note = 'new' and month = 7";
    assert_eq!(world.count(sql).await, 1);
    // What is no longer declared stays.
    assert_eq!(said(&world, first).await, "-- database main\n-- nothing to do\n");
    kept(first)
        .patch(1, 2, &serde_json::json!({ "n": 2 }))
        .await
        .unwrap();
    assert_eq!(world.count(sql).await, 1);
    let required = edited("required = [\"owner\"]", "required = [\"n\"]");
    insta::assert_snapshot!(said(&world, &required).await);
    migrate(&world.databases, &required).await;
}

#[tokio::test]
async fn what_is_not_ours_stays() {
    let check = async |sql: &str, model: &Model| {
        let world = World::with(sql).await?;
        let refused = apply(&world.databases, model, 0).await.unwrap_err().to_string();
        let Plan { problems, .. } = plan(&world.databases, model, 0).await.unwrap();
        assert!(refused.contains(&problems.join("; ")), "{refused}");
        let tables = "select count(*) from pg_class where relname = 'object_version'";
        assert_eq!(world.count(tables).await, 0, "all or nothing");
        Some(problems.join("\n"))
    };
    let model = edited("", "");
    let Some(table) = check("create table things (id int)", &model).await else {
        return;
    };
    let other = check(
        "create table things_current (id int4 primary key, owner int4, n int4 generated always as (id) stored, revision int8)",
        &model,
    );
    insta::assert_snapshot!([table, other.await.unwrap()].join("\n\n"));
}

#[tokio::test]
async fn a_schema_of_its_own_and_names_that_need_quotes() {
    let Some(world) = World::with("create schema \"Odd one\"").await else {
        return;
    };
    let model = model_with("things", "table = 'Odd one.sel\"ect'");
    migrate(&world.databases, &model).await;
    assert_eq!(said(&world, &model).await, "-- database main\n-- nothing to do\n");
    let pool = world.pool(1);
    let kept = Kept {
        pool: &pool,
        collection: model.objects(),
    };
    kept.create(1, &body("a", 0, 1)).await.unwrap();
    kept.delete(1, 1).await.unwrap();
    assert_eq!(
        world
            .count("select count(*) from \"Odd one\".\"sel\"\"ect_history\"")
            .await,
        1
    );
}
