//! What is applied is undone, whatever happens.

use std::{fs, path::PathBuf, time::Duration};

use super::{Change, Hook, Undo};

fn place(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("quest-hook-{}-{name}", std::process::id()))
}

fn hook(apply: String, revert: String) -> Hook {
    Hook {
        change: Change::Setting {
            name: "pool".to_owned(),
            times: 2.0,
        },
        apply,
        revert,
        settle: Duration::ZERO,
    }
}

#[test]
fn a_change_is_in_force_until_it_ends() {
    let file = place("force");
    let shown = file.display();
    let hook = hook(format!("touch {shown}"), format!("rm {shown}"));
    let undo = Undo::default();
    let applied = hook.apply(&undo).expect("it can be applied");
    assert!(file.exists());
    applied.end().expect("it can be undone");
    assert!(!file.exists());
}

#[test]
fn a_change_that_fails_in_the_middle_is_undone() {
    let file = place("middle");
    let shown = file.display();
    let hook = hook(format!("touch {shown}; exit 3"), format!("rm {shown}"));
    let undo = Undo::default();
    let reason = hook.apply(&undo).expect_err("it fails");
    assert!(reason.contains("exit status: 3"), "{reason}");
    assert!(undo.now().is_ok());
    assert!(!file.exists());
}

#[test]
fn who_ends_the_process_undoes_it_once() {
    let file = place("once");
    let shown = file.display();
    let hook = hook("true".to_owned(), format!("echo x >> {shown}"));
    let undo = Undo::default();
    let applied = hook.apply(&undo).expect("it can be applied");
    undo.clone().now().expect("it can be undone");
    drop(applied);
    let written = fs::read_to_string(&file).expect("it was undone");
    fs::remove_file(&file).expect("it was ours");
    assert_eq!(written, "x\n");
}

#[test]
fn a_revert_that_fails_is_told() {
    let hook = hook("true".to_owned(), "exit 4".to_owned());
    let undo = Undo::default();
    let applied = hook.apply(&undo).expect("it can be applied");
    assert!(applied.end().expect_err("it fails").contains("exit status: 4"));
}
