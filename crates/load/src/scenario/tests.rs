//! Scenarios: which request a number stands for, and what cannot be built.

use proptest::prelude::*;

use super::{file::Overrides, values::Order, *};

fn read(file: &str) -> std::io::Result<Vec<u8>> {
    match file {
        "ids.txt" => Ok(b"a\nb\n\n c \n".to_vec()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    }
}

fn parsed(text: &str) -> Result<Scenario, String> {
    file::parse("s.toml", text, &Overrides::default(), &read).map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error} {}", source.unwrap_or_default())
    })
}

#[test]
fn values_fill_templates_in_order() {
    let scenario = parsed(
        r#"
        url = "http://localhost"
        [values]
        id = "@ids.txt"
        n = "1..2"
        [[request]]
        path = "/objects/{id}/{n}"
        "#,
    )
    .unwrap();
    let paths: Vec<String> = (0..4).map(|index| scenario.path_of(index)).collect();
    assert_eq!(
        paths,
        ["/objects/a/1", "/objects/b/2", "/objects/c/1", "/objects/a/2"]
    );
}

#[test]
fn headers_have_the_values_of_their_request() {
    let scenario = parsed(
        r#"
        url = "http://localhost"
        [values]
        id = ["a", "b"]
        [[request]]
        path = "/objects/{id}"
        headers = { X-Object = "{id}", authorization = "Bearer t" }
        "#,
    )
    .unwrap();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = scenario.headers_of(1);
    headers.sort();
    assert_eq!(
        headers,
        [header("authorization", "Bearer t"), header("x-object", "b")]
    );
}

#[test]
fn weights_are_spread_and_each_request_sees_all_values() {
    let scenario = parsed(
        r#"
        url = "http://localhost"
        [values]
        id = ["a", "b"]
        [[request]]
        path = "/often/{id}"
        weight = 2
        [[request]]
        path = "/rare/{id}"
        "#,
    )
    .unwrap();
    let paths: Vec<String> = (0..6).map(|index| scenario.path_of(index)).collect();
    assert_eq!(
        paths,
        [
            "/often/a", "/rare/a", "/often/b", "/often/a", "/rare/b", "/often/b"
        ]
    );
}

#[test]
fn a_seed_repeats_chance() {
    let values = |seed| Values::new(Order::Random { seed }).range("id", 1, 1_000).unwrap();
    let paths = |seed| {
        let values = values(seed);
        let request = Request::get("/{id}", &values).unwrap();
        let (target, _) = Target::parse("http://a").unwrap();
        let scenario = Scenario::new(target, vec![request], values).unwrap();
        (0..50).map(|index| scenario.path_of(index)).collect::<Vec<_>>()
    };
    assert_eq!(paths(1), paths(1));
    assert_ne!(paths(1), paths(2));
}

#[test]
fn a_requests_own_header_takes_the_place_of_the_files_in_any_case() {
    let scenario = parsed(
        r#"
        url = "http://localhost"
        [headers]
        Accept = "text/plain"
        X-All = "yes"
        [[request]]
        path = "/"
        headers = { accept = "application/json" }
        "#,
    )
    .unwrap();
    let headers: Vec<(&str, &[u8])> = scenario.requests()[0]
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_fixed().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [("accept", &b"application/json"[..]), ("x-all", &b"yes"[..])]
    );
}

#[test]
fn a_seed_is_the_command_lines_then_the_files_then_any_other() {
    let paths = |line: &str, seed, seed_otherwise| {
        let text = format!(
            "url = \"http://localhost\"\norder = \"random\"\n{line}\n\
             [values]\nid = \"1..1000\"\n[[request]]\npath = \"/{{id}}\""
        );
        let overrides = Overrides {
            seed,
            seed_otherwise,
            ..Overrides::default()
        };
        let scenario = file::parse("s.toml", &text, &overrides, &read).unwrap();
        (0..50).map(|index| scenario.path_of(index)).collect::<Vec<_>>()
    };
    assert_ne!(paths("", None, 1), paths("", None, 2), "nobody chose one");
    assert_eq!(paths("seed = 3", None, 1), paths("seed = 3", None, 2));
    assert_eq!(paths("seed = 3", Some(4), 1), paths("", None, 4));
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let refused = |text: &str, expect: &str| {
        let error = parsed(&format!("url = \"http://localhost\"\n{text}")).unwrap_err();
        assert!(error.contains(expect), "{error}");
    };
    refused("[[request]]\npath = \"x\"", "does not begin with a slash");
    refused("[[request]]\npath = \"/a b\"", "holds a space");
    refused(
        "[[request]]\npath = \"/\"\nweight = 0",
        "no request with a weight",
    );
    refused("[[request]]\npath = \"/\"\nmethod = \"G T\"", "has the method");
    refused(
        "[[request]]\npath = \"/\"\nheaders = { host2 = \"a\\r\\nb\" }",
        "holds a line end",
    );
    refused(
        "[[request]]\npath = \"/\"\nheaders = { Content-Length = \"1\" }",
        "belongs to the connection",
    );
    refused(
        "[values]\nid = \"1..2\"\n[[request]]\npath = \"/{x}\"",
        "which has no values; there are: id",
    );
    refused("[[request]]\npath = \"/\"\nwieght = 2", "unknown field `wieght`");
    refused("[values]\nid = \"@none\"\n[[request]]\npath = \"/\"", "none: ");
    refused(
        "[[request]]\npath = \"/\"\ncheck = { status = \"2xx\" }",
        "is no status",
    );
}

proptest! {
    #[test]
    fn every_turn_of_the_cycle_keeps_the_weights(weights in proptest::collection::vec(0_u32..20, 1..8)) {
        prop_assume!(weights.iter().sum::<u32>() > 0);
        let (target, _) = Target::parse("http://a").unwrap();
        let requests = weights
            .iter()
            .map(|weight| Request { weight: *weight, ..Request::get("/", &Values::none()).unwrap() })
            .collect();
        let scenario = Scenario::new(target, requests, Values::none()).unwrap();
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut counts = vec![0_u64; weights.len()];
        for index in 0..total * 2 {
            let which = scenario.which(index);
            let request = usize::from(which.request);
            prop_assert_eq!(which.nth, counts[request]);
            counts[request] += 1;
        }
        for (count, weight) in counts.iter().zip(&weights) {
            prop_assert_eq!(*count, u64::from(*weight) * 2);
        }
    }
}
