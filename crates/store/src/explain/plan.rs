//! What PostgreSQL's planner expects of a statement: its nodes, and which share of the cost each has.

use std::{collections::HashMap, fmt};

use model::expression::quote;
use serde_json::Value;

/// Nodes of one plan that are told; the others count all the same.
const NODES_MAX: usize = 40;
/// Of a condition; longer ones are cut.
const CONDITION_CHARS_MAX: usize = 160;

/// A plan. All its numbers are estimates of the planner.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// From the outermost on, each before those below it.
    pub nodes: Vec<Node>,
    /// Rows that it returns.
    pub rows_returned: f64,
    /// Rows of tables that it looks at.
    pub rows_read: f64,
}

/// A node of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// How many are above it.
    pub depth: usize,
    /// As PostgreSQL names it.
    pub kind: String,
    /// A table, an index or a function.
    pub on: Option<String>,
    /// By what it finds or filters its rows. Values of requests are `$1`, `$2`.
    pub condition: Option<String>,
    /// Rows it gives each time.
    pub rows: f64,
    /// Its own part of the plan's cost, without that of the nodes below it.
    pub share: f64,
}

impl Plan {
    /// Of EXPLAIN's JSON; `sizes` are rows of the tables that [`tables`] names.
    pub(super) fn read(explained: &Value, sizes: &HashMap<String, f64>) -> Plan {
        let root = &explained[0]["Plan"];
        let mut reading = Reading {
            sizes,
            cost: number(root, "Total Cost").max(f64::MIN_POSITIVE),
            nodes: Vec::new(),
            rows_read: 0.0,
        };
        let place = Place {
            depth: 0,
            loops: 1.0,
            scale: 1.0,
        };
        reading.node(root, place);
        Plan {
            nodes: reading.nodes,
            rows_returned: number(root, "Plan Rows"),
            rows_read: reading.rows_read,
        }
    }

    /// The node with the largest part of the cost.
    pub fn worst(&self) -> Option<&Node> {
        self.nodes
            .iter()
            .max_by(|one, other| one.share.total_cmp(&other.share))
    }
}

/// In one line: `Sort 12 %, 20 rows > Index Scan on events_ix 88 %, 20 rows, (thing = ANY ($1))`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut depth = 0;
        for (at, node) in self.nodes.iter().enumerate() {
            if at > 0 {
                // Beside the one before it, or further out.
                f.write_str(if node.depth > depth { " > " } else { " | " })?;
            }
            depth = node.depth;
            write!(f, "{node}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if let Some(on) = &self.on {
            write!(f, " on {on}")?;
        }
        write!(f, " {:.0} %, {:.0} rows", self.share * 100.0, self.rows)?;
        if let Some(condition) = &self.condition {
            write!(f, ", {condition}")?;
        }
        Ok(())
    }
}

/// Tables that are read whole, as PostgreSQL's `to_regclass` takes them.
pub(super) fn tables(explained: &Value) -> Vec<String> {
    let mut tables = Vec::new();
    collect(&explained[0]["Plan"], &mut tables);
    tables
}

fn collect(node: &Value, tables: &mut Vec<String>) {
    tables.extend(table(node));
    below(node).for_each(|node| collect(node, tables));
}

/// Of a node that reads a table whole.
fn table(node: &Value) -> Option<String> {
    let is_whole = node["Node Type"] == "Seq Scan";
    let name = is_whole.then(|| node["Relation Name"].as_str()).flatten()?;
    let schema = node["Schema"].as_str()?;
    Some(format!("{}.{}", quote(schema), quote(name)))
}

fn below(node: &Value) -> impl Iterator<Item = &Value> {
    node["Plans"].as_array().into_iter().flatten()
}

fn number(node: &Value, member: &str) -> f64 {
    node[member].as_f64().unwrap_or_default()
}

struct Reading<'a> {
    sizes: &'a HashMap<String, f64>,
    cost: f64,
    nodes: Vec<Node>,
    rows_read: f64,
}

#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    /// How often it runs.
    loops: f64,
    /// Below a node that stops early only a part of the cost is spent.
    scale: f64,
}

impl Reading<'_> {
    fn node(&mut self, node: &Value, place: Place) {
        let cost = number(node, "Total Cost") * place.loops * place.scale;
        // The inner side of a nested loop runs once a row of the outer.
        let is_loop = node["Node Type"] == "Nested Loop";
        let is = |node: &Value, side: &str| node["Parent Relationship"] == side;
        let outer = below(node).find(|node| is(node, "Outer"));
        let times = outer.map_or(1.0, |outer| number(outer, "Plan Rows").max(1.0));
        let loops = |node: &Value| match is_loop && is(node, "Inner") {
            true => place.loops * times,
            false => place.loops,
        };
        let costs = below(node).map(|node| number(node, "Total Cost") * loops(node) * place.scale);
        let costs: f64 = costs.sum();
        self.count(node, place);
        if self.nodes.len() < NODES_MAX {
            self.nodes
                .push(told(node, place.depth, (cost - costs).max(0.0) / self.cost));
        }
        let scale = if costs > cost {
            place.scale * cost / costs
        } else {
            place.scale
        };
        for inner in below(node) {
            let place = Place {
                depth: place.depth + 1,
                loops: loops(inner),
                scale,
            };
            self.node(inner, place);
        }
    }

    fn count(&mut self, node: &Value, place: Place) {
        let kind = node["Node Type"].as_str().unwrap_or_default();
        // A bitmap index scan finds what the heap scan above it reads.
        let reads =
            kind.ends_with("Scan") && kind != "Bitmap Index Scan" && node["Relation Name"].is_string();
        if reads {
            let whole = table(node).and_then(|table| self.sizes.get(&table).copied());
            self.rows_read += whole.unwrap_or_else(|| number(node, "Plan Rows")) * place.loops * place.scale;
        }
    }
}

fn told(node: &Value, depth: usize, share: f64) -> Node {
    let text = |member: &str| node[member].as_str().map(str::to_owned);
    let on = ["Index Name", "Relation Name", "Function Name", "CTE Name"];
    let conditions = [
        "Index Cond",
        "Recheck Cond",
        "Hash Cond",
        "Merge Cond",
        "Join Filter",
        "Filter",
    ];
    Node {
        depth,
        kind: text("Node Type").unwrap_or_default(),
        on: on.into_iter().find_map(text),
        condition: conditions.into_iter().find_map(text).map(cut),
        rows: number(node, "Plan Rows"),
        share,
    }
}

fn cut(condition: String) -> String {
    match condition.char_indices().nth(CONDITION_CHARS_MAX) {
        Some((at, _)) => format!("{}..", &condition[..at]),
        None => condition,
    }
}

#[cfg(test)]
mod tests;
