//! Empty databases filled from files.

use std::{
    cell::RefCell,
    collections::HashMap,
    io::{self, Cursor, Write},
};

use embedded::{Engine, testing::TestServer};
use model::model::Model;
use store::{
    error::Error,
    seed::{Job, Opened, Progress, Seeded, Way, seed},
};

use crate::world::{NAME, World, embedded, model};

const BOTH: [Way; 2] = [Way::Copy, Way::Insert];

const SCHEMA: &str = "create type mood as enum ('sad', 'ok'); create domain small as int check (value < 100);
    create table things (
        id int primary key, word varchar(5), n int2, f float8, at timestamptz, day date, flag bool, u uuid,
        j jsonb, m mood, s small, list int[], exact numeric(6, 2), fixed char(4), \"we\"\"ird\" text default 'd',
        twice int generated always as (id * 2) stored, serial int generated always as identity);
    create table others (a text)";

fn model_with(load: &str, schema: &str, finish: &str) -> Model {
    let toml = format!(
        "name = \"test\"\ntitle = \"Test\"\nobject = \"things\"\n\
         [database.{NAME}]\nschema = \"schema.sql\"\nload = {{ {load} }}\nfinish = \"finish.sql\"\n\
         [collection.things]\ntitle = \"Things\"\ndatabase = \"{NAME}\"\nkey = \"id\"\ncolumns = {{ id = \"int4\" }}\n\
         [[section]]\nname = \"own\"\ntitle = \"Own\"\ndatabase = \"{NAME}\"\nsql = \"select 1 as o where 1 = any($1)\"\n\
         object = {{ o = \"int4\" }}\ncolumns = {{ o = \"int4\" }}\n",
    );
    model([
        ("model.toml", &toml),
        ("schema.sql", schema),
        ("finish.sql", finish),
    ])
}

fn opened(files: &HashMap<&str, Vec<u8>>, name: &str) -> io::Result<Opened> {
    let bytes = files.get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
    Ok(Opened {
        bytes: bytes.len() as u64,
        reader: Box::new(Cursor::new(bytes)),
    })
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn filled(
    world: &World,
    model: &Model,
    way: Way,
    files: &HashMap<&str, Vec<u8>>,
    progress: &dyn Fn(Progress<'_>),
) -> Result<Option<Seeded>, Error> {
    let files = |name: &str| opened(files, name);
    let seed = model.databases[0].seed.as_ref().unwrap();
    Job {
        database: NAME,
        seed,
        steps: store::migration::whole(model, 0, embedded::EngineKind::PostgreSql),
        way,
        files: &files,
        progress,
    }
    .run(&world.databases)
    .await
}

async fn relations(world: &World) -> i64 {
    world
        .count("select count(*) from pg_class where relnamespace = 'public'::regnamespace")
        .await
}

/// The table as text, in the order of the key.
async fn content(world: &World) -> String {
    let sql = "select coalesce(string_agg(t::text, E'\\n' order by id), '') from things t";
    world.outside.query_one(sql, &[]).await.unwrap().get(0)
}

const THINGS: &str = "id,word,n,f,at,day,flag,u,j,m,s,list,exact,fixed,\"we\"\"ird\",serial\r\n\
    1,a,-1,0.1,2013-01-01 05:00,2013-01-01,t,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,\"{\"\"a\"\": 1}\",ok,99,\"{1,2}\",1.005,ab,x,7\r\n\
    2,,,,,,,,,,,,,,,8\r\n\
    3,\"\",32767,NaN,2013-01-01T00:00:00-05:00,infinity,false,,null,sad,1,{},-1,abcd,\"line\r\nbreak, \"\"quoted\"\"\",9\r\n\
    4,é🛩,0,1e300,,,,,,,,,,\"\",\" \",10";

const EXPECT: &str = "(1,a,-1,0.1,\"2013-01-01 05:00:00+00\",2013-01-01,t,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,\"{\"\"a\"\": 1}\",ok,99,\"{1,2}\",1.01,\"ab  \",x,2,7)\n\
    (2,,,,,,,,,,,,,,,4,8)\n\
    (3,\"\",32767,NaN,\"2013-01-01 05:00:00+00\",infinity,f,,null,sad,1,{},-1.00,abcd,\"line\r\nbreak, \"\"quoted\"\"\",6,9)\n\
    (4,é🛩,0,1e+300,,,,,,,,,,\"    \",\" \",8,10)";

#[tokio::test]
async fn both_ways_and_all_compressions_give_the_same_rows() {
    let Some(world) = World::new().await else { return };
    let bytes = THINGS.as_bytes();
    let marked = ["\u{feff}".as_bytes(), bytes].concat();
    let two_frames = [
        zstd::encode_all(&bytes[..100], 1).unwrap(),
        zstd::encode_all(&bytes[100..], 1).unwrap(),
    ]
    .concat();
    for (file, content_of_file) in [
        ("things.csv", bytes.to_vec()),
        ("things.csv", marked),
        ("things.csv.zst", zstd::encode_all(bytes, 1).unwrap()),
        ("things.csv.zst", two_frames),
        ("things.csv.gz", gzipped(bytes)),
    ] {
        let model = model_with(
            &format!("things = \"{file}\""),
            SCHEMA,
            "create index on things (word)",
        );
        let total = content_of_file.len() as u64;
        let files = HashMap::from([(file, content_of_file)]);
        for way in BOTH {
            let world = World::new().await.unwrap();
            world
                .outside
                .batch_execute("set timezone to 'UTC'")
                .await
                .unwrap();
            let told = RefCell::new(Vec::new());
            let tell = |progress: Progress<'_>| {
                told.borrow_mut()
                    .push((progress.bytes_read, progress.bytes_total, progress.rows));
            };
            let seeded = filled(&world, &model, way, &files, &tell).await.unwrap().unwrap();
            assert_eq!(seeded.tables, [("things".to_owned(), 4)]);
            assert_eq!(content(&world).await, EXPECT, "{file} {way:?}");
            assert_eq!(told.borrow().last(), Some(&(total, total, 4)));
            assert!(
                filled(&world, &model, way, &files, &tell)
                    .await
                    .unwrap()
                    .is_none(),
                "it is not empty any more"
            );
        }
    }
    drop(world);
}

#[tokio::test]
async fn a_fault_names_its_line_and_leaves_nothing() {
    for way in BOTH {
        let Some(world) = World::new().await else { return };
        let load = "others = \"others.csv\", things = \"things.csv\"";
        let check = async |things: &[u8], expect: &str| {
            let model = model_with(load, SCHEMA, "select 1");
            let files = HashMap::from([
                ("others.csv", b"a\nb\n".to_vec()),
                ("things.csv", things.to_vec()),
            ]);
            let error = filled(&world, &model, way, &files, &|_| {}).await.err().unwrap();
            let text = error.to_string();
            let context = format!("{way:?}: {text} | {expect}");
            assert!(
                text.starts_with("load `things.csv` into table `things` of database `main`: "),
                "{context}"
            );
            assert!(text.contains(expect), "{context}");
            assert_eq!(relations(&world).await, 0, "{context}");
        };
        check(
            b"id,n\n1,2\n2,x\n3,4\n",
            "line 3: invalid input syntax for type smallint: \"x\"",
        )
        .await;
        check(
            b"id,n\n\"1\",\"2\"\n2,40000\n",
            "line 3: value \"40000\" is out of range for type smallint",
        )
        .await;
        check(
            b"id,word\n1,\"a\nb\"\n2,abcdef\n",
            "line 4: value too long for type character varying(5)",
        )
        .await;
        check(
            b"id\n1\n2\n1\n3\n",
            "line 4: duplicate key value violates unique constraint",
        )
        .await;
        check(
            b"id,s\n1,1\n2,100\n",
            "line 3: value for domain small violates check constraint",
        )
        .await;
        check(b"id,n\n1,2\n2\n", "line 3: ").await;
        check(b"id,n\n1,2\n2,3,4\n", "line 3: ").await;
        check(
            b"id,word\n1,a\n2,\xff\n",
            "line 3: invalid byte sequence for encoding \"UTF8\": 0xff",
        )
        .await;
        check(b"id,word\n1,\"a\n2,b\n", "quote").await;
        check(b"id,none\n1,2\n", "line 1: the table has no column `none`").await;
        check(b"id,twice\n1,2\n", "line 1: column `twice` is generated").await;
        check(b"id,id\n1,2\n", "line 1: column `id` stands there twice").await;
        check(b"", "line 1: no header").await;
        // Late in a long file.
        let mut long = b"id,n\n".to_vec();
        for id in 1..=50_000 {
            let n = if id == 47_110 {
                "bad".to_owned()
            } else {
                (id % 7).to_string()
            };
            long.extend_from_slice(format!("{id},{n}\n").as_bytes());
        }
        check(
            &long,
            "line 47111: invalid input syntax for type smallint: \"bad\"",
        )
        .await;
        // The next try succeeds.
        let model = model_with(load, SCHEMA, "select 1");
        let files = HashMap::from([
            ("others.csv", b"a\n".to_vec()),
            ("things.csv", b"id\n1\n".to_vec()),
        ]);
        let seeded = filled(&world, &model, way, &files, &|_| {})
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            seeded.tables,
            [("others".to_owned(), 0), ("things".to_owned(), 1)]
        );
    }
}

#[tokio::test]
async fn broken_files_and_scripts_leave_nothing() {
    let Some(world) = World::new().await else { return };
    let whole = zstd::encode_all(THINGS.as_bytes(), 1).unwrap();
    for (load, schema, finish, expect) in [
        (
            "things = \"cut.csv.zst\"",
            SCHEMA,
            "select 1",
            "load `cut.csv.zst` into table `things`",
        ),
        (
            "things = \"not.csv.gz\"",
            SCHEMA,
            "select 1",
            "load `not.csv.gz` into table `things`",
        ),
        (
            "things = \"none.csv\"",
            SCHEMA,
            "select 1",
            "load `none.csv` into table `things`",
        ),
        (
            "nothing = \"fine.csv\"",
            SCHEMA,
            "select 1",
            "`schema.sql` makes no such table",
        ),
        (
            "others = \"fine.csv\"",
            "create table others (a text); creat table x ()",
            "select 1",
            "run `schema.sql`",
        ),
        (
            "others = \"fine.csv\"",
            SCHEMA,
            "create index on others (b)",
            "run `finish.sql`",
        ),
    ] {
        let model = model_with(load, schema, finish);
        let files = HashMap::from([
            ("cut.csv.zst", whole[..whole.len() / 2].to_vec()),
            ("not.csv.gz", THINGS.as_bytes().to_vec()),
            ("fine.csv", b"a\nb\n".to_vec()),
        ]);
        for way in BOTH {
            let error = filled(&world, &model, way, &files, &|_| {}).await.err().unwrap();
            assert!(error.to_string().contains(expect), "{error}");
            assert_eq!(relations(&world).await, 0, "{error}");
        }
    }
}

#[tokio::test]
async fn only_what_is_ours_is_filled_and_once() {
    let Some(world) = World::new().await else { return };
    let model = model_with("things = \"things.csv\"", SCHEMA, "select 1");
    let files = HashMap::from([("things.csv", b"id\n1\n2\n".to_vec())]);
    let files = |name: &str| opened(&files, name);
    assert_eq!(seed(&world.databases, &model, &files, &|_| {}).await.unwrap(), []);
    assert_eq!(relations(&world).await, 0, "a database of the user's");
    if TestServer::shared().await.is_none() {
        return;
    }
    let names = [NAME.to_owned()];
    let ours = embedded::open(&embedded(Engine::Managed), &names).await.unwrap();
    let seeded = seed(&ours, &model, &files, &|_| {}).await.unwrap();
    assert_eq!(seeded.len(), 1);
    assert_eq!(
        (&*seeded[0].database, &seeded[0].tables[..]),
        (NAME, &[("things".to_owned(), 2)][..])
    );
    assert_eq!(seed(&ours, &model, &files, &|_| {}).await.unwrap(), []);
    ours.stop().await;
}
