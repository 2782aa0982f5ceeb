//! What is applied is undone, whatever happens.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{Change, Hook, Undo, run};

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
    let refused = hook.apply(&undo).expect_err("it fails");
    assert!(refused.reason.contains("exit status: 3"), "{refused:?}");
    assert_eq!(refused.still, None);
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

#[test]
fn a_change_that_fails_and_stays_is_told() {
    let hook = hook("exit 3".to_owned(), "exit 4".to_owned());
    let undo = Undo::default();
    let refused = hook.apply(&undo).expect_err("it fails");
    assert!(refused.reason.contains("exit status: 3"), "{refused:?}");
    let still = refused.still.expect("it is not undone");
    assert!(still.contains("exit status: 4"), "{still}");
}

#[test]
fn a_revert_that_failed_can_be_tried_again() {
    let file = place("again");
    let shown = file.display();
    // It works from the second time on.
    let hook = hook(
        "true".to_owned(),
        format!("echo x >> {shown}; test $(wc -l < {shown}) -ge 2"),
    );
    let undo = Undo::default();
    let applied = hook.apply(&undo).expect("it can be applied");
    assert!(applied.end().is_err());
    assert!(undo.is_pending());
    assert_eq!(undo.now(), Ok(()));
    assert!(!undo.is_pending());
    // And not a third time.
    assert_eq!(undo.now(), Ok(()));
    let written = fs::read_to_string(&file).expect("it was tried");
    fs::remove_file(&file).expect("it was ours");
    assert_eq!(written, "x\nx\n");
}

#[test]
fn a_command_that_takes_too_long_ends_with_all_that_it_started() {
    let pipe = place("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    let long = format!("sleep 60 > {} & wait", pipe.display());
    // Its end comes when nobody holds the other end of the pipe any more.
    let reading = thread::spawn({
        let pipe = pipe.clone();
        move || fs::read(pipe)
    });
    let began = Instant::now();
    let reason = run(&long, Duration::from_secs(1)).expect_err("it takes too long");
    assert!(reason.contains("took more than 1 s"), "{reason}");
    let read = reading.join().expect("it does not panic");
    fs::remove_file(&pipe).expect("it was ours");
    assert!(read.is_ok_and(|read| read.is_empty()));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
