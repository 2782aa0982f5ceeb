//! How a statement finds its rows: a look at the plan that serves any list of ids.

use embedded::EngineKind;
use model::expression::quote;
use serde_json::Value;
use tokio::time::timeout_at;
use tokio_postgres::SimpleQueryMessage;

use super::{Desk, Severity, subject::Subject};
use crate::error::Error;

/// A table of so many rows is read whole as fast as by an index.
const ROWS_FEW: f64 = 5_000.0;

const NAME: &str = "sidequest_check";

/// A table that a plan reads from its first row to its last.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    schema: String,
    table: String,
    /// The column compared with the ids, none if the ids are compared elsewhere.
    by: Option<String>,
}

impl Desk {
    /// Warns of large tables that are read whole for a few ids.
    pub(super) async fn explain(&mut self, subject: &Subject<'_>) -> Result<(), Error> {
        // The others explain in forms of their own.
        if self.lease.pool().caps().engine != EngineKind::PostgreSql {
            return Ok(());
        }
        self.lease.spoiled = true;
        let plan = timeout_at(self.deadline, self.plan(&subject.statement)).await;
        let plan = match plan {
            Ok(Ok(plan)) => plan,
            Ok(Err(source)) => return Err(self.failed(subject, source)),
            Err(_) => {
                let database = self.lease.pool().database().to_owned();
                return Err(Error::Deadline {
                    database,
                    what: subject.what.clone(),
                });
            }
        };
        self.lease.spoiled = false;
        for scan in scans(&plan) {
            self.weigh(subject, &scan).await?;
        }
        Ok(())
    }

    async fn plan(&mut self, statement: &str) -> Result<Value, tokio_postgres::Error> {
        let client = self.lease.client();
        let begin =
            format!("begin; set local plan_cache_mode to force_generic_plan; prepare {NAME} as {statement}");
        client.batch_execute(&begin).await?;
        let messages = client
            .simple_query(&format!("explain (format json, verbose) execute {NAME}(null)"))
            .await?;
        // Only the transaction forgets by itself.
        client
            .batch_execute(&format!("deallocate {NAME}; rollback"))
            .await?;
        let mut text = String::new();
        for message in &messages {
            if let SimpleQueryMessage::Row(row) = message {
                text.push_str(row.get(0).unwrap_or_default());
            }
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    async fn weigh(&mut self, subject: &Subject<'_>, scan: &Scan) -> Result<(), Error> {
        let path = format!("{}.{}", quote(&scan.schema), quote(&scan.table));
        let row = match self.lease.client().query_opt(TABLE, &[&path]).await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(()),
            Err(source) => return Err(self.failed(subject, source)),
        };
        let (rows, bytes, columns): (f32, i64, Vec<String>) = (row.get(0), row.get(1), row.get(2));
        // Below zero: nobody has counted them yet.
        let rows = if rows < 0.0 {
            bytes as f64 / 100.0
        } else {
            f64::from(rows)
        };
        if rows < ROWS_FEW {
            return Ok(());
        }
        let message = format!(
            "it reads all {rows:.0} rows of `{}` for the ids it is asked for",
            scan.table
        );
        let hint = index(scan, subject, &columns);
        self.find(Severity::Warning, subject, message, hint);
        Ok(())
    }
}

const TABLE: &str = "select reltuples, pg_catalog.pg_relation_size(oid), \
     array(select attname::text from pg_catalog.pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped) \
     from pg_catalog.pg_class c where oid = pg_catalog.to_regclass($1)";

/// The index that finds the rows of an object in their order.
fn index(scan: &Scan, subject: &Subject<'_>, columns: &[String]) -> Option<String> {
    let is_there = |name: &str| columns.iter().any(|column| column == name);
    let first = scan
        .by
        .as_deref()
        .or(subject.order.first().copied())
        .filter(|name| is_there(name))?;
    let others = subject
        .order
        .iter()
        .skip(1)
        .copied()
        .filter(|name| is_there(name) && **name != *first);
    let list: Vec<String> = std::iter::once(first).chain(others).map(bare).collect();
    let table = match &*scan.schema {
        "public" => bare(&scan.table),
        schema => format!("{}.{}", bare(schema), bare(&scan.table)),
    };
    Some(format!("create index on {table} ({})", list.join(", ")))
}

/// A name in quotes if it needs them.
fn bare(name: &str) -> String {
    let is_plain = name
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if is_plain && !name.starts_with(|first: char| first.is_ascii_digit()) {
        name.to_owned()
    } else {
        quote(name)
    }
}

/// The tables that a plan reads whole because of the ids: filtered by them, or joined with them where no
/// index is asked for them at all.
pub(super) fn scans(plan: &Value) -> Vec<Scan> {
    let mut nodes = Vec::new();
    walk(plan, &mut nodes);
    let text = |node: &Value, member: &str| node[member].as_str().map(str::to_owned);
    let is_asked = |node: &&Value| {
        ["Index Cond", "Recheck Cond", "TID Cond"]
            .iter()
            .any(|member| text(node, member).is_some_and(|cond| has_ids(&cond)))
    };
    let is_indexed = nodes.iter().any(is_asked);
    let whole = nodes.iter().filter(|node| node["Node Type"] == "Seq Scan");
    whole
        .filter_map(|node| {
            let filter = text(node, "Filter").filter(|filter| has_ids(filter));
            if filter.is_none() && is_indexed {
                return None;
            }
            Some(Scan {
                schema: text(node, "Schema")?,
                table: text(node, "Relation Name")?,
                by: filter.as_deref().and_then(compared),
            })
        })
        .collect()
}

fn walk<'a>(value: &'a Value, nodes: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, nodes)),
        Value::Object(members) => {
            if members.contains_key("Node Type") {
                nodes.push(value);
            }
            ["Plan", "Plans"]
                .iter()
                .filter_map(|member| members.get(*member))
                .for_each(|part| walk(part, nodes));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn has_ids(condition: &str) -> bool {
    condition
        .split("$1")
        .skip(1)
        .any(|after| !after.starts_with(|next: char| next.is_ascii_digit()))
}

/// `tailnum` of `((flights.tailnum)::text = ANY ($1))`.
fn compared(filter: &str) -> Option<String> {
    let before = filter.split(" = ANY (").zip(filter.split(" = ANY (").skip(1));
    let (before, _) = before.into_iter().find(|(_, after)| has_ids(after))?;
    let name = before.rsplit('(').next()?.split(')').next()?;
    match name.strip_suffix('"') {
        Some(quoted) => quoted.rsplit_once('"').map(|(_, name)| name.to_owned()),
        None => name.rsplit('.').next().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
