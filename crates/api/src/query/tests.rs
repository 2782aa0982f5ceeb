//! Query strings: what is read, and what is refused with which words.

use super::{Plus, Query, decode, hint};

fn check(raw: &str, expected: &str) {
    let read = || -> Result<String, crate::error::Rejection> {
        let mut query = Query::parse(raw)?;
        let ids = query.list("ids", 3)?;
        let limit = query.limit("limit", 50, 1000)?;
        let pretty = query.flag("pretty")?;
        let name = query.take("name");
        query.finish(["ids", "limit", "pretty", "name"])?;
        Ok(format!("{ids:?} {limit} {pretty} {name:?}"))
    };
    let told = match read() {
        Ok(read) => read,
        Err(rejection) => {
            let problem = crate::problem::Problem::from(rejection).value(None);
            let hint = problem["hint"]
                .as_str()
                .map(|hint| format!(" [{hint}]"))
                .unwrap_or_default();
            format!(
                "{}: {}{hint}",
                problem["type"].as_str().unwrap(),
                problem["detail"].as_str().unwrap()
            )
        }
    };
    assert_eq!(told, expected, "of {raw}");
}

#[test]
fn queries() {
    check("", "None 50 false None");
    check("&&", "None 50 false None");
    check("ids=a", r#"Some(["a"]) 50 false None"#);
    check(
        "ids=a,b%2C,c+d",
        r#"/problems/too-many: `ids` lists 4 members; the limit is 3 [split it into several requests]"#,
    );
    check("ids=a,b,c+d", r#"Some(["a", "b", "c d"]) 50 false None"#);
    check("ids=", "/problems/bad-parameter: `ids` has an empty member");
    check("limit=1&pretty=true&name=%C3%A9", r#"None 1 true Some("é")"#);
    check("limit=1000", "None 1000 false None");
    check("name", r#"None 50 false Some("")"#);
    check("name=a=b", r#"None 50 false Some("a=b")"#);
}

#[test]
fn refusals_name_what_is_wrong() {
    for limit in [
        "0",
        "1001",
        "-1",
        "+5",
        "x",
        "",
        "1e2",
        "99999999999999999999",
        "1.0",
        "%31%20",
    ] {
        let shown = decode(limit, Plus::IsSpace).unwrap();
        check(
            &format!("limit={limit}"),
            &format!("/problems/bad-parameter: `limit` is `{shown}`, not a whole number from 1 to 1000"),
        );
    }
    check(
        "limti=1",
        "/problems/unknown-parameter: this route has no query parameter `limti` [did you mean `limit`?]",
    );
    check(
        "zzz",
        "/problems/unknown-parameter: this route has no query parameter `zzz` [known here: `ids`, `limit`, `pretty`, `name`]",
    );
    check(
        "limit=1&limit=2",
        "/problems/repeated-parameter: the query parameter `limit` is given more than once [separate several values with commas, where a list is taken]",
    );
    check(
        "pretty=1",
        "/problems/bad-parameter: `pretty` is `1`, neither `true` nor `false`",
    );
    check(
        "name=%",
        "/problems/bad-parameter: `name` is not percent-encoded UTF-8",
    );
    check(
        "name=%ff",
        "/problems/bad-parameter: `name` is not percent-encoded UTF-8",
    );
    check(
        "%zz=1",
        "/problems/malformed-query: the query is not percent-encoded UTF-8",
    );
}

#[test]
fn absurd_lengths_are_cut_and_compared_with_nothing() {
    let long = "x".repeat(10_000);
    let problem = Query::parse(&long).unwrap().finish(["limit"]).unwrap_err();
    assert!(problem.to_string().len() < 300, "{problem}");
    assert_eq!(hint(&long, ["limit"]).unwrap(), "known here: `limit`");
}

#[test]
fn plus_is_itself_in_a_path() {
    assert_eq!(decode("a+b%2Bc", Plus::IsPlus).unwrap(), "a+b+c");
    assert_eq!(decode("a+b%2Bc", Plus::IsSpace).unwrap(), "a b+c");
    assert_eq!(super::encode("a b&c=ü"), "a%20b%26c%3D%C3%BC");
}
