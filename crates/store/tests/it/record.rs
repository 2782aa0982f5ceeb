//! Records of a collection: pages, filters, one by key.

use std::sync::Arc;

use model::model::Model;
use store::{
    pool::Pool,
    record::{List, Place, Record, Sort, get, list},
};

use crate::world::{NAME, World, model_of, soon};

/// A model of one collection `things`.
fn things(table: &str, key: &str, columns: &str) -> Model {
    let kind = columns.split('"').nth(1).unwrap_or_default();
    let kind = if columns.contains("we\"ird") { "int4" } else { kind };
    model_of(&format!(
        "name = \"test\"\ntitle = \"Test\"\nobject = \"things\"\n\
         [database.{NAME}]\n\
         [collection.things]\ntitle = \"Things\"\ndatabase = \"{NAME}\"\ntable = '{table}'\nkey = '{key}'\n\
         columns = {{ {columns} }}\n\
         [[section]]\nname = \"own\"\ntitle = \"Own\"\ndatabase = \"{NAME}\"\nsql = \"select where $1 is null\"\n\
         object = {{ o = \"{kind}\" }}\ncolumns = {{ o = \"{kind}\" }}\n",
    ))
}

fn all(model: &Model) -> List {
    List {
        columns: (0..model.objects().columns.len()).collect(),
        filters: Vec::new(),
        ids: None,
        sort: None,
        after: None,
        limit: 100_000,
        as_of: None,
    }
}

async fn page(pool: &Pool, model: &Model, which: &List) -> Vec<Record> {
    let before = pool.metric().statements.get();
    let records = list(pool, model.objects(), which, soon()).await.unwrap();
    assert_eq!(
        pool.metric().statements.get(),
        before + 1,
        "a page is one statement"
    );
    records
}

fn keys(records: &[Record]) -> Vec<Arc<str>> {
    records.iter().map(|record| record.key.clone()).collect()
}

fn shown(records: &[Record]) -> String {
    let one = |record: &Record| format!("{{{}}}", std::str::from_utf8(&record.members).unwrap());
    records.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// All pages one after the other are the whole list.
async fn pages_make_the_list(pool: &Pool, model: &Model, sort: Option<Sort>) {
    let whole = page(pool, model, &List { sort, ..all(model) }).await;
    for limit in [2, 7, 1000] {
        let mut paged = Vec::new();
        let mut after: Option<Place> = None;
        loop {
            let records = page(
                pool,
                model,
                &List {
                    sort,
                    after,
                    limit,
                    ..all(model)
                },
            )
            .await;
            let Some(last) = records.last() else { break };
            after = Some(last.place.clone());
            paged.extend(records);
        }
        assert_eq!(keys(&paged), keys(&whole), "{sort:?} by {limit}");
    }
}

#[tokio::test]
async fn pages_hold_each_record_once() {
    // Ties, nulls, NaN, infinity and text that sorts unlike its bytes in every column.
    let sql = "create table things as select i::int4 as id, (i % 4)::int2 as small, nullif(i % 5, 0) as some, \
             case i % 7 when 0 then null when 1 then 'NaN' when 2 then 'Infinity' else i / 3.0 end::float8 as real, \
             case i % 6 when 0 then null when 1 then '' when 2 then 'Ä' when 3 then 'a' when 4 then 'B' else E'x''\\n' end as word, \
             case when i % 3 > 0 then '2013-01-01 00:00Z'::timestamptz + i / 2 * interval '1.000001 s' end as at, \
             case i % 9 when 0 then 'infinity' else date '2013-01-01' + i % 3 end::date as day, \
             nullif(i % 3, 0) = 1 as flag, md5((i % 10)::text)::uuid as other, null::text as nothing, \
             md5(i::text)::uuid as uid, 'k' || i as name, (i / 7.0)::numeric as exact \
         from generate_series(1, 60) i; alter table things add primary key (id)";
    let Some(world) = World::with(sql).await else {
        return;
    };
    let pool = world.pool(1);
    for key in [
        "id = \"int4\"",
        "id = \"int8\"",
        "uid = \"uuid\"",
        "uid = \"text\"",
        "name = \"text\"",
    ] {
        let name = key.split(' ').next().unwrap();
        let columns = format!(
            "{key}, small = \"int2\", some = \"int4\", real = \"float8\", word = \"text\", at = \"timestamptz\", \
             day = \"date\", flag = \"bool\", other = \"uuid\", nothing = \"text\", exact = \"float4\""
        );
        let model = things("things", name, &columns);
        pages_make_the_list(&pool, &model, None).await;
        for column in 0..model.objects().columns.len() {
            for descending in [false, true] {
                pages_make_the_list(&pool, &model, Some(Sort { column, descending })).await;
            }
        }
    }
}

#[tokio::test]
async fn nulls_are_last_both_ways_and_ties_are_by_key() {
    let sql = "create table things (id int primary key, n int); \
               insert into things values (1, null), (2, 5), (3, 4), (4, 5), (5, null)";
    let Some(world) = World::with(sql).await else {
        return;
    };
    let (pool, model) = (
        world.pool(1),
        things("public.things", "id", "id = \"int4\", n = \"int4\""),
    );
    for (descending, expect) in [
        (false, ["3", "2", "4", "1", "5"]),
        (true, ["2", "4", "3", "1", "5"]),
    ] {
        let sort = Some(Sort {
            column: 1,
            descending,
        });
        let found = page(&pool, &model, &List { sort, ..all(&model) }).await;
        assert_eq!(keys(&found), expect.map(Arc::from));
    }
}

#[tokio::test]
async fn values_stay_values() {
    let sql = "create table things (id text primary key, word text, n int2, f float8, at timestamptz, b bool, u uuid); \
         insert into things values ('1', 'plain', 1, 0.1, '2013-01-01 05:00Z', true, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), \
             ('2', null, null, null, null, null, null), (''' or true --', '''; drop table things; --', 2, 2, null, false, null)";
    let Some(world) = World::with(sql).await else {
        return;
    };
    let pool = world.pool(1);
    let columns = "id = \"text\", word = \"text\", n = \"int2\", f = \"float8\", at = \"timestamptz\", b = \"bool\", u = \"uuid\"";
    let model = things("things", "id", columns);
    let hostile = "' or true --";
    for (column, value, expect) in [
        (1, Some("plain"), &["1"][..]),
        (1, Some("'; drop table things; --"), &[hostile]),
        (1, Some("' or '1' = '1"), &[]),
        (1, Some("$1"), &[]),
        (1, Some("%"), &[]),
        (1, None, &["2"]),
        (2, Some("1"), &["1"]),
        (3, Some("0.1"), &["1"]),
        (4, Some("2013-01-01T05:00:00Z"), &["1"]),
        (5, Some("false"), &[hostile]),
        (6, Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), &["1"]),
        (6, None, &[hostile, "2"]),
    ] {
        let filters = vec![(column, value.map(str::to_owned))];
        let mut found = keys(
            &page(
                &pool,
                &model,
                &List {
                    filters,
                    ..all(&model)
                },
            )
            .await,
        );
        found.sort();
        assert_eq!(
            found.iter().map(|key| &**key).collect::<Vec<_>>(),
            expect,
            "{column} {value:?}"
        );
    }
    let ids = Some(vec![hostile.into(), "2".into(), "2".into(), "'".into()]);
    assert_eq!(
        page(
            &pool,
            &model,
            &List {
                ids: ids.clone(),
                ..all(&model)
            }
        )
        .await
        .len(),
        2
    );
    let filters = vec![(5, Some("false".to_owned()))];
    assert_eq!(
        page(
            &pool,
            &model,
            &List {
                ids,
                filters,
                ..all(&model)
            }
        )
        .await
        .len(),
        1
    );
    let after = Some(Place {
        value: Some(hostile.to_owned()),
        key: hostile.to_owned(),
    });
    let sort = Some(Sort {
        column: 1,
        descending: true,
    });
    page(
        &pool,
        &model,
        &List {
            after,
            sort,
            ..all(&model)
        },
    )
    .await;
    assert!(
        get(&pool, model.objects(), "1' or '1' = '1", soon())
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        get(&pool, model.objects(), hostile, soon())
            .await
            .unwrap()
            .unwrap()
            .key
            .as_ref(),
        hostile
    );
    assert_eq!(world.count("select count(*) from things").await, 3);
}

#[tokio::test]
async fn strange_names_and_all_types_are_shown() {
    let sql = "create schema \"Odd one\"; \
         create table \"Odd one\".\"select\" (\"we\"\"ird\" int primary key, \"from\" text, \"Ünï 'c\" float4, \"$1\" json, \"a--b\" jsonb); \
         insert into \"Odd one\".\"select\" values (1, E'a\"\\n\\t', 0.1, E'{ \"x\":\\n1 }', '{\"y\": [1, 2]}'), (2, null, 'NaN', null, null)";
    let Some(world) = World::with(sql).await else {
        return;
    };
    let pool = world.pool(1);
    let columns = "'we\"ird' = \"int4\", from = \"text\", \"Ünï 'c\" = \"float4\", \"$1\" = \"json\", \"a--b\" = \"json\"";
    let model = things("Odd one.select", "we\"ird", columns);
    let sort = Some(Sort {
        column: 2,
        descending: false,
    });
    let found = page(&pool, &model, &List { sort, ..all(&model) }).await;
    assert_eq!(
        shown(&found),
        "{\"we\\\"ird\":1,\"from\":\"a\\\"\\n\\t\",\"Ünï 'c\":0.1,\"$1\":{ \"x\": 1 },\"a--b\":{\"y\": [1, 2]}} \
         {\"we\\\"ird\":2,\"from\":null,\"Ünï 'c\":null,\"$1\":null,\"a--b\":null}"
    );
    pages_make_the_list(&pool, &model, sort).await;
    let filters = vec![(1, None)];
    assert_eq!(
        page(
            &pool,
            &model,
            &List {
                filters,
                columns: vec![1],
                ..all(&model)
            }
        )
        .await[0]
            .members,
        b"\"from\":null"
    );
}
