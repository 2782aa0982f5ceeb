//! The statements of an import, made from the model.

use model::{collection::Collection, column::Type, expression::quote};

use super::{BAD_ROWS_MAX, Kind};
use crate::migration::{HISTORY_IMPORTED, NO_OBJECT, OBJECT_VERSION};

/// The temporary table. Its own columns begin with an underscore in quotes, as no key of a model file need.
const TABLE: &str = "pg_temp.sidequest_import";

/// Memory in which PostgreSQL may sort the rows of an import: those of a million revisions fit. With its own 4 MB
/// it sorts in files. Who has given it more keeps that.
const SORT_KILOBYTES: u32 = 128 << 10;

/// Names and types of what surrounds a row's columns.
const OWN: [(&str, &str); 7] = [
    ("\"_line\"", "int8"),
    ("revision", "int4"),
    ("recorded_at", "timestamptz"),
    ("superseded_at", "timestamptz"),
    ("author", "text"),
    ("comment", "text"),
    ("deleted", "bool"),
];

/// Columns that an import brings.
pub(super) fn written(collection: &Collection) -> Vec<usize> {
    let revisions = collection.revisions.as_ref();
    (0..collection.columns.len())
        .filter(|column| revisions.is_some_and(|revisions| revisions.is_written(*column)))
        .collect()
}

/// Names and types of all columns of the temporary table.
fn columns(collection: &Collection) -> Vec<(String, &'static str)> {
    let own = OWN.iter().map(|(name, kind)| ((*name).to_owned(), *kind));
    let declared = written(collection).into_iter().map(|column| {
        let column = &collection.columns[column];
        (quote(&column.name), column.kind.name())
    });
    own.chain(declared).collect()
}

pub(super) fn begin(collection: &Collection) -> String {
    let columns: Vec<String> = columns(collection)
        .into_iter()
        .map(|(name, kind)| match kind {
            "text" => format!("{name} text collate \"C\""),
            _ => format!("{name} {kind}"),
        })
        .collect();
    format!(
        "begin; set local statement_timeout to 0; \
         select set_config('work_mem', greatest(setting::int8, {SORT_KILOBYTES})::text, true) \
         from pg_catalog.pg_settings where name = 'work_mem'; \
         create temporary table {} ({}) on commit drop",
        TABLE.trim_start_matches("pg_temp."),
        columns.join(", ")
    )
}

fn names(collection: &Collection) -> String {
    let names: Vec<String> = columns(collection).into_iter().map(|(name, _)| name).collect();
    names.join(", ")
}

pub(super) fn copy(collection: &Collection) -> String {
    format!("copy {TABLE} ({}) from stdin", names(collection))
}

pub(super) fn insert(collection: &Collection) -> String {
    let columns = columns(collection);
    let arrays: Vec<String> = (1..=columns.len()).map(|at| format!("${at}::text[]")).collect();
    let aliases: Vec<String> = (1..=columns.len()).map(|at| format!("c{at}")).collect();
    let casts: Vec<String> = columns
        .iter()
        .zip(&aliases)
        .map(|((_, kind), alias)| format!("{alias}::{kind}"))
        .collect();
    format!(
        "insert into {TABLE} ({}) select {} from unnest({}) as u ({})",
        names(collection),
        casts.join(", "),
        arrays.join(", "),
        aliases.join(", ")
    )
}

/// Bad rows: line, problem, and how many there are in all.
pub(super) fn bad(collection: &Collection, kind: Kind) -> String {
    let key = quote(collection.key_name());
    let current = collection.current();
    let found = match kind {
        Kind::Records => format!(
            "select \"_line\", 'key ' || {key} || ' stands on line ' || first || ' already' as problem \
             from (select \"_line\", {key}, min(\"_line\") over (partition by {key}) as first from {TABLE}) i \
             where \"_line\" > first"
        ),
        // One sort of all rows finds every fault that a history can have.
        Kind::Revisions => format!(
            "select \"_line\", case \
             when recorded_at is null then 'recorded_at is missing' \
             when is_there then 'record ' || {key} || ' is there already' \
             when revision = before then 'revision ' || revision || ' of record ' || {key} || ' stands there twice' \
             when revision <> n then 'revision ' || n || ' of record ' || {key} || ' is missing before revision ' || revision \
             when recorded_at < at_before then 'it was recorded before the revision that it supersedes' \
             else 'superseded_at is not when revision ' || (revision + 1) || ' was recorded' end as problem \
             from (select \"_line\", {key}, revision, recorded_at, superseded_at, \
                 row_number() over w as n, lag(revision) over w as before, lag(recorded_at) over w as at_before, \
                 lead(recorded_at) over w as at_after, \
                 exists (select from {current} c where c.{key} = i.{key}) as is_there \
                 from {TABLE} i window w as (partition by {key} order by revision, \"_line\")) r \
             where recorded_at is null or is_there or revision <> n or recorded_at < at_before \
             or superseded_at is distinct from at_after"
        ),
    };
    format!(
        "select \"_line\", problem, count(*) over () from ({found}) b order by \"_line\" limit {BAD_ROWS_MAX}"
    )
}

/// What makes revisions of the rows; each says how many it added.
pub(super) fn write(collection: &Collection, kind: Kind) -> Vec<String> {
    match kind {
        Kind::Records => records(collection),
        Kind::Revisions => revisions(collection),
    }
}

struct Names {
    key: String,
    object: String,
    current: String,
    history: String,
    /// Columns in the order in which a list of an object's records shows them.
    order: Vec<String>,
    /// The written columns, the key among them.
    columns: Vec<String>,
}

impl Names {
    fn new(collection: &Collection) -> Names {
        let name = |column: usize| quote(&collection.columns[column].name);
        let object = collection
            .revisions
            .as_ref()
            .map_or(collection.key, |revisions| revisions.object);
        let order = [object].into_iter().chain(collection.record_order());
        Names {
            key: name(collection.key),
            object: name(object),
            current: collection.current(),
            history: collection.history(),
            order: order.map(name).collect(),
            columns: written(collection).into_iter().map(name).collect(),
        }
    }

    fn list(&self, prefix: &str) -> String {
        let list: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("{prefix}{column}"))
            .collect();
        list.join(", ")
    }
}

fn records(collection: &Collection) -> Vec<String> {
    let names = Names::new(collection);
    let Names {
        key,
        object,
        current,
        history,
        order,
        columns,
    } = &names;
    let set: Vec<String> = columns
        .iter()
        .filter(|column| *column != key)
        .map(|column| format!(", {column} = i.{column}"))
        .collect();
    // JSON has no equality of its own.
    let differs: Vec<String> = written(collection)
        .into_iter()
        .filter(|column| *column != collection.key)
        .map(|column| {
            let column = &collection.columns[column];
            let (name, cast) = (
                quote(&column.name),
                if column.kind == Type::Json { "::jsonb" } else { "" },
            );
            format!(" or c.{name}{cast} is distinct from i.{name}{cast}")
        })
        .collect();
    let (list, of_import) = (names.list(""), names.list("i."));
    let old: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| format!("b.{column} as c{at}"))
        .collect();
    let kept: Vec<String> = (0..columns.len()).map(|at| format!("c{at}")).collect();
    vec![
        // In the order of the keys, as every bulk write does, so that no two wait for each other.
        format!(
            "select 0::int8 from (select count(*) from (select from {current} \
             where {key} in (select {key} from {TABLE}) order by {key} for update) l) c"
        ),
        format!(
            // A record that is what the row says gets no revision: the same rows can be imported again.
            "with u as (update {current} c set revision = c.revision + 1, \
             recorded_at = greatest(clock_timestamp(), c.recorded_at), author = i.author, comment = i.comment, \
             deleted = false{set} from {current} b, {TABLE} i where c.{key} = i.{key} and b.{key} = c.{key} \
             and (c.deleted{differs}) \
             returning c.recorded_at as new_at, b.{object}::text as object_before, c.{object}::text as object_now, \
             b.revision as r, \
             b.recorded_at as t, b.author as a, b.comment as n, b.deleted as d, {old}), \
             h as (insert into {history} (revision, recorded_at, author, comment, deleted, superseded_at, {list}) \
             select r, t, a, n, d, new_at, {kept} from u), \
             i as (insert into {current} (revision, recorded_at, author, comment, {list}) \
             select 1, clock_timestamp(), i.author, i.comment, {of_import} from {TABLE} i \
             where not exists (select from {current} c where c.{key} = i.{key}) order by {order} \
             returning {object}::text as object), \
             v as (insert into {OBJECT_VERSION} as v (object, version) select object, 1 from \
             (select object_before collate \"C\" from u \
             union select coalesce(object_now, {NO_OBJECT}) collate \"C\" from u \
             union select coalesce(object, {NO_OBJECT}) collate \"C\" from i) s (object) \
             where object is not null order by object \
             on conflict (object) do update set version = v.version + 1) \
             select (select count(*) from u) + (select count(*) from i)",
            set = set.concat(),
            differs = differs.concat(),
            old = old.join(", "),
            kept = kept.join(", "),
            order = order
                .iter()
                .map(|column| format!("i.{column}"))
                .collect::<Vec<_>>()
                .join(", "),
        ),
    ]
}

fn revisions(collection: &Collection) -> Vec<String> {
    let names = Names::new(collection);
    let Names {
        object,
        current,
        history,
        order,
        ..
    } = &names;
    let list = names.list("");
    let envelope = "revision, recorded_at, author, comment, deleted";
    vec![format!(
        "with h as (insert into {history} ({envelope}, superseded_at, {list}) \
         select {envelope}, superseded_at, {list} from {TABLE} where superseded_at is not null), \
         c as (insert into {current} ({envelope}, {list}) \
         select {envelope}, {list} from {TABLE} where superseded_at is null order by {}), \
         v as (insert into {OBJECT_VERSION} as v (object, version) \
         select object, 1 from \
         (select distinct coalesce({object}::text, {NO_OBJECT}) collate \"C\" from {TABLE} \
         union select {HISTORY_IMPORTED}) s (object) \
         order by object on conflict (object) do update set version = v.version + 1) \
         select count(*) from {TABLE}",
        order.join(", ")
    )]
}
