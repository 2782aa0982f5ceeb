//! Writes of others are told, and raise versions, where the model asks for it.

use std::sync::Arc;

use model::model::Model;
use serde_json::json;
use store::{
    migration::{CHANNEL, plan},
    version,
};

use crate::{
    kept::{Kept, body, migrate, migrated, model_with, things},
    world::{NAME, World, soon},
};

fn told() -> Model {
    model_with("things", "notify = true\n")
}

async fn versions(world: &World) -> Vec<i64> {
    let objects: Vec<Arc<str>> = ["a", "b", "c"].map(Arc::from).to_vec();
    version::of_objects(&world.pool(1), &objects, soon())
        .await
        .unwrap()
}

#[tokio::test]
async fn writes_of_others_raise_versions_and_are_told_once_an_object() {
    let model = told();
    let Some(world) = migrated(&model).await else {
        return;
    };
    let mut listening = world.databases.listen(NAME, CHANNEL).await.unwrap();
    let pool = world.pool(1);
    let kept = Kept {
        pool: &pool,
        collection: model.objects(),
    };
    // Ours raise them themselves, and tell nobody.
    kept.create(1, &body("a", 0, 1)).await.unwrap();
    kept.patch(1, 1, &json!({ "n": 2 })).await.unwrap();
    assert_eq!(versions(&world).await, [2, 0, 0]);
    for (sql, after, messages) in [
        (
            "insert into things_current (id, revision, recorded_at, owner, at) select i, 1, now(), \
             case when i % 2 = 0 then 'a' else 'b' end, now() from generate_series(100, 1099) i",
            [3, 1, 0],
            vec!["things a", "things b"],
        ),
        (
            "update things_current set n = 7 where id = 1",
            [4, 1, 0],
            vec!["things a"],
        ),
        (
            "update things_current set owner = 'c' where id in (1, 101)",
            [5, 2, 1],
            vec!["things a", "things b", "things c"],
        ),
        ("update things_current set n = 8 where id = -1", [5, 2, 1], vec![]),
        ("begin; delete from things_current; rollback", [5, 2, 1], vec![]),
        (
            "delete from things_current where owner <> 'b'",
            [6, 2, 2],
            vec!["things a", "things c"],
        ),
    ] {
        world.outside.batch_execute(sql).await.unwrap();
        world
            .outside
            .batch_execute("notify sidequest, 'end'")
            .await
            .unwrap();
        let mut heard = Vec::new();
        while let Some(message) = listening.next().await.filter(|message| message != "end") {
            heard.push(message);
        }
        assert_eq!(heard, messages, "{sql}");
        assert_eq!(versions(&world).await, after, "{sql}");
    }
    assert_eq!(pool.metric().connections_opened.get(), 1);
}

#[tokio::test]
async fn the_triggers_follow_the_model() {
    let plain = things();
    let Some(world) = migrated(&plain).await else {
        return;
    };
    let steps = async |model: &Model| -> Vec<String> {
        let plan = plan(&world.databases, model, 0).await.unwrap();
        plan.steps.into_iter().map(|step| step.about).collect()
    };
    assert_eq!(steps(&plain).await, Vec::<String>::new());
    let told = told();
    insta::assert_snapshot!(plan(&world.databases, &told, 0).await.unwrap().to_string());
    migrate(&world.databases, &told).await;
    assert_eq!(steps(&told).await, Vec::<String>::new());
    let dropped = steps(&plain).await;
    assert_eq!(dropped.len(), 3, "{dropped:?}");
    assert!(dropped[0].ends_with("to be dropped"), "{dropped:?}");
    migrate(&world.databases, &plain).await;
    assert_eq!(steps(&plain).await, Vec::<String>::new());
}
