//! What a log says, in which form, and what it never says.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use super::*;
use crate::log::redact::redact;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(format: Format, filter: &str, say: impl FnOnce(&Level)) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let config = Config {
        format,
        colours: false,
        filter: filter.to_owned(),
    };
    let (guard, level) = start_scoped(&config, move || writer.clone()).unwrap();
    say(&level);
    drop(guard);
    lines.text()
}

#[test]
fn text_and_json() {
    let say = |_: &Level| tracing::info!(target: "access", status = 200, "answered");
    let text = logged(Format::Text, "info", say);
    assert!(text.ends_with("INFO access: answered status=200\n"), "{text}");
    let json = logged(Format::Json, "info", say);
    let line: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(line["message"], "answered");
    assert_eq!(line["status"], 200);
}

#[test]
fn the_level_changes_while_it_runs() {
    let text = logged(Format::Text, "warn", |level| {
        tracing::info!("one");
        level.set("info").unwrap();
        assert!(level.get().contains("info"));
        tracing::info!("two");
        assert!(level.set("no such [filter").is_err());
        level.set("off").unwrap();
        tracing::error!("three");
    });
    assert!(
        !text.contains("one") && text.contains("two") && !text.contains("three"),
        "{text}"
    );
}

#[test]
fn secrets_are_not_said_in_either_form() {
    for format in [Format::Text, Format::Json] {
        let text = logged(format, "info", |_| {
            let url = "postgres://me:marked-one@db/flights";
            tracing::info!(url, "connecting to {url}");
            tracing::warn!(password = "marked-two", token = ?"marked-three", "Authorization: Bearer marked-four.x");
        });
        assert!(!text.contains("marked"), "{text}");
        assert!(text.contains("me:[redacted]@db/flights"), "{text}");
    }
}

/// What is said while a request is answered looks as if a span were entered.
#[test]
fn lines_stand_under_their_request() {
    for (format, colours) in [(Format::Text, false), (Format::Text, true), (Format::Json, false)] {
        let said = |under: &dyn Fn(&dyn Fn())| {
            let lines = Lines::default();
            let writer = lines.clone();
            let config = Config {
                format,
                colours,
                filter: "info".to_owned(),
            };
            let (_guard, _level) = start_scoped(&config, move || writer.clone()).unwrap();
            under(&|| tracing::warn!(place = 3, "slow WARN of {{}} \"spans\":["));
            let text = lines.text();
            // Behind the time of day.
            text[text.find('Z').unwrap()..].to_owned()
        };
        let by_span = said(&|say| tracing::error_span!("request", id = %"a-1").in_scope(say));
        let by_task = said(&|say| {
            let mut scope = Box::pin(request::scope("a-1".into(), async { say() }));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(scope.as_mut().poll(&mut context).is_ready());
        });
        assert_eq!(by_task, by_span);
        assert!(by_task.contains("a-1"), "{by_task}");
    }
}

#[track_caller]
fn check(text: &str, expect: &str) {
    assert_eq!(redact(text), expect);
}

#[test]
fn what_is_redacted() {
    check(
        "postgres://u:p%40ss@h:5432/d?x=1",
        "postgres://u:[redacted]@h:5432/d?x=1",
    );
    check("postgres://u:p/w@h/d?x=1", "postgres://u:[redacted]@h/d?x=1");
    check("authorization: ApiKey c2VjcmV0 more", "authorization: [redacted]");
    check(
        r#"{"authorization":"ApiKey c2VjcmV0","n":1}"#,
        r#"{"authorization":"[redacted]","n":1}"#,
    );
    check(
        r#"{"password":"ab\"cd","n":1}"#,
        r#"{"password":"[redacted]","n":1}"#,
    );
    check("pwd=x passphrase: y", "pwd=[redacted] passphrase: [redacted]");
    check("http://h:80/users/@me", "http://h:80/users/@me");
    check("postgres://u@h/d", "postgres://u@h/d");
    check("see http://h/a:b@c", "see http://h/a:b@c");
    check(
        "host=h password=hunter2 user=u",
        "host=h password=[redacted] user=u",
    );
    check("password='hunter 2' user=u", "password='[redacted]' user=u");
    check(r#"{"api_key":"abc","n":1}"#, r#"{"api_key":"[redacted]","n":1}"#);
    check("Authorization: Bearer abcdefgh.ijk", "Authorization: [redacted]");
    check("PGPASSWORD=x", "PGPASSWORD=[redacted]");
    check("access_token=abc&b=2", "access_token=[redacted]&b=2");
}

#[test]
fn what_stays() {
    check("the password is wrong", "the password is wrong");
    check("a basic check of tokens", "a basic check of tokens");
    check("answered status=200", "answered status=200");
    check(
        "grüße über https://example.org/ü",
        "grüße über https://example.org/ü",
    );
}
