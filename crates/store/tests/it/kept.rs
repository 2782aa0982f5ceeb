//! A collection kept in revisions for tests: things of owners, in order of time.

use std::sync::Arc;

use embedded::Databases;
use model::{collection::Collection, model::Model};
use serde_json::{Value, json};
use store::{
    content::{Content, Part},
    migration,
    pool::Pool,
    revision::{self, Change, Refusal, Write, Written},
};

use crate::world::{NAME, World, model_of, soon};

/// Columns of many types, one of them computed, behind names that need quotes.
pub(crate) fn things() -> Model {
    model_with("things", "")
}

/// The same with more said of the collection.
pub(crate) fn model_with(name: &str, more: &str) -> Model {
    model_of(&format!(
        "name = \"test\"\ntitle = \"Test\"\nobject = \"{name}\"\n\
         [database.{NAME}]\n\
         [collection.{name}]\ndatabase = \"{NAME}\"\nkey = \"id\"\nrevisions = true\nobject = \"owner\"\ntime = \"at\"\n\
         required = [\"owner\"]\nbounds = {{ n = \"-5..1000000\", \"the word\" = \"..10\" }}\n\
         computed = {{ twice = \"n * 2\" }}\n\
         columns = {{ id = \"int4\", owner = \"text\", at = \"timestamptz\", \"the word\" = \"text\", n = \"int4\", \
         twice = \"int4\", real = \"float8\", flag = \"bool\", day = \"date\", u = \"uuid\", j = \"json\" }}\n{more}\n\
         [[section]]\nname = \"own\"\ntitle = \"Own\"\ndatabase = \"{NAME}\"\nsql = \"select 1 as o where 1 = any($1)\"\n\
         object = {{ o = \"int4\" }}\ncolumns = {{ o = \"int4\" }}\n",
    ))
}

/// A database with the model's tables.
pub(crate) async fn migrated(model: &Model) -> Option<World> {
    let world = World::new().await?;
    migrate(&world.databases, model).await;
    Some(world)
}

pub(crate) async fn migrate(databases: &Arc<Databases>, model: &Model) {
    let plan = migration::apply(databases, model, 0).await.unwrap();
    assert_eq!(plan.problems, Vec::<String>::new());
}

/// A thing of this owner and hour.
pub(crate) fn body(owner: &str, hour: i64, n: i64) -> Value {
    let at = jiff::Timestamp::from_second(1_372_636_800 + hour * 3600).unwrap();
    json!({ "owner": owner, "at": at.to_string(), "n": n })
}

pub(crate) fn content(collection: &Collection, key: i32, body: &Value) -> Content {
    Content::of_json(collection, body, Some(&key.to_string())).unwrap()
}

pub(crate) fn change(key: i32, write: Write, author: &str) -> Change {
    Change {
        key: key.to_string().into(),
        write,
        author: Some(author.to_owned()),
        comment: None,
    }
}

/// One collection behind one pool.
pub(crate) struct Kept<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) collection: &'a Collection,
}

impl Kept<'_> {
    pub(crate) async fn write(&self, change: &Change) -> Result<Written, Refusal> {
        revision::write(self.pool, self.collection, change, soon()).await
    }

    pub(crate) async fn create(&self, key: i32, body: &Value) -> Result<Written, Refusal> {
        let content = content(self.collection, key, body);
        self.write(&change(key, Write::Create(content), "creator")).await
    }

    pub(crate) async fn replace(&self, key: i32, expected: i32, body: &Value) -> Result<Written, Refusal> {
        let content = content(self.collection, key, body);
        self.write(&change(key, Write::Replace { expected, content }, "replacer"))
            .await
    }

    pub(crate) async fn patch(&self, key: i32, expected: i32, body: &Value) -> Result<Written, Refusal> {
        let part = Part::of_json(self.collection, body, &key.to_string()).unwrap();
        self.write(&change(key, Write::Patch { expected, part }, "patcher"))
            .await
    }

    pub(crate) async fn delete(&self, key: i32, expected: i32) -> Result<Written, Refusal> {
        self.write(&change(key, Write::Delete { expected }, "deleter"))
            .await
    }
}
