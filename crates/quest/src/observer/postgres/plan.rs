//! How the database would run a statement, and whether an index that does not exist would change that.
//!
//! Only reading statements are explained, never run; parameters are left open, as a generic plan has them.

mod newest;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{MARK, Version, connect::Session};
use crate::observer::State;

/// Hypothetical indexes tried for one statement at most.
const TRIALS_MAX: usize = 8;

/// Steps of one plan at most.
const STEPS_MAX: usize = 200;

/// Views that are looked at.
const VIEWS_MAX: usize = 1_000;

/// Parameters of one statement at most.
const PARAMETERS_MAX: usize = 200;

/// A plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The statement.
    pub query_id: String,
    /// The planner's cost.
    pub cost: f64,
    /// From the top down, deeper ones later.
    pub steps: Vec<Step>,
    /// Indexes that were tried without being made.
    pub trials: Vec<Trial>,
    /// Why none was tried, where none was.
    pub untried: Option<String>,
    /// A view of the newest versions that it reads, said otherwise.
    pub rewrite: Option<Rewrite>,
}

/// A view said otherwise, with the statement explained over it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rewrite {
    /// What makes it so.
    pub sql: String,
    /// The cost of the statement with it.
    pub cost: f64,
}

/// One step of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// How deep it stands.
    pub depth: usize,
    /// `Seq Scan`, `Sort`.
    pub kind: String,
    /// The table.
    pub relation: Option<String>,
    /// The condition by which an index or a bitmap finds its rows; none reads the whole table.
    #[serde(default)]
    pub condition: Option<String>,
    /// What rows must fulfil.
    pub filter: Option<String>,
    /// By what it sorts.
    pub sort: Vec<String>,
    /// Rows expected.
    pub rows: f64,
    /// Rows of the table, where all of them are read to keep those that fulfil the filter.
    #[serde(default)]
    pub read: Option<f64>,
}

/// An index that was tried without being made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// As it would be made.
    pub index: String,
    /// The cost with it.
    pub cost: f64,
    /// Whether the planner would use it.
    pub is_used: bool,
}

impl Step {
    /// Whether it reads a table from end to end.
    pub fn is_of_all(&self) -> bool {
        self.relation.is_some() && self.condition.is_none() && self.kind.ends_with("Scan")
    }
}

/// Explains a statement, and tries the indexes that its plan suggests.
pub fn explain(session: &mut Session, version: &Version, query_id: &str, sql: &str) -> Result<Plan, State> {
    let sql = &uncommented(sql);
    if !is_reading(sql) {
        return Err(State::Absent(
            "only a statement that reads is explained".to_owned(),
        ));
    }
    session.query("BEGIN READ ONLY")?;
    let explained = explain_open(session, version, query_id, sql);
    // Whatever happened inside, nothing of it stays.
    let ended = session.query("ROLLBACK; DEALLOCATE ALL");
    let plan = explained?;
    ended?;
    Ok(plan)
}

fn explain_open(session: &mut Session, version: &Version, query_id: &str, sql: &str) -> Result<Plan, State> {
    let ask = prepare(session, version, sql)?;
    let root = ask_plan(session, &ask)?;
    let mut plan = Plan {
        query_id: query_id.to_owned(),
        cost: cost(&root),
        ..Plan::default()
    };
    walk(&root, 0, &mut plan.steps);
    for step in &mut plan.steps {
        step.read = rows_read(session, step)?;
    }
    let has_hypopg = session
        .query(&format!(
            "SELECT {MARK} 1 FROM pg_extension WHERE extname = 'hypopg'"
        ))?
        .len()
        == 1;
    if has_hypopg {
        for index in candidates(&plan.steps) {
            plan.trials.push(try_index(session, version, sql, &index)?);
        }
    } else {
        plan.untried = Some("hypopg is not installed in this database: CREATE EXTENSION hypopg".to_owned());
    }
    // Last, for it prepares another statement under the same name.
    if plan.steps.iter().any(|step| step.kind == "Unique") {
        plan.rewrite = try_rewrite(session, version, sql)?;
    }
    if has_hypopg && plan.trials.is_empty() {
        plan.untried =
            Some("its plan scans no table by a condition or an order that an index could serve".to_owned());
    }
    Ok(plan)
}

/// The rows of a table that is read from end to end by a filter, as the planner counts them.
fn rows_read(session: &mut Session, step: &Step) -> Result<Option<f64>, State> {
    let Some(relation) = step
        .relation
        .as_ref()
        .filter(|_| step.is_of_all() && step.filter.is_some())
    else {
        return Ok(None);
    };
    let rows = session.query(&format!(
        "SELECT {MARK} reltuples::text FROM pg_class WHERE oid = to_regclass({})",
        quoted(&identifier(relation))
    ))?;
    let counted = rows.first().and_then(|row| row.text(0)?.parse::<f64>().ok());
    // A table that was never analysed has -1.
    Ok(counted.filter(|rows| *rows > 0.0))
}

/// A name as `to_regclass` reads it: a plan shows it without quotes.
fn identifier(relation: &str) -> String {
    let parts: Vec<String> = relation
        .split('.')
        .map(|part| format!("\"{}\"", part.replace('"', "\"\"")))
        .collect();
    parts.join(".")
}

/// The statement over its view rewritten, if it reads one of that form whose versions are surely unique.
fn try_rewrite(session: &mut Session, version: &Version, sql: &str) -> Result<Option<Rewrite>, State> {
    let views = session.query(&format!(
        "SELECT {MARK} viewname::text, definition FROM pg_views \
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND definition LIKE '%DISTINCT ON%' LIMIT {VIEWS_MAX}"
    ))?;
    for view in &views {
        let (Some(name), Some(definition)) = (view.text(0), view.text(1)) else {
            continue;
        };
        let Some(newest) = newest::understood(name, definition) else {
            continue;
        };
        let Some(rewritten) = newest.within(sql) else {
            continue;
        };
        if !is_unique(session, &newest)? {
            continue;
        }
        let ask = prepare(session, version, &rewritten)?;
        let root = ask_plan(session, &ask)?;
        return Ok(Some(Rewrite {
            sql: newest.sql(),
            cost: cost(&root),
        }));
    }
    Ok(None)
}

/// Whether no object has the same version twice, by a unique index over columns that are never null.
fn is_unique(session: &mut Session, newest: &newest::Newest) -> Result<bool, State> {
    let mut columns = newest.keys.clone();
    columns.push(newest.version.clone());
    columns.sort();
    let rows = session.query(&format!(
        "SELECT {MARK} 1 FROM pg_index i WHERE i.indrelid = {table}::regclass AND i.indisunique AND i.indpred IS NULL AND \
         (SELECT string_agg(a.attname, ',' ORDER BY a.attname COLLATE \"C\") FROM pg_attribute a \
          WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attnotnull) = {columns}",
        table = quoted(&newest.table),
        columns = quoted(&columns.join(","))
    ))?;
    Ok(!rows.is_empty())
}

fn try_index(session: &mut Session, version: &Version, sql: &str, index: &str) -> Result<Trial, State> {
    let made = session.query(&format!(
        "SELECT {MARK} indexrelid::text, indexname::text FROM hypopg_create_index({})",
        quoted(index)
    ))?;
    let name = made
        .first()
        .and_then(|row| row.text(1))
        .unwrap_or_default()
        .to_owned();
    // A statement that is prepared keeps its plan, so it is prepared anew now that the index is there.
    let root = prepare(session, version, sql).and_then(|ask| ask_plan(session, &ask));
    session.query(&format!("SELECT {MARK} hypopg_reset()"))?;
    let root = root?;
    Ok(Trial {
        index: index.to_owned(),
        cost: cost(&root),
        is_used: !name.is_empty() && root.to_string().contains(&name),
    })
}

/// The statement that gives the plan.
fn prepare(session: &mut Session, version: &Version, sql: &str) -> Result<String, State> {
    let sql = sql.trim().trim_end_matches(';');
    if version.explains_generic() {
        return Ok(format!("EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql}"));
    }
    let parameters = parameters(sql);
    session.query(&format!(
        "SET LOCAL plan_cache_mode = force_generic_plan; DEALLOCATE ALL; PREPARE quest_plan AS {sql}"
    ))?;
    let nulls = vec!["NULL"; parameters].join(", ");
    Ok(if parameters == 0 {
        "EXPLAIN (FORMAT JSON) EXECUTE quest_plan".to_owned()
    } else {
        format!("EXPLAIN (FORMAT JSON) EXECUTE quest_plan({nulls})")
    })
}

fn ask_plan(session: &mut Session, ask: &str) -> Result<Value, State> {
    let rows = session.query(ask)?;
    let text: String = rows.iter().filter_map(|row| row.text(0)).collect();
    let value: Value =
        serde_json::from_str(&text).map_err(|error| State::Absent(format!("its plan: {error}")))?;
    Ok(value[0]["Plan"].clone())
}

fn cost(root: &Value) -> f64 {
    root["Total Cost"].as_f64().unwrap_or(0.0)
}

fn walk(node: &Value, depth: usize, steps: &mut Vec<Step>) {
    if steps.len() >= STEPS_MAX {
        return;
    }
    let text = |key: &str| node[key].as_str().map(str::to_owned);
    let relation = text("Relation Name").map(|name| match node["Schema"].as_str() {
        Some(schema) => format!("{schema}.{name}"),
        None => name,
    });
    steps.push(Step {
        depth,
        kind: text("Node Type").unwrap_or_default(),
        relation,
        condition: text("Index Cond")
            .or_else(|| text("Recheck Cond"))
            .or_else(|| text("TID Cond")),
        filter: text("Filter"),
        sort: node["Sort Key"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect(),
        rows: node["Plan Rows"].as_f64().unwrap_or(0.0),
        read: None,
    });
    for child in node["Plans"].as_array().into_iter().flatten() {
        walk(child, depth + 1, steps);
    }
}

/// Indexes that could serve a sequential scan: by its filter, and by the orders that stand above it.
fn candidates(steps: &[Step]) -> Vec<String> {
    let mut indexes = Vec::new();
    for (at, scan) in steps.iter().enumerate().filter(|(_, step)| step.is_of_all()) {
        let Some(relation) = &scan.relation else { continue };
        let mut columns: Vec<Vec<String>> = Vec::new();
        if let Some(filter) = &scan.filter {
            columns.extend(compared_columns(filter).into_iter().map(|column| vec![column]));
        }
        // A condition on what a view gives stands above it.
        let conditions = steps[..at]
            .iter()
            .filter(|step| step.kind == "Subquery Scan")
            .filter_map(|step| step.filter.as_ref());
        for filter in conditions {
            columns.extend(compared_columns(filter).into_iter().map(|column| vec![column]));
        }
        let above = steps[..at].iter().filter(|step| !step.sort.is_empty());
        for sort in above {
            let keys: Vec<String> = sort.sort.iter().filter_map(|key| column(key)).collect();
            if keys.len() == sort.sort.len() {
                columns.push(keys);
            }
        }
        for columns in columns {
            let index = format!("CREATE INDEX ON {relation} ({})", columns.join(", "));
            if !indexes.contains(&index) && indexes.len() < TRIALS_MAX {
                indexes.push(index);
            }
        }
    }
    indexes
}

/// Columns that a filter compares with a constant or a parameter.
fn compared_columns(filter: &str) -> Vec<String> {
    let mut found = Vec::new();
    for operator in [" = ", " > ", " < ", " >= ", " <= ", " = ANY "] {
        for (at, _) in filter.match_indices(operator) {
            let before = &filter[..at];
            let start = before
                .rfind(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '.'))
                .map_or(0, |at| at + 1);
            if let Some(name) = column(&before[start..])
                && !found.contains(&name)
            {
                found.push(name);
            }
        }
    }
    found
}

/// A sort key or an operand, if it is a plain column: without its table, with its direction.
fn column(text: &str) -> Option<String> {
    let (name, direction) = match text.split_once(' ') {
        Some((name, direction)) => (name, direction),
        None => (text, ""),
    };
    let name = name.rsplit('.').next().unwrap_or(name);
    let is_plain = name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_known = direction.is_empty()
        || direction.starts_with("DESC")
        || direction.starts_with("ASC")
        || direction.starts_with("NULLS");
    (is_plain && is_known).then(|| {
        if direction.is_empty() {
            name.to_owned()
        } else {
            format!("{name} {direction}")
        }
    })
}

/// How many parameters a normalised statement has.
fn parameters(sql: &str) -> usize {
    let mut most = 0;
    for (at, _) in sql.match_indices('$') {
        let digits: String = sql[at + 1..].chars().take_while(char::is_ascii_digit).collect();
        most = most.max(digits.parse().unwrap_or(0));
    }
    most.min(PARAMETERS_MAX)
}

/// A statement without its line comments: whoever writes it on one line again must not lose what follows them.
fn uncommented(sql: &str) -> String {
    let without = |line: &str| {
        let comment = line
            .match_indices("--")
            .find(|(at, _)| line[..*at].matches('\'').count().is_multiple_of(2));
        comment.map_or(line.len(), |(at, _)| at)
    };
    let lines: Vec<&str> = sql.lines().map(|line| &line[..without(line)]).collect();
    lines.join("\n").trim().to_owned()
}

fn is_reading(sql: &str) -> bool {
    let first: String = sql
        .trim_start()
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    // A semicolon inside would be a second statement.
    let is_one = !sql.trim().trim_end_matches(';').contains(';');
    is_one && (first.eq_ignore_ascii_case("select") || first.eq_ignore_ascii_case("with"))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
