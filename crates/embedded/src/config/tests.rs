//! What may stand behind `--engine` and `--database NAME=`.

use super::*;

#[test]
fn external_choices_are_told_apart() {
    let rows = [
        ("managed", Some(External::Managed)),
        ("in-process", Some(External::InProcess)),
        (
            "postgres://u:p@h/d",
            Some(External::Url("postgres://u:p@h/d".to_owned())),
        ),
        (
            "host=/run user=x",
            Some(External::Url("host=/run user=x".to_owned())),
        ),
        ("manged", None),
        ("", None),
    ];
    for (text, expect) in rows {
        assert_eq!(text.parse::<External>().ok(), expect, "{text:?}");
    }
}

#[test]
fn engines_are_told_apart() {
    for engine in [Engine::Auto, Engine::Managed, Engine::InProcess] {
        assert_eq!(engine.to_string().parse::<Engine>().unwrap(), engine);
    }
    let error = "docker".parse::<Engine>().unwrap_err();
    assert_eq!(error.to_string(), "read the engine \"docker\"");
    assert!(error.hint().unwrap().contains("in-process"));
}

#[test]
fn a_password_is_not_shown() {
    let external = External::Url("postgres://user:secret@host/db".to_owned());
    assert_eq!(format!("{external:?}"), "Url(..)");
}
