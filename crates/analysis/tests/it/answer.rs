//! What an answer looks like, on rows small enough to check by eye.

use analysis::{config::Strategy, error::Error};
use model::plan::Plan;

use crate::world::{World, document, text};

const SQL: &str = "
    create table customer (id int4 primary key, name text);
    create table orders (id int8 primary key, customer int4, at timestamptz, city text, kind int2, big int8,
        price float8, weight float4, paid bool,
        note json);
    create table places (city text, day date, rain float8, mood text);
    insert into customer values (1, 'Ann'), (2, 'Bob'), (3, 'Ann');
    insert into places values ('Oslo', '2024-03-01', 2.5, 'grey');
    insert into orders values
        (10, 1, '2024-03-01T12:00:00Z', 'Oslo', 1, 100, 10, 0.1, true),
        (11, 1, '2024-03-01T13:30:00Z', 'Oslo', 2, null, 20.5, null, false),
        (12, 1, '2024-03-04T12:00:00Z', 'a \"b\"', 2, -5, null, 2.5, null),
        (13, 1, '2024-05-04T12:00:00Z', null, null, 7, 'NaN', 1, true);
";

#[tokio::test(flavor = "multi_thread")]
async fn a_document_holds_its_sections_nested_in_declared_order() {
    let Some(world) = World::new(include_str!("shop.toml"), SQL, 2).await else {
        return;
    };
    let engine = world.engine(Strategy::Fused);
    let plan = Plan::fields(
        &world.model,
        &[
            "lists",
            "by.city.orders",
            "by.city.cheap",
            "by.rain",
            "trends.daily",
            "self",
        ],
    )
    .unwrap();
    let body = text(&document(&engine, "1", &plan).await.unwrap());
    let expect = concat!(
        r#"{"id":1,"lists":{"dearest":[{"id":13,"cost":null},{"id":11,"cost":20.5},{"id":10,"cost":10}],"#,
        r#""unpaid":[{"id":11,"city":"Oslo"}]},"#,
        r#""by":{"city":[{"city":"Oslo","orders":2,"cheap":1},{"city":"a \"b\"","orders":1,"cheap":0},"#,
        r#"{"city":null,"orders":1,"cheap":0}],"#,
        r#""rain":[{"mood":"grey","orders":2,"mean_price":15.25},{"mood":null,"orders":2,"mean_price":null}]},"#,
        r#""trends":{"daily":{"points":[{"time":"2024-03-01","orders":2,"units":3},"#,
        r#"{"time":"2024-03-04","orders":1,"units":2},{"time":"2024-05-04","orders":1,"units":null}],"#,
        r#""trend":null,"changes":[],"outliers":[],"#,
        r#""gaps":[{"from":"2024-03-02","until":"2024-03-04","buckets":2},"#,
        r#"{"from":"2024-03-05","until":"2024-05-04","buckets":60}]}},"#,
        r#""self":{"name":"Ann","nothing":null}}"#,
    );
    assert_eq!(body, expect);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_rows_has_every_section_and_an_unknown_one_is_not_found() {
    let Some(world) = World::new(include_str!("shop.toml"), SQL, 2).await else {
        return;
    };
    for strategy in [Strategy::Each, Strategy::Batched, Strategy::Fused] {
        let engine = world.engine(strategy);
        let plan = Plan::fields(
            &world.model,
            &[
                "orders",
                "total.orders",
                "total.units",
                "total.cities",
                "by.city",
                "namesakes",
            ],
        )
        .unwrap();
        let body = text(&document(&engine, "2", &plan).await.unwrap());
        let expect = concat!(
            r#"{"id":2,"orders":[],"total":{"orders":0,"units":null,"cities":0},"#,
            r#""by":{"city":[]},"namesakes":[]}"#
        );
        assert_eq!(body, expect, "{strategy:?}");
        for unknown in ["4", "no number", "99999999999999999999"] {
            assert!(
                matches!(
                    document(&engine, unknown, &plan).await,
                    Err(Error::NotFound { .. })
                ),
                "{unknown}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_does_not_fit_fails_its_object_alone() {
    let Some(world) = World::new(include_str!("shop.toml"), SQL, 2).await else {
        return;
    };
    world
        .outside
        .batch_execute("insert into orders (id, customer, at, big) values (20, 3, '2024-03-01T12:00:00Z', -9223372036854775807)")
        .await
        .unwrap();
    let engine = world.engine(Strategy::Fused);
    let plan = Plan::fields(&world.model, &["total.mean_big"]).unwrap();
    let (one, three) = tokio::join!(document(&engine, "1", &plan), document(&engine, "3", &plan));
    assert_eq!(text(&one.unwrap()), r#"{"id":1,"total":{"mean_big":34}}"#);
    assert!(matches!(three, Err(Error::Row { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_the_database_holds_what_it_takes_to_the_first_row() {
    let slow = format!(
        "{SQL} alter table orders rename to kept; create function slow() returns bool language sql as 'select true from pg_sleep(0.05)'; create view orders as select kept.* from kept where (select slow());"
    );
    for strategy in [Strategy::Fused, Strategy::Batched, Strategy::Each] {
        let Some(world) = World::new(include_str!("shop.toml"), &slow, 2).await else {
            return;
        };
        let plan = Plan::fields(&world.model, &["by.city.orders"]).unwrap();
        let document = document(&world.engine(strategy), "1", &plan).await.unwrap();
        let took = document.timing.database;
        assert!(
            took >= std::time::Duration::from_millis(50),
            "{strategy:?}: {took:?}"
        );
    }
}
