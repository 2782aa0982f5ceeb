//! The statements that write, made from the model: identifiers are its own, values are parameters.
//!
//! Values travel as text and are cast, since the model's types are open and the parameters' are not. The
//! shape of each statement was measured and tried against its alternatives; the traps it avoids:
//!
//! - No trigger. A BEFORE INSERT trigger that clears a flag, beside ON CONFLICT DO NOTHING, has done its update
//!   when the insert is skipped: 6 of 10 records were left without a newest revision.
//! - `recorded_at` is not `now()`: that is the start of the transaction, and a writer that waited would be older
//!   than what it supersedes.
//! - The last SELECT says what was written. A statement that ended in the update of `object_version` would
//!   answer "0 rows" for a revision it wrote.

use std::sync::Arc;

use model::{collection::Collection, expression::quote};

use super::Write;
use crate::migration::{NO_OBJECT, OBJECT_VERSION};

/// Whether a statement raises the versions of the objects it touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    /// It does.
    Raised,
    /// It returns the objects, for a transaction that raises all of them at its end, each once and in order:
    /// two bulk writes would otherwise wait for each other.
    Returned,
}

/// Columns that a writer gives, the key left out.
pub(super) fn written(collection: &Collection) -> Vec<usize> {
    let is_written = |column: &usize| {
        *column != collection.key
            && collection
                .revisions
                .as_ref()
                .is_some_and(|revisions| revisions.is_written(*column))
    };
    (0..collection.columns.len()).filter(is_written).collect()
}

/// The statement of a write.
pub(super) fn of(collection: &Collection, write: &Write, versions: Versions) -> Arc<str> {
    let names = Names::new(collection);
    let sql = match write {
        Write::Create(_) => create(&names, versions),
        Write::Replace { .. } | Write::Patch { .. } | Write::Delete { .. } => update(&names, versions),
        Write::Revert { .. } => revert(&names, versions),
    };
    sql.into()
}

/// Raises the versions of the objects in `$1`. All writers do that in one order, so that no two wait for each other.
pub(super) fn raise() -> Arc<str> {
    format!(
        "insert into {OBJECT_VERSION} as v (object, version) \
         select object, 1 from (select coalesce(object, {NO_OBJECT}) collate \"C\" as object \
         from unnest($1::text[]) as o (object)) s order by object \
         on conflict (object) do update set version = v.version + 1"
    )
    .into()
}

/// The names of one collection's tables and columns, quoted.
struct Names {
    current: String,
    history: String,
    key: String,
    key_kind: &'static str,
    /// The object's column as text: `object_version` serves collections of all key types.
    object: String,
    /// Name and type of each column that is written, the key left out.
    written: Vec<(String, &'static str)>,
}

impl Names {
    fn new(collection: &Collection) -> Names {
        let object = collection
            .revisions
            .as_ref()
            .map_or(collection.key, |revisions| revisions.object);
        Names {
            current: collection.current(),
            history: collection.history(),
            key: quote(collection.key_name()),
            key_kind: collection.key_type().name(),
            object: quote(&collection.columns[object].name),
            written: written(collection)
                .into_iter()
                .map(|column| {
                    let column = &collection.columns[column];
                    (quote(&column.name), column.kind.name())
                })
                .collect(),
        }
    }

    /// `each` of the written columns, after a comma each.
    fn each(&self, each: impl Fn(usize, &str, &str) -> String) -> String {
        self.written
            .iter()
            .enumerate()
            .map(|(at, (name, kind))| format!(", {}", each(at, name, kind)))
            .collect()
    }

    fn list(&self, prefix: &str) -> String {
        self.each(|_, name, _| format!("{prefix}{name}"))
    }
}

/// A write that names the revision it replaces: `$1` the key, `$2` that revision, `$3` author, `$4` comment,
/// `$5` whether it is a deletion, `$6` which columns are given, then their values.
fn update(names: &Names, versions: Versions) -> String {
    let set = names.each(|at, name, kind| {
        format!(
            "{name} = case when ($6::bool[])[{}] then ${}::text::{kind} else c.{name} end",
            at + 1,
            at + 7
        )
    });
    replaced(
        names,
        versions,
        &Replacement {
            with: "",
            set: &set,
            deleted: "$5::bool",
            from: "",
            condition: "",
        },
    )
}

/// The content of revision `$5` again; `$1` to `$4` as in [`update`].
fn revert(names: &Names, versions: Versions) -> String {
    let columns = names.list("");
    let select = |table: &str| {
        format!(
            "select revision{columns} from {table} where {} = $1::text::{} and revision = $5::int4 and not deleted",
            names.key, names.key_kind
        )
    };
    let with = format!(
        "r as ({} union all {}), ",
        select(&names.history),
        select(&names.current)
    );
    let set = names.each(|_, name, _| format!("{name} = r.{name}"));
    replaced(
        names,
        versions,
        &Replacement {
            with: &with,
            set: &set,
            deleted: "false",
            from: ", r",
            condition: " and r.revision = $5::int4",
        },
    )
}

/// What tells one update from the other.
struct Replacement<'a> {
    with: &'a str,
    set: &'a str,
    deleted: &'a str,
    from: &'a str,
    condition: &'a str,
}

fn replaced(names: &Names, versions: Versions, by: &Replacement<'_>) -> String {
    let Names {
        current,
        history,
        key,
        key_kind,
        object,
        ..
    } = names;
    let Replacement {
        with,
        set,
        deleted,
        from,
        condition,
    } = by;
    // b is the row as it was. Its columns are named: * would break when one is added.
    format!(
        "with {with}u as (update {current} c set revision = c.revision + 1, \
         recorded_at = greatest(clock_timestamp(), c.recorded_at), author = $3::text, comment = $4::text, \
         deleted = {deleted}{set} \
         from {current} b{from} \
         where c.{key} = $1::text::{key_kind} and c.revision = $2::int4 and not c.deleted \
         and b.{key} = c.{key} and b.revision = $2::int4{condition} \
         returning c.recorded_at as new_at, c.{object}::text as object_now, b.{object}::text as object_before, \
         b.{key} as k, b.revision as r, b.recorded_at as t, b.author as a, b.comment as n, b.deleted as d{old}), \
         h as (insert into {history} ({key}, revision, recorded_at, author, comment, deleted, superseded_at{columns}) \
         select k, r, t, a, n, d, new_at{kept} from u), \
         w as (select r + 1 as revision, new_at as recorded_at, object_before, object_now from u){answer}",
        columns = names.list(""),
        old = names.each(|at, name, _| format!("b.{name} as c{at}")),
        kept = names.each(|at, _, _| format!("c{at}")),
        answer = answer(versions),
    )
}

/// The first revision, or the first after a deletion: `$1` the key, `$2` author, `$3` comment, then the values.
fn create(names: &Names, versions: Versions) -> String {
    let Names {
        current,
        history,
        key,
        key_kind,
        object,
        ..
    } = names;
    let columns = names.list("");
    format!(
        "with b as (select * from {current} where {key} = $1::text::{key_kind}), \
         i as (insert into {current} as c ({key}, revision, recorded_at, author, comment{columns}) \
         values ($1::text::{key_kind}, 1, clock_timestamp(), $2::text, $3::text{values}) \
         on conflict ({key}) do update set revision = c.revision + 1, \
         recorded_at = greatest(clock_timestamp(), c.recorded_at), deleted = false, \
         author = excluded.author, comment = excluded.comment{again} where c.deleted returning *), \
         h as (insert into {history} ({key}, revision, recorded_at, author, comment, deleted, superseded_at{columns}) \
         select i.{key}, b.revision, b.recorded_at, b.author, b.comment, b.deleted, i.recorded_at{old} \
         from i left join b on b.revision = i.revision - 1 where i.revision > 1), \
         w as (select i.revision, i.recorded_at, (select b.{object}::text from b) as object_before, \
         i.{object}::text as object_now from i){answer}",
        values = names.each(|at, _, kind| format!("${}::text::{kind}", at + 4)),
        again = names.each(|_, name, _| format!("{name} = excluded.{name}")),
        old = names.list("b."),
        answer = answer(versions),
    )
}

/// What was written, `w`, and what follows of it. What a record belonged to before is null where there was none.
fn answer(versions: Versions) -> String {
    match versions {
        Versions::Raised => format!(
            ", v as (insert into {OBJECT_VERSION} as v (object, version) \
             select object, 1 from (select object_before collate \"C\" from w \
             union select coalesce(object_now, {NO_OBJECT}) collate \"C\" from w) s (object) \
             where object is not null order by object \
             on conflict (object) do update set version = v.version + 1) \
             select revision, recorded_at from w"
        ),
        Versions::Returned => " select revision, recorded_at, object_before, object_now from w".to_owned(),
    }
}
