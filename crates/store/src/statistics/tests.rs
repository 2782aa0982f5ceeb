//! The same statement, written by us and by PostgreSQL.

use super::shape;

#[track_caller]
fn check(ours: &str, theirs: &str) {
    assert_eq!(shape(ours), shape(theirs));
}

#[test]
fn the_same_statement_has_one_shape() {
    check(
        "select a\n  from t where id = any($1)",
        "select a from t where id = any($1) ",
    );
    check("select a from t1 limit 100", "select a from t1 limit $2");
    check("where state = 'it''s' and n > 1.5", "where state = $1 and n > $2");
    assert_ne!(shape("select a1 from t"), shape("select a2 from t"));
}
