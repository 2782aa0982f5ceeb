//! What a counter-experiment may change, and what it must not.

use std::time::Duration;

use diagnosis::{case, evidence::Evidence};
use load::{
    check::Check,
    scenario::{Request, Scenario, template::Template, values::Values},
    target::Target,
};

use super::{one_id, unused};
use crate::hook::{Change, Hook};

fn request(values: &Values, path: &str) -> Request {
    let header = |name: &str, value: &str| {
        (
            name.to_owned(),
            Template::parse(value, values).expect("its names are known"),
        )
    };
    Request {
        name: "search".to_owned(),
        method: "POST".to_owned(),
        path: Template::parse(path, values).expect("its names are known"),
        headers: vec![header("authorization", "Bearer t"), header("x-object", "{id}")],
        body: Some(b"{}".to_vec()),
        weight: 1,
        check: Check::none(),
    }
}

fn scenario(paths: &[&str]) -> Scenario {
    let values = Values::none()
        .given("id", vec!["a".to_owned(), "b".to_owned()])
        .expect("values");
    let requests = paths.iter().map(|path| request(&values, path)).collect();
    let (target, _) = Target::parse("http://localhost/").expect("the URL is right");
    Scenario::new(target, requests, values).expect("a scenario")
}

#[test]
fn one_object_is_asked_for_as_all_of_them_are() {
    let one = one_id(&scenario(&["/objects/{id}"])).expect("there are several");
    let [request] = one.requests() else {
        panic!("one request: {one:?}");
    };
    assert_eq!([one.path_of(0), one.path_of(1)], ["/objects/a", "/objects/a"]);
    assert_eq!(request.method, "POST");
    assert_eq!(request.body.as_deref(), Some(b"{}".as_slice()));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = [header("authorization", "Bearer t"), header("x-object", "a")];
    assert_eq!([one.headers_of(0), one.headers_of(1)], [headers.clone(), headers]);
}

#[test]
fn there_is_no_one_object_where_all_are_the_same_or_of_several_kinds() {
    assert!(one_id(&scenario(&["/objects"])).is_none());
    assert!(one_id(&scenario(&["/objects/{id}", "/list/{id}"])).is_none());
}

fn hook(name: &str, times: f64) -> Hook {
    Hook {
        change: Change::Setting {
            name: name.to_owned(),
            times,
        },
        apply: "true".to_owned(),
        revert: "true".to_owned(),
        settle: Duration::ZERO,
    }
}

fn pool_of_three() -> Evidence {
    let case = "fact app.pool_max=3\n\
                load 1 http/1.1 client.rate=91 client.latency_ms=10.9 app.handler_ms=10.5 app.pool_wait_ms=0 app.pool_in_use=1 app.pool_hold_ms=10\n\
                load 16 client.rate=287 client.latency_ms=55.2 app.handler_ms=54 app.pool_wait_ms=43 app.pool_in_use=3 app.pool_hold_ms=10\n";
    case::read(case).expect("a case").evidence
}

#[test]
fn a_hook_that_nothing_asks_for_is_told() {
    let mut evidence = pool_of_three();
    let hooks = [hook("pool", 4.0), hook("pool", 2.0)];
    let told = unused(&hooks, &evidence);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("the hook of pool x4 was not used: what was found asks for ")
            && told[0].contains("pool x2"),
        "{told:?}"
    );
    assert!(told[1].contains("D1-pool could not be run"), "{told:?}");
    // One that was used is no mistake.
    let run = diagnosis::propose(&evidence)
        .into_iter()
        .find(|counter| counter.id == "D1-pool");
    evidence.counters.extend(run);
    let told = unused(&hooks, &evidence);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("pool x4"), "{told:?}");
}
