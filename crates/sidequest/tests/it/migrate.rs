//! `sidequest migrate`: the SQL it prints, and what it will not do unasked.

use insta::assert_snapshot;

use crate::binary::{run, sidequest};

#[test]
fn the_sql_of_the_demo() {
    assert_snapshot!(run(&mut sidequest(&["migrate", "--dry-run"])));
}

#[test]
fn nothing_is_made_in_a_database_that_is_not_named() {
    assert_snapshot!(run(&mut sidequest(&["migrate"])));
    // A variable says where a database is, not that it may be changed.
    let mut command = sidequest(&["migrate"]);
    command.env(
        "SIDEQUEST_DATABASE_OPERATIONS",
        "postgres://127.0.0.1:9/operations",
    );
    let said = run(&mut command);
    assert!(said.starts_with("exit code: 2\n"), "{said}");
}

#[test]
fn a_database_that_does_not_answer_has_its_own_exit_code() {
    let said = run(&mut sidequest(&[
        "migrate",
        "--database",
        "operations=postgres://me:hidden@127.0.0.1:9/operations",
    ]));
    assert!(said.starts_with("exit code: 4\n"), "{said}");
    assert!(!said.contains("hidden"), "{said}");
}
