//! Shares of a plan's cost, from EXPLAIN's JSON.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::*;

fn scan(table: &str, cost: f64, rows: f64) -> Value {
    json!({ "Node Type": "Seq Scan", "Relation Name": table, "Schema": "public", "Total Cost": cost, "Plan Rows": rows })
}

fn plan(root: &Value) -> Plan {
    let explained = json!([{ "Plan": root }]);
    let sizes = tables(&explained)
        .into_iter()
        .map(|table| (table, 1_000_000.0))
        .collect::<HashMap<_, _>>();
    Plan::read(&explained, &sizes)
}

#[test]
fn shares_are_without_what_is_below_and_add_up() {
    let plan = plan(
        &json!({ "Node Type": "Sort", "Total Cost": 100.0, "Plan Rows": 20, "Plans": [scan("events", 80.0, 20.0)] }),
    );
    assert_eq!(
        plan.to_string(),
        "Sort 20 %, 20 rows > Seq Scan on events 80 %, 20 rows"
    );
    assert_eq!(plan.worst().map(|node| node.kind.as_str()), Some("Seq Scan"));
    // All of the table are read for the 20 that are returned.
    assert_eq!((plan.rows_read, plan.rows_returned), (1_000_000.0, 20.0));
}

#[test]
fn the_inner_side_of_a_nested_loop_runs_often() {
    let mut outer = scan("few", 10.0, 100.0);
    outer["Parent Relationship"] = "Outer".into();
    let inner = json!({
        "Node Type": "Index Scan", "Relation Name": "many", "Index Name": "many_ix", "Index Cond": "(id = few.id)",
        "Parent Relationship": "Inner", "Total Cost": 8.0, "Plan Rows": 3,
    });
    let plan = plan(
        &json!({ "Node Type": "Nested Loop", "Total Cost": 820.0, "Plan Rows": 300, "Plans": [outer, inner] }),
    );
    let worst = plan.worst().unwrap();
    assert_eq!(
        (worst.kind.as_str(), worst.on.as_deref()),
        ("Index Scan", Some("many_ix"))
    );
    assert!((worst.share - 800.0 / 820.0).abs() < 1e-9, "{worst:?}");
    assert_eq!(plan.rows_read, 1_000_000.0 + 300.0);
    let shares: f64 = plan.nodes.iter().map(|node| node.share).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{plan:?}");
}

#[test]
fn below_a_limit_only_a_part_is_spent() {
    let plan = plan(
        &json!({ "Node Type": "Limit", "Total Cost": 5.0, "Plan Rows": 10, "Plans": [scan("events", 500.0, 1e6)] }),
    );
    let shares: Vec<f64> = plan.nodes.iter().map(|node| node.share).collect();
    assert_eq!(shares, [0.0, 1.0]);
    assert_eq!(plan.rows_read, 10_000.0);
}

#[test]
fn what_is_no_plan_has_no_node_that_costs() {
    assert_eq!(plan(&Value::Null).rows_read, 0.0);
}
