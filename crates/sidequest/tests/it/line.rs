//! What a person types, and what is said about it.

use insta::assert_snapshot;

use crate::binary::{Directory, run, sidequest};

#[test]
fn help() {
    assert_snapshot!(run(&mut sidequest(&["--help"])));
}

#[test]
fn help_of_serve() {
    assert_snapshot!(run(&mut sidequest(&["serve", "-h"])));
}

#[test]
fn no_command_is_a_question_for_help() {
    let help = run(&mut sidequest(&["--help"]));
    assert_eq!(run(&mut sidequest(&[])), help);
}

#[test]
fn mistakes_in_the_arguments() {
    let mistakes: &[&[&str]] = &[
        &["serve", "--lisen", "127.0.0.1:80"],
        &["serve", "--listen", "everywhere"],
        &["serve", "--request-timeout", "10"],
        &["serve", "--database", "postgres://me:secret@localhost/shop"],
        &["serve", "--database", "fleet=secret"],
        &["serve", "--database", "flet=managed"],
        &["serve", "--tls-cert", "cert.pem"],
        &["serve", "--model", "no-such-directory"],
        &["serve", "--config", "no-such-file.toml"],
        &["check", "no-such-directory"],
    ];
    let mut told = String::new();
    for arguments in mistakes {
        let said = run(&mut sidequest(arguments));
        assert!(!said.contains("secret"), "a URL may hold a password: {said}");
        told.push_str(&format!("$ sidequest {}\n{said}\n", arguments.join(" ")));
    }
    assert_snapshot!(told);
}

#[test]
fn a_mistake_in_the_configuration_file_has_its_place() {
    let directory = Directory::new();
    let file = directory.path().join("sidequest.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:8080\"\nrequest-timeout = \"soon\"\n").expect("a file");
    let said = run(&mut sidequest(&[
        "serve",
        "--config",
        file.to_str().expect("the path is text"),
    ]));
    assert_snapshot!(said.replace(directory.text(), "DIRECTORY"));
}

#[test]
fn completions_of_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = run(&mut sidequest(&["completions", shell]));
        assert!(said.starts_with("exit code: 0\n"), "{shell}: {said:.200}");
        assert!(
            said.contains("in-flight-max"),
            "{shell} does not know the options"
        );
        assert!(!said.contains("__postgres"), "{shell} offers what is hidden");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut command = sidequest(&["schema"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it was our child").code(), Some(0));
}
