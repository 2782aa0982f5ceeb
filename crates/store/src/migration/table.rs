//! The DDL of one collection.

use embedded::EngineKind;
use model::{
    collection::Collection,
    column::Type,
    expression::{quote, quote_path},
    revisions::Revisions,
};

use super::{OBJECT_VERSION, Plan, Step, catalog::Found};

/// Columns of the envelope that the view shows, behind the declared ones.
pub(super) const SHOWN: [&str; 4] = ["revision", "recorded_at", "author", "comment"];

/// Space left in the pages of current: every update then stays in its page and touches no index (all of
/// 99,999; without it 90 %).
const FILLFACTOR: u32 = 85;

/// The same for versions, whose rows are small and updated by every write.
const VERSION_FILLFACTOR: u32 = 50;

/// One of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Current,
    History,
}

pub(super) fn object_version(engine: EngineKind) -> Step {
    Step {
        about: format!("table {OBJECT_VERSION}: a number an object, raised by every write"),
        sql: format!(
            "create table {OBJECT_VERSION} (\n    object text collate \"C\" primary key,\n    version int8 not null\n){}",
            storage(engine, VERSION_FILLFACTOR)
        ),
    }
}

pub(super) fn current(collection: &Collection, engine: EngineKind) -> Step {
    Step {
        about: format!(
            "table {}_current of collection {}: the newest revision of each record",
            collection.table, collection.name
        ),
        sql: format!(
            "create table {} (\n    {}\n){}",
            collection.current(),
            columns(collection, Which::Current).join(",\n    "),
            storage(engine, FILLFACTOR)
        ),
    }
}

pub(super) fn history(collection: &Collection) -> Step {
    Step {
        about: format!(
            "table {}_history of collection {}: every superseded revision",
            collection.table, collection.name
        ),
        sql: format!(
            "create table {} (\n    {}\n)",
            collection.history(),
            columns(collection, Which::History).join(",\n    "),
        ),
    }
}

pub(super) fn view(collection: &Collection) -> Step {
    Step {
        about: format!("view {} of collection {}", collection.table, collection.name),
        sql: format!(
            "create view {} as\n    select {}\n    from {} where not deleted",
            quote_path(&collection.table),
            collection.view_columns(),
            collection.current(),
        ),
    }
}

/// Keys and indexes of a collection.
pub(super) fn indexes(collection: &Collection) -> Vec<Step> {
    named_indexes(collection)
        .into_iter()
        .map(|(_, step)| step)
        .collect()
}

/// The same, each with its name.
pub(super) fn named_indexes(collection: &Collection) -> Vec<(String, Step)> {
    let Some(revisions) = &collection.revisions else {
        return Vec::new();
    };
    let base = collection.table.rsplit('.').next().unwrap_or_default();
    let column = |index: usize| quote(&collection.columns[index].name);
    let key = column(collection.key);
    let order = collection.record_order().into_iter().map(column);
    let order = order.collect::<Vec<_>>().join(", ");
    let mut indexes = Vec::new();
    let mut add = |suffix: &str, about: &str, sql: &dyn Fn(&str) -> String| {
        let name = format!("{base}_{suffix}");
        let step = Step {
            about: format!("index {name} of collection {}: {about}", collection.name),
            sql: sql(&quote(&name)),
        };
        indexes.push((name, step));
    };
    let (current, history) = (collection.current(), collection.history());
    add("current_pkey", "one row a record", &|name| {
        format!("alter table {current} add constraint {name} primary key ({key})")
    });
    add("history_pkey", "a revision is there once", &|name| {
        format!("alter table {history} add constraint {name} primary key ({key}, revision)")
    });
    if revisions.object != collection.key {
        let object = column(revisions.object);
        add("object_time", "the records of an object in order", &|name| {
            format!("create index {name} on {current} ({object}, {order}) where not deleted")
        });
        add("as_of", "the same as of an instant", &|name| {
            format!("create index {name} on {history} ({object}, {order})")
        });
    }
    if revisions.time.is_some() {
        add("time", "all records in order of time", &|name| {
            format!("create index {name} on {current} ({order}) where not deleted")
        });
    }
    indexes
}

/// What a table that is there lacks.
pub(super) fn differences(collection: &Collection, found: &[Found], which: Which, plan: &mut Plan) {
    let Some(revisions) = &collection.revisions else {
        return;
    };
    let (table, shown) = match which {
        Which::Current => (collection.current(), format!("{}_current", collection.table)),
        Which::History => (collection.history(), format!("{}_history", collection.table)),
    };
    let known = |name: &str| found.iter().find(|column| column.name == name);
    for (name, kind) in envelope(which) {
        match known(name) {
            Some(column) if column.kind == kind => {}
            Some(column) => plan.problems.push(format!(
                "column {name} of {shown} is {}, and Sidequest's own of that name is {kind}",
                column.kind
            )),
            None => plan.problems.push(format!(
                "{shown} has no column {name}: it is no table of Sidequest's"
            )),
        }
    }
    for (index, column) in collection.columns.iter().enumerate() {
        let field = &revisions.fields[index];
        let name = quote(&column.name);
        let Some(there) = known(&column.name) else {
            plan.steps.push(Step {
                about: format!("column {} of {shown}", column.name),
                sql: format!(
                    "alter table {table} add column {}",
                    definition(collection, revisions, index, which)
                ),
            });
            continue;
        };
        if !fits(&there.kind, column.kind) {
            plan.problems.push(format!(
                "column {} of {shown} is {}, declared {}: give it another name, or change its type by hand",
                column.name,
                there.kind,
                column.kind.name()
            ));
        }
        if there.generated != field.computed.is_some() {
            let (is, declared) = match there.generated {
                true => ("computed", "written"),
                false => ("written", "computed"),
            };
            plan.problems.push(format!(
                "column {} of {shown} is {is}, declared {declared}: drop the column, or give it another name",
                column.name
            ));
        }
        let wanted = not_null(collection, revisions, index, which);
        if which == Which::Current && there.not_null != wanted {
            let (verb, about) = match wanted {
                true => ("set", "is never null"),
                false => ("drop", "may be null"),
            };
            plan.steps.push(Step {
                about: format!("column {} of {shown} {about}", column.name),
                sql: format!("alter table {table} alter column {name} {verb} not null"),
            });
        }
    }
}

/// The envelope's columns and their types.
fn envelope(which: Which) -> Vec<(&'static str, &'static str)> {
    let mut columns = vec![
        ("revision", "int4"),
        ("recorded_at", "timestamptz"),
        ("deleted", "bool"),
        ("author", "text"),
        ("comment", "text"),
    ];
    if which == Which::History {
        columns.push(("superseded_at", "timestamptz"));
    }
    columns
}

/// The columns in the order that packs a row and is quick to read: what is never null and of fixed width
/// first, the wide before the narrow, then texts, then what may be null.
fn columns(collection: &Collection, which: Which) -> Vec<String> {
    let Some(revisions) = &collection.revisions else {
        return Vec::new();
    };
    let mut columns: Vec<((bool, u8), String)> = Vec::new();
    for (name, kind) in envelope(which) {
        let is_null = matches!(name, "author" | "comment");
        let kind = Type::named(kind).unwrap_or(Type::Text);
        let rule = match name {
            "deleted" => " not null default false",
            _ if is_null => "",
            _ => " not null",
        };
        columns.push((
            (is_null, rank(kind)),
            format!("{name} {}{rule}", written_type(kind)),
        ));
    }
    for (index, column) in collection.columns.iter().enumerate() {
        let is_null = !not_null(collection, revisions, index, which);
        columns.push((
            (is_null, rank(column.kind)),
            definition(collection, revisions, index, which),
        ));
    }
    columns.sort_by_key(|(rank, _)| *rank);
    columns.into_iter().map(|(_, column)| column).collect()
}

fn definition(collection: &Collection, revisions: &Revisions, index: usize, which: Which) -> String {
    let column = &collection.columns[index];
    let mut text = format!("{} {}", quote(&column.name), written_type(column.kind));
    if not_null(collection, revisions, index, which) {
        text.push_str(" not null");
    }
    if let Some(expression) = &revisions.fields[index].computed {
        text.push_str(&format!(" generated always as ({expression}) stored"));
    }
    text
}

/// In history only what finds a revision is never null: a column that was added later is null in what is older.
fn not_null(collection: &Collection, revisions: &Revisions, index: usize, which: Which) -> bool {
    match which {
        Which::Current => revisions.fields[index].required,
        Which::History => index == collection.key,
    }
}

/// Text is compared by bytes, so that no page and no statement depends on the database's locale.
fn written_type(kind: Type) -> String {
    match kind {
        Type::Text => "text collate \"C\"".to_owned(),
        _ => kind.name().to_owned(),
    }
}

fn fits(found: &str, declared: Type) -> bool {
    match declared {
        Type::Text => matches!(found, "text" | "varchar" | "bpchar" | "name" | "citext"),
        Type::Json => matches!(found, "json" | "jsonb"),
        _ => found == declared.name(),
    }
}

fn rank(kind: Type) -> u8 {
    match kind {
        Type::Int8 | Type::Float8 | Type::Timestamp | Type::Timestamptz => 0,
        Type::Int4 | Type::Float4 | Type::Date => 1,
        Type::Int2 => 2,
        Type::Bool | Type::Uuid => 3,
        Type::Text | Type::Json => 4,
    }
}

fn storage(engine: EngineKind, fillfactor: u32) -> String {
    match engine {
        EngineKind::PostgreSql => format!(" with (fillfactor = {fillfactor})"),
        EngineKind::CockroachDb | EngineKind::YugabyteDb => String::new(),
    }
}
