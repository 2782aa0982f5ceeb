//! Lists of ids as arrays of whatever type is asked for.

use std::sync::Arc;

use store::{error::Error, id::Ids, pool::Pool, query::Run};

use crate::world::{World, soon};

async fn found(pool: &Pool, column: &str, ids: &[&str]) -> Result<Vec<String>, Error> {
    let ids: Vec<Arc<str>> = ids.iter().map(|id| (*id).into()).collect();
    let sql = format!("select {column}::text from t where {column} = any($1) order by {column}").into();
    let run = Run {
        what: "a test",
        sql: &sql,
        parameters: &[&Ids(&ids)],
        deadline: soon(),
        abandoned: None,
    };
    Ok(pool.rows(run).await?.iter().map(|row| row.get(0)).collect())
}

#[tokio::test]
async fn ids_take_the_type_of_the_column() {
    let sql = "create table t (a text, b varchar(9), c char(3), d name, e int2, f int4, g int8, h uuid); \
         insert into t values \
             ('é\"{,}', 'x', 'abc', 'n', -32768, 2147483647, -9223372036854775808, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), \
             ('', 'y', 'b', 'm', 1, 2, 3, '00000000-0000-0000-0000-000000000001')";
    let Some(world) = World::with(sql).await else {
        return;
    };
    let pool = world.pool(1);
    for (column, ids, expect) in [
        ("a", &["é\"{,}", "", "none"][..], &["", "é\"{,}"][..]),
        ("b", &["x", "z"], &["x"]),
        ("c", &["abc", "b"], &["abc", "b"]),
        ("d", &["m"], &["m"]),
        ("e", &["-32768", "1", "7"], &["-32768", "1"]),
        ("f", &["2147483647", "2"], &["2", "2147483647"]),
        (
            "g",
            &["3", "-9223372036854775808"],
            &["-9223372036854775808", "3"],
        ),
        (
            "h",
            &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
            &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
        ),
        (
            "h",
            &["A0EEBC999C0B4EF8BB6D6BB9BD380A11"],
            &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
        ),
        ("a", &[], &[]),
        ("g", &[], &[]),
    ] {
        assert_eq!(
            found(&pool, column, ids).await.unwrap(),
            expect,
            "{column} {ids:?}"
        );
    }
}

#[tokio::test]
async fn an_id_that_does_not_fit_is_an_error_and_no_outage() {
    let Some(world) = World::with("create table t (e int2, h uuid, n numeric)").await else {
        return;
    };
    let pool = world.pool(1);
    for (column, id) in [("e", "40000"), ("e", "x"), ("h", "x"), ("n", "1")] {
        let error = found(&pool, column, &[id]).await.err().unwrap();
        assert!(
            matches!(&error, Error::Statement { .. }) && !error.is_unavailable(),
            "{error:?}"
        );
    }
    assert_eq!(pool.metric().connections_opened.get(), 1);
    assert_eq!(pool.metric().cancels.get(), 0);
}
