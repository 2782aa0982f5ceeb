//! `sidequest check`: all faults at once, and the demo has none.

use insta::assert_snapshot;

use crate::binary::{run, sidequest};

#[test]
fn six_faults_are_shown_at_once() {
    assert_snapshot!(run(&mut sidequest(&["check", "broken"])));
}

#[test]
fn a_broken_model_is_not_served() {
    let said = run(&mut sidequest(&[
        "serve",
        "--model",
        "broken",
        "--listen",
        "127.0.0.1:0",
    ]));
    assert!(said.starts_with("exit code: 3\n"), "{said}");
}

#[test]
fn the_demo_has_no_faults() {
    assert_snapshot!(run(&mut sidequest(&["check"])));
}

#[test]
fn the_models_beside_it_have_no_faults() {
    for model in [
        "../../../../demo/flights/as-posted",
        "../../../../benchsuite/latest",
    ] {
        let said = run(&mut sidequest(&["check", model]));
        assert!(said.starts_with("exit code: 0\n"), "{said}");
    }
}

#[test]
fn a_model_is_named_by_its_directory_or_its_file() {
    let by_directory = run(&mut sidequest(&["check", "shop"]));
    assert!(by_directory.starts_with("exit code: 0\n"), "{by_directory}");
    assert_eq!(by_directory, run(&mut sidequest(&["check", "shop/model.toml"])));
}

#[test]
fn a_database_that_does_not_answer_has_its_own_exit_code() {
    // The discard port: nobody listens there.
    let said = run(&mut sidequest(&[
        "check",
        "shop",
        "--database",
        "till=postgres://me:hidden@127.0.0.1:9/till",
    ]));
    assert!(said.starts_with("exit code: 4\n"), "{said}");
    assert!(said.contains("127.0.0.1:9"), "{said}");
    assert!(!said.contains("hidden"), "{said}");
}
