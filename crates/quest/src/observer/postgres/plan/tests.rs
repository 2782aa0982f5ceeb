//! Which indexes a plan suggests, and which statements are explained at all.

use super::{Step, candidates, is_reading, parameters};

fn step(depth: usize, kind: &str) -> Step {
    Step {
        depth,
        kind: kind.to_owned(),
        ..Step::default()
    }
}

#[test]
fn a_filter_suggests_its_columns() {
    let scan = Step {
        relation: Some("public.orders".to_owned()),
        filter: Some("((customer = $1) AND (o.state <> 'done'::text) AND (total > 100))".to_owned()),
        ..step(0, "Seq Scan")
    };
    assert_eq!(
        candidates(&[scan]),
        [
            "CREATE INDEX ON public.orders (customer)",
            "CREATE INDEX ON public.orders (total)"
        ]
    );
}

#[test]
fn orders_above_a_scan_suggest_theirs() {
    let sort = |depth, keys: &[&str]| Step {
        sort: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..step(depth, "Sort")
    };
    let scan = Step {
        relation: Some("public.revision".to_owned()),
        ..step(4, "Seq Scan")
    };
    let plan = [
        step(0, "Limit"),
        sort(1, &["revision.ts DESC"]),
        step(2, "Unique"),
        sort(3, &["revision.id", "revision.rev DESC"]),
        scan,
    ];
    assert_eq!(
        candidates(&plan),
        [
            "CREATE INDEX ON public.revision (ts DESC)",
            "CREATE INDEX ON public.revision (id, rev DESC)"
        ]
    );
}

#[test]
fn only_one_reading_statement_is_explained() {
    assert!(is_reading("SELECT 1;"));
    assert!(is_reading(" with a as (select 1) select * from a"));
    assert!(!is_reading("UPDATE a SET b = 1"));
    assert!(!is_reading("SELECT 1; DROP TABLE a"));
    assert_eq!(parameters("SELECT $1 + $12 WHERE a = $2"), 12);
}
