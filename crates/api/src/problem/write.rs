//! Why nothing was written, as a problem: with the revision that was in the way.

use model::collection::Collection;
use serde_json::{Value, json};
use store::revision::{Refusal, Revision};

use super::{Kind, Problem};
use crate::{collection, query::cut};

impl Problem {
    /// `on_conflict`: what it is called that another revision is there.
    pub(crate) fn of_write(refusal: Refusal, collection: &Collection, on_conflict: Kind) -> Problem {
        match refusal {
            Refusal::Conflict { current } => {
                let detail = format!(
                    "record `{}` of collection `{}` is at revision {}",
                    cut(&current.key),
                    collection.name,
                    current.revision
                );
                Problem::new(on_conflict, detail)
                    .hint(format!(
                        "look at `current`, and write again with `If-Match: \"{}\"`",
                        current.revision
                    ))
                    .with("current", shown(&current))
            }
            Refusal::NotFound { key, deleted } => {
                let problem = Problem::from(collection::not_found(&key, collection));
                match deleted {
                    Some(deleted) => problem.hint(collection::deleted(deleted.revision)),
                    None => problem.hint("`If-None-Match: *` creates it"),
                }
            }
            Refusal::NoRevision { key, to } => Problem::new(
                Kind::UnknownRevision,
                format!(
                    "record `{}` has no revision {to} with content to return to",
                    cut(&key)
                ),
            )
            .hint("`/revisions` lists them"),
            Refusal::Invalid { key, field, problem } => Problem::new(
                Kind::InvalidRecord,
                format!("the database refuses record `{}`: {problem}", cut(&key)),
            )
            .with("errors", json!([{ "field": field, "problem": problem }]))
            .with("errors_total", 1),
            Refusal::Store(error) => error.into(),
        }
    }
}

fn shown(revision: &Revision) -> Value {
    // We wrote it ourselves; a column of JSON that PostgreSQL takes and this parser does not makes it null.
    serde_json::from_slice(&revision.json()).unwrap_or_default()
}
