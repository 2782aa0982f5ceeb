//! The strategies hold each other to the same answer; PostgreSQL is the oracle of our own measures.

use analysis::config::Strategy;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    strategy::{Strategy as _, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::Value;

use crate::world::{World, document, text};

/// Worlds of generated rows; each holds three objects.
const ROUNDS: usize = 40;

const TABLES: &str = "
    drop table if exists customer, orders, places;
    create table customer (id int4 primary key, name text);
    create table orders (id int8 primary key, customer int4, at timestamptz, city text, kind int2, big int8,
        price float8, weight float4, paid bool,
        note json default '{\n\"lines\":\r\n [1, 2]}');
    create table places (city text, day date, rain float8, mood text);
    insert into customer values (1, 'Ann'), (2, 'Bob'), (3, 'Ann');
";

/// Values that need escaping, that sort differently by bytes and by language, and that are equal but for case.
const CITIES: [&str; 8] = [
    "Oslo",
    "oslo",
    "Ålesund",
    "it's \\ \"odd\"",
    "",
    "zz\ttab",
    "Z",
    "日本",
];

fn order(id: usize) -> impl proptest::strategy::Strategy<Value = String> {
    let price = prop_oneof![
        6 => (-400i32..400).prop_map(|quarter| format!("{}", f64::from(quarter) / 4.0)),
        2 => (-1e6..1e6).prop_map(|price: f64| format!("{price:?}")),
        1 => Just("NaN".to_owned()),
    ];
    (
        (1i32..=2, 0i64..40_000, option::weighted(0.8, 0usize..8), option::weighted(0.8, -3i16..6)),
        option::weighted(0.8, prop_oneof![Just(-5_000_000_000i64), -9i64..9, Just(1i64 << 40)]),
        option::weighted(0.8, price),
        option::weighted(0.8, -40i32..40),
        option::of(any::<bool>()),
    )
        .prop_map(move |((customer, at, city, kind), big, price, weight, paid)| {
            let show = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
            let city = city.map(|city| format!("'{}'", CITIES[city].replace('\'', "''")));
            // Steps of 37 minutes over two years and a half, across changes of the clock, with many ties.
            format!(
                "({id}, {customer}, '2023-10-01T00:00:00Z'::timestamptz + make_interval(mins => {}), {}, {}, {}, {}, {}, {})",
                at * 37,
                show(city),
                show(kind.map(|kind| kind.to_string())),
                show(big.map(|big| big.to_string())),
                show(price.map(|price| format!("'{price}'"))),
                show(weight.map(|weight| format!("{}", f64::from(weight) / 8.0))),
                show(paid.map(|paid| paid.to_string())),
            )
        })
}

fn orders() -> impl proptest::strategy::Strategy<Value = Vec<String>> {
    (0usize..60).prop_flat_map(|rows| (0..rows).map(order).collect::<Vec<_>>())
}

fn places() -> impl proptest::strategy::Strategy<Value = Vec<String>> {
    vec((0usize..8, 0u16..900, option::of(0u8..4)), 0..40).prop_map(|mut places| {
        places.sort_unstable();
        places.dedup_by_key(|(city, day, _)| (*city, *day));
        places
            .into_iter()
            .map(|(city, day, mood)| {
                let mood = mood.map_or("null".to_owned(), |mood| format!("'mood {mood}'"));
                format!(
                    "('{}', '2023-10-01'::date + {day}, {day}, {mood})",
                    CITIES[city].replace('\'', "''")
                )
            })
            .collect()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn all_strategies_give_the_same_answer_over_generated_rows() {
    let Some(world) = World::new(include_str!("shop.toml"), TABLES, 2).await else {
        return;
    };
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let plan = world.plan();
    let mut rows = 0;
    for round in 0..ROUNDS {
        let (orders, places) = ((orders(), places()).new_tree(&mut runner).unwrap()).current();
        rows += orders.len();
        let mut sql = "truncate orders, places;".to_owned();
        for (table, rows) in [("orders", &orders), ("places", &places)] {
            if !rows.is_empty() {
                sql.push_str(&format!("insert into {table} values {};", rows.join(", ")));
            }
        }
        world.outside.batch_execute(&sql).await.unwrap();
        for id in ["1", "2", "3"] {
            let mut bodies = Vec::new();
            for strategy in [Strategy::Fused, Strategy::Batched, Strategy::Each] {
                let engine = world.engine(strategy);
                let body = text(&document(&engine, id, &plan).await.unwrap());
                assert!(!body.contains(['\n', '\r']), "a document is one line: {body}");
                bodies.push(body);
            }
            let values: Vec<Value> = bodies
                .iter()
                .map(|body| serde_json::from_str(body).unwrap())
                .collect();
            for (other, strategy) in values[1..].iter().zip(["batched", "each"]) {
                if let Some(difference) = difference(&values[0], other, "") {
                    panic!("round {round}, object {id}, fused against {strategy}: {difference}\n{sql}");
                }
            }
        }
    }
    assert!(rows > 20 * ROUNDS, "the generated worlds are empty: {rows} rows");
}

/// Where two answers differ, floats by more than 1e-9 relative.
fn difference(a: &Value, b: &Value, path: &str) -> Option<String> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let names = |value: &serde_json::Map<String, Value>| value.keys().cloned().collect::<Vec<_>>();
            if names(a) != names(b) {
                return Some(format!("{path}: members {:?} and {:?}", names(a), names(b)));
            }
            a.iter()
                .find_map(|(name, value)| difference(value, &b[name], &format!("{path}.{name}")))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(at, (a, b))| difference(a, b, &format!("{path}[{at}]"))),
        (Value::Number(x), Value::Number(y)) => {
            let (x, y) = (x.as_f64().unwrap(), y.as_f64().unwrap());
            let near = (x - y).abs() <= 1e-9 * x.abs().max(y.abs());
            (!near).then(|| format!("{path}: {x} and {y}"))
        }
        _ => (a != b).then(|| format!("{path}: {a} and {b}")),
    }
}
