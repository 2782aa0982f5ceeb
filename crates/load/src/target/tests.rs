//! What URLs say, and which are refused.

use super::*;

#[track_caller]
fn check(url: &str, expect: &str) {
    let said = match Target::parse(url) {
        Ok((target, path)) => format!(
            "{} {} {} {} {path}",
            target.scheme.name(),
            target.host,
            target.port,
            target.authority
        ),
        Err(error) => error.to_string(),
    };
    assert_eq!(said, expect, "{url}");
}

#[test]
fn urls_are_taken_apart() {
    check("http://a", "http a 80 a /");
    check("http://a:8080/x?y=1#z", "http a 8080 a:8080 /x?y=1");
    check("https://a:443", "https a 443 a /");
    check("http://a?b", "http a 80 a /?b");
    check("http://[::1]:81/x", "http ::1 81 [::1]:81 /x");
    check("https://[::1]/", "https ::1 443 [::1] /");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    check(
        "ftp://a",
        "read the URL `ftp://a`: its scheme is neither http nor https",
    );
    check(
        "a/b",
        "read the URL `a/b`: it does not begin with http:// or https://",
    );
    check("http://:80/", "read the URL `http://:80/`: it names no host");
    check("http://a:x/", "read the URL `http://a:x/`: its port is no number");
    check(
        "http://a/b c",
        "read the URL `http://a/b c`: its path holds a space or a control character",
    );
}

#[test]
fn places_are_hosts_or_sockets() {
    assert_eq!(
        Place::parse("unix:/run/a.sock", 80).unwrap(),
        Place::Unix("/run/a.sock".into())
    );
    assert_eq!(
        Place::parse("::1", 80).unwrap(),
        Place::Tcp {
            host: "::1".to_owned(),
            port: 80
        }
    );
    assert_eq!(
        Place::parse("b:81", 80).unwrap(),
        Place::Tcp {
            host: "b".to_owned(),
            port: 81
        }
    );
}
