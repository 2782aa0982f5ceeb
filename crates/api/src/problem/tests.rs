//! Problems: complete, distinct, and silent about what is not the client's business.

use std::{collections::HashSet, time::Duration};

use super::{Kind, Problem};
use store::error::Error;

#[test]
fn the_list_is_whole_and_distinct() {
    let slugs: HashSet<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
    assert_eq!(slugs.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        assert!(
            kind.status().is_client_error() || kind.status().is_server_error(),
            "{kind:?}"
        );
        assert!(
            kind.about().ends_with('.') && !kind.title().ends_with('.'),
            "{kind:?}"
        );
    }
}

#[test]
fn the_document() {
    let problem = Problem::new(Kind::UnknownField, "field `x` is unknown").hint("did you mean `y`?");
    assert_eq!(
        String::from_utf8(problem.document(Some("abc-1")).to_vec()).unwrap(),
        r#"{"type":"/problems/unknown-field","title":"Unknown field","status":400,"detail":"field `x` is unknown","hint":"did you mean `y`?","instance":"abc-1"}"#
    );
}

#[test]
fn of_the_store() {
    let check = |error: Error, kind: Kind, retry: bool| {
        let problem = Problem::from(error);
        assert_eq!(problem.kind, kind, "{problem:?}");
        assert_eq!(problem.retry_after.is_some(), retry, "{problem:?}");
        let said = problem.value(None).to_string();
        assert!(!said.contains("secret") && !said.contains("select"), "{said}");
    };
    let database = || "fleet".to_owned();
    check(
        Error::Busy {
            database: database(),
            connections: 4,
            waited: Duration::from_secs(1),
        },
        Kind::Overloaded,
        true,
    );
    check(
        Error::Connect {
            database: database(),
            source: "password secret is wrong".into(),
        },
        Kind::DatabaseUnavailable,
        true,
    );
    check(
        Error::Deadline {
            database: database(),
            what: "flights".into(),
        },
        Kind::DeadlineExceeded,
        false,
    );
    check(
        Error::Shape {
            database: database(),
            what: "flights".into(),
            problem: "column `a` is missing".into(),
        },
        Kind::ModelMismatch,
        false,
    );
}
