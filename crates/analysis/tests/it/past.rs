//! Analyses as they were known at an instant: equal to what brute force finds in the history.

use std::collections::BTreeMap;

use analysis::{difference, error::Error};
use jiff::Timestamp;
use model::plan::Plan;
use serde_json::{Value, json};
use store::{
    content::Content,
    import::{Envelope, Import, Kind, Outcome, Row},
    revision::Write,
};
use tokio_postgres::Client;

use crate::{
    ledger::{EXACT, Ledger, ask, json_of, order, read},
    world::soon,
};

const CUSTOMERS: i32 = 8;
const INSTANTS: usize = 200;

/// Numbers that are always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// One revision, from the tables themselves.
struct Revision {
    key: i32,
    from: i64,
    until: i64,
    deleted: bool,
    values: Vec<Value>,
}

async fn history(client: &Client, table: &str, columns: &str) -> Vec<Revision> {
    let micros = |column: &str| format!("(extract(epoch from {column}) * 1000000)::int8");
    let half = |half: &str, until: &str| {
        format!(
            "select id, {}, {until}, deleted, json_build_array({columns})::text from {table}_{half}",
            micros("recorded_at")
        )
    };
    let sql = format!(
        "{} union all {}",
        half("history", &micros("superseded_at")),
        half("current", "9223372036854775807")
    );
    let rows = client.query(&sql, &[]).await.unwrap();
    rows.iter()
        .map(|row| Revision {
            key: row.get(0),
            from: row.get(1),
            until: row.get(2),
            deleted: row.get(3),
            values: serde_json::from_str(row.get(4)).unwrap(),
        })
        .collect()
}

fn known(revisions: &[Revision], instant: i64) -> Vec<&Revision> {
    let is_known =
        |revision: &&Revision| revision.from <= instant && instant < revision.until && !revision.deleted;
    revisions.iter().filter(is_known).collect()
}

/// What the analysis of a customer must say.
fn expected(customers: &[&Revision], orders: &[&Revision], id: i32) -> Value {
    let mut own: Vec<&&Revision> = orders.iter().filter(|order| order.values[0] == id).collect();
    own.sort_by_key(|order| (order.values[1].as_str().unwrap().to_owned(), order.key));
    let mut cities: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let mut rain: BTreeMap<i64, i64> = BTreeMap::new();
    let mut total = (0, 0);
    for order in &own {
        let (city, amount) = (
            order.values[2].as_str().unwrap(),
            order.values[3].as_i64().unwrap(),
        );
        let entry = cities.entry(city.to_owned()).or_default();
        *entry = (entry.0 + 1, entry.1 + amount);
        *rain.entry(if city == "Ulm" { 1 } else { 2 }).or_default() += 1;
        total = (total.0 + 1, total.1 + amount);
    }
    let sum = |(count, sum): (i64, i64)| if count == 0 { Value::Null } else { json!(sum) };
    let grade = |customer: &Revision| customer.values[0].clone();
    let me = customers.iter().find(|customer| customer.key == id).unwrap();
    let peers = customers.iter().filter(|other| grade(other) == grade(me)).count();
    json!({
        "id": id,
        "orders": own.iter().map(|order| json!({
            "id": order.key, "at": order.values[1], "city": order.values[2], "amount": order.values[3],
        })).collect::<Vec<_>>(),
        "by": {
            "city": cities.iter().map(|(city, values)| json!({ "city": city, "orders": values.0, "amount": values.1 }))
                .collect::<Vec<_>>(),
            "rain": rain.iter().map(|(rain, count)| json!({ "rain": rain, "orders": count })).collect::<Vec<_>>(),
        },
        "total": { "orders": total.0, "amount": sum(total) },
        "peers": { "peers": peers },
    })
}

/// Some hundred writes of every sort.
async fn write(ledger: &Ledger, numbers: &mut Numbers) {
    let mut orders: BTreeMap<i32, i32> = (1..=CUSTOMERS).map(|key| (key, 1)).collect();
    let mut grades: BTreeMap<i32, i32> = orders.clone();
    for key in 100..400 {
        let customer = numbers.below(u64::from(CUSTOMERS.unsigned_abs())) as i32 + 1;
        let amount = numbers.below(1000) as i32;
        let hour = numbers.below(24);
        match numbers.below(6) {
            0 | 1 => {
                let mut body = order(customer, amount);
                body["at"] = json!(format!("2024-01-02T{hour:02}:00:00Z"));
                body["city"] = json!(["Ulm", "Bonn"][numbers.below(2) as usize]);
                orders.insert(key, ledger.create("orders", key, body).await.revision);
            }
            2 | 3 => {
                // Sometimes the order goes to another customer.
                let at = numbers.below(orders.len() as u64) as usize;
                let (key, revision) = orders.iter().nth(at).map(|(key, at)| (*key, *at)).unwrap();
                let body = json!({ "customer": customer, "amount": amount });
                let written = ledger.patch("orders", key, revision, body).await.unwrap();
                orders.insert(key, written.revision);
            }
            4 => {
                let at = numbers.below(orders.len() as u64) as usize;
                let (key, expected) = orders.iter().nth(at).map(|(key, at)| (*key, *at)).unwrap();
                ledger
                    .write("orders", key, Write::Delete { expected })
                    .await
                    .unwrap();
                orders.remove(&key);
            }
            _ => {
                let body = json!({ "grade": numbers.below(3) });
                let written = ledger
                    .patch("customers", customer, grades[&customer], body)
                    .await
                    .unwrap();
                grades.insert(customer, written.revision);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analysis_of_the_past_is_what_brute_force_finds_in_the_history() {
    let Some(ledger) = Ledger::new(CUSTOMERS).await else {
        return;
    };
    let began = Timestamp::now().as_microsecond();
    let mut numbers = Numbers(42);
    write(&ledger, &mut numbers).await;
    let ended = Timestamp::now().as_microsecond();
    let zone = "set timezone to 'UTC'";
    ledger.side.batch_execute(zone).await.unwrap();
    let time = "to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
    let orders = history(&ledger.side, "orders", &format!("customer, {time}, city, amount")).await;
    let customers = history(&ledger.main, "customers", "grade").await;
    let (engine, plan) = (ledger.engine(64 << 20), ledger.plan(&EXACT));
    let mut different = std::collections::HashSet::new();
    for _ in 0..INSTANTS {
        let micros = began + numbers.below((ended - began) as u64) as i64;
        let instant = Timestamp::from_microsecond(micros).unwrap();
        let id = numbers.below(u64::from(CUSTOMERS.unsigned_abs())) as i32 + 1;
        let answered = ask(&engine, &id.to_string(), &plan, Some(instant)).await.unwrap();
        let expected = expected(&known(&customers, micros), &known(&orders, micros), id);
        assert_eq!(json_of(&answered), expected, "{id} as of {instant}");
        // The past does not change: it has a tag, and is kept.
        assert!(answered.tag.is_some());
        let again = ask(&engine, &id.to_string(), &plan, Some(instant)).await.unwrap();
        assert_eq!(again.tag, answered.tag);
        different.insert(expected.to_string());
    }
    assert!(different.len() > 100, "{} different answers", different.len());
    assert_eq!(engine.metric().cache_hits.get(), INSTANTS as u64);
    // As of now it is what it is.
    let now = ask(&engine, "3", &plan, Some(Timestamp::now())).await.unwrap();
    assert_eq!(json_of(&now), read(&engine, 3, &plan).await.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instant_that_a_running_write_can_still_change_is_not_kept() {
    let Some(ledger) = Ledger::new(2).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(1 << 20), ledger.plan(&["total"]));
    ledger
        .side
        .batch_execute("begin; select 1 from notes")
        .await
        .unwrap();
    let later = Timestamp::now();
    let answered = ask(&engine, "1", &plan, Some(later)).await.unwrap();
    assert_eq!(
        answered.tag, None,
        "the transaction began before, and may write yet"
    );
    ledger.side.batch_execute("commit").await.unwrap();
    let answered = ask(&engine, "1", &plan, Some(later)).await.unwrap();
    assert!(answered.tag.is_some());
    let future = later + jiff::SignedDuration::from_hours(1);
    let answered = ask(&engine, "1", &plan, Some(future)).await.unwrap();
    assert_eq!(answered.tag, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kept_in_revisions_has_no_past() {
    let Some(ledger) = Ledger::new(2).await else {
        return;
    };
    let engine = ledger.engine(1 << 20);
    let whole = Plan::analysis(&ledger.model);
    let refused = ask(&engine, "1", &whole, Some(Timestamp::now())).await;
    let Err(Error::NotKept { source_name }) = refused else {
        panic!("it answers")
    };
    assert_eq!(&*source_name, "notes");
    let before = Timestamp::from_second(0).unwrap();
    let gone = ask(&engine, "1", &ledger.plan(&EXACT), Some(before)).await;
    assert!(
        matches!(gone, Err(Error::NotFound { .. })),
        "it was not there then"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instants_differ_in_what_was_written_between_them() {
    let Some(ledger) = Ledger::new(2).await else {
        return;
    };
    let (engine, plan) = (ledger.engine(1 << 20), ledger.plan(&["by.city", "total"]));
    let first = Timestamp::now();
    ledger.create("orders", 100, order(1, 41)).await;
    let second = Timestamp::now();
    let from = json_of(&ask(&engine, "1", &plan, Some(first)).await.unwrap());
    let to = json_of(&ask(&engine, "1", &plan, Some(second)).await.unwrap());
    let changes = difference::changes(Some(&from), Some(&to));
    let paths: Vec<&str> = changes.iter().map(|change| &*change.path).collect();
    let expected = [
        "/by/city/0/orders",
        "/by/city/0/amount",
        "/total/orders",
        "/total/amount",
    ];
    assert_eq!(paths, expected);
}

/// Nothing of the past can be added to it, but by who imports a history.
#[tokio::test(flavor = "multi_thread")]
async fn an_imported_history_changes_what_was_known() {
    let Some(ledger) = Ledger::new(1).await else {
        return;
    };
    let engine = ledger.engine(1 << 20);
    let plan = ledger.plan(&["total"]);
    let at: Timestamp = "2024-06-01T00:00:00Z".parse().unwrap();
    // The customer was not known then, either.
    let import = async |name: &str, key: i32, body: Value| {
        let collection = ledger
            .model
            .collections
            .iter()
            .find(|one| one.name == name)
            .unwrap();
        let pool = ledger.store.pool(collection.database);
        let mut import = Import::begin(pool, collection, Kind::Revisions, soon())
            .await
            .unwrap();
        let row = Row {
            line: 1,
            content: Content::of_json(collection, &body, Some(&key.to_string())).unwrap(),
            envelope: Envelope {
                revision: 1,
                recorded_at: Some("2024-02-01T00:00:00Z".parse().unwrap()),
                ..Envelope::default()
            },
        };
        import.row(&row).await.unwrap();
        assert_eq!(import.finish().await.unwrap(), Outcome::Imported { revisions: 1 });
    };
    import("customers", 77, json!({ "name": "old", "grade": 1 })).await;
    import("orders", 1001, order(77, 5)).await;
    let before = ask(&engine, "77", &plan, Some(at)).await.unwrap();
    assert_eq!(json_of(&before)["total"], json!({ "orders": 1, "amount": 5 }));
    let again = ask(&engine, "77", &plan, Some(at)).await.unwrap();
    assert_eq!(again.tag, before.tag);
    import("orders", 1002, order(77, 8)).await;
    let after = ask(&engine, "77", &plan, Some(at)).await.unwrap();
    assert_eq!(json_of(&after)["total"], json!({ "orders": 2, "amount": 13 }));
    assert!(after.tag.is_some() && after.tag != before.tag);
}
