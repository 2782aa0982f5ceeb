//! Plans as PostgreSQL 15 prints them.

use serde_json::json;

use super::*;

fn tables(plan: &Value) -> String {
    let scans = scans(plan);
    let shown: Vec<String> = scans
        .iter()
        .map(|scan| format!("{}({})", scan.table, scan.by.as_deref().unwrap_or("?")))
        .collect();
    shown.join(" ")
}

fn seq_scan(filter: &str) -> Value {
    json!({"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "flights", "Alias": "f", "Filter": filter})
}

#[test]
fn the_column_compared_with_the_ids_is_found() {
    for (filter, expect) in [
        ("(f.tailnum = ANY ($1))", "flights(tailnum)"),
        ("((f.tailnum)::text = ANY ($1))", "flights(tailnum)"),
        ("((f.tailnum)::text = ANY (($1)::text[]))", "flights(tailnum)"),
        (
            "((f.origin = ANY ('{JFK,LGA}'::text[])) AND (f.tailnum = ANY ($1)))",
            "flights(tailnum)",
        ),
        ("(f.\"Tail Number\" = ANY ($1))", "flights(Tail Number)"),
        ("(upper(f.tailnum) = ANY ($1))", "flights(tailnum)"),
        ("(hashed SubPlan 1 has $1)", "flights(?)"),
    ] {
        assert_eq!(tables(&json!([{"Plan": seq_scan(filter)}])), expect, "{filter}");
    }
}

#[test]
fn a_scan_beside_an_index_on_the_ids_is_a_lookup() {
    let index = |cond: &str| json!({"Node Type": "Index Scan", "Schema": "public", "Relation Name": "f", "Index Cond": cond});
    let lookup = || json!({"Node Type": "Hash", "Plans": [seq_scan("(f.year > 10)")]});
    let join = |other: Value| json!([{"Plan": {"Node Type": "Hash Join", "Plans": [other, lookup()]}}]);
    assert_eq!(tables(&join(index("(f.tailnum = ANY ($1))"))), "");
    assert_eq!(tables(&join(index("(f.tailnum = $10)"))), "flights(?)");
    assert_eq!(
        tables(&join(
            json!({"Node Type": "Function Scan", "Function Call": "unnest($1)"})
        )),
        "flights(?)"
    );
}
