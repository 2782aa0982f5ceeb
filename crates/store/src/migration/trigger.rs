//! Triggers that tell of writes of others: they raise the versions of the objects concerned in the transaction that
//! writes, so that nothing kept of them is taken for new, and notify whoever keeps it.
//!
//! Of each statement, not of each row: an object is raised and told once, in one order for all writers. Our own
//! sessions raise versions themselves and are passed over, so they neither pay for it nor wait for each other at
//! the queue of notifications, which PostgreSQL lets one transaction at a time commit to.

use model::collection::Collection;

use super::{CHANNEL, NO_OBJECT, OBJECT_VERSION, OWN, Plan, Step, catalog::Catalog};
use crate::error::Error;

/// The function that all of them call, with the collection and the column of the object.
const FUNCTION: &str = "sidequest_changed()";

/// Name, event, and the rows that it sees.
const TRIGGERS: [(&str, &str, &str); 3] = [
    ("sidequest_inserted", "insert", "new table as after"),
    (
        "sidequest_updated",
        "update",
        "old table as before new table as after",
    ),
    ("sidequest_deleted", "delete", "old table as before"),
];

/// What the triggers of one collection lack, or have too much.
pub(super) async fn lacking(
    catalog: &Catalog<'_>,
    collection: &Collection,
    plan: &mut Plan,
) -> Result<(), Error> {
    let Some(revisions) = &collection.revisions else {
        return Ok(());
    };
    let object = &collection.columns[revisions.object].name;
    let arguments = format!("{}\0{object}\0", collection.name).into_bytes();
    let found = catalog.triggers(&collection.current()).await?;
    let function = function();
    let is_planned = plan.steps.contains(&function);
    if revisions.notify && !is_planned && catalog.source(FUNCTION).await?.as_deref() != Some(&body()) {
        plan.steps.push(function);
    }
    for (name, event, rows) in TRIGGERS {
        let there = found.iter().find(|(found, _)| found == name);
        let fits = there.is_some_and(|(_, found)| *found == arguments);
        if there.is_some() && !(revisions.notify && fits) {
            plan.steps.push(Step {
                about: format!("trigger {name} of collection {}, to be dropped", collection.name),
                sql: format!("drop trigger {name} on {}", collection.current()),
            });
        }
        if revisions.notify && !fits {
            plan.steps.push(Step {
                about: format!("trigger {name} of collection {}: writes of others are told", collection.name),
                sql: format!(
                    "create trigger {name} after {event} on {}\n    referencing {rows} for each statement\n    \
                     when (coalesce(current_setting('{OWN}', true), '') <> 'on')\n    \
                     execute function sidequest_changed({}, {})",
                    collection.current(),
                    literal(&collection.name),
                    literal(object),
                ),
            });
        }
    }
    Ok(())
}

/// What it does. Objects are compared as text, and raised in the order in which all writers raise them.
fn body() -> String {
    let object =
        |row: &str| format!("coalesce(to_jsonb({row}) ->> tg_argv[1], {NO_OBJECT}) collate \"C\" as o");
    let (before, after) = (object("b"), object("a"));
    format!(
        "\n\
         declare\n    changed text[];\n    one text;\n\
         begin\n    \
         if tg_op = 'INSERT' then\n        \
         changed := array(select distinct {after} from after a order by o);\n    \
         elsif tg_op = 'DELETE' then\n        \
         changed := array(select distinct {before} from before b order by o);\n    \
         else\n        \
         changed := array(select {before} from before b union\n            \
         select {after} from after a order by o);\n    \
         end if;\n    \
         foreach one in array changed loop\n        \
         insert into {OBJECT_VERSION} as v (object, version) values (one, 1)\n            \
         on conflict (object) do update set version = v.version + 1;\n        \
         if one <> {NO_OBJECT} then\n            \
         perform pg_notify('{CHANNEL}', tg_argv[0] || ' ' || one);\n        \
         end if;\n    \
         end loop;\n    \
         return null;\n\
         end "
    )
}

fn function() -> Step {
    let sql = format!(
        "create or replace function {FUNCTION} returns trigger language plpgsql set search_path from current as $${}$$",
        body()
    );
    Step {
        about: "function sidequest_changed: raises the versions of objects that others wrote, and tells"
            .to_owned(),
        sql,
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
