//! The engine by itself: what kills it, and that it can be opened again.

use super::{engine::Engine, *};
use crate::bridge::{Answer, Backend};

#[test]
fn a_copy_from_stdin_kills_it_and_it_opens_again() {
    if !BUILT {
        return;
    }
    let directory = crate::testing::temporary_directory();
    let mut engine = Engine::open(&directory).unwrap();
    engine
        .exchange(&frame(b'Q', b"create table t (a integer)\0"), Answer::unread())
        .unwrap();
    // What tokio-postgres sends for a COPY.
    let sync = frame(b'S', b"");
    let prepare = [
        frame(b'P', b"s\0copy t from stdin\0\0\0"),
        frame(b'D', b"Ss\0"),
        sync.clone(),
    ]
    .concat();
    engine.exchange(&prepare, Answer::unread()).unwrap();
    let execute = [
        frame(b'B', b"\0s\0\0\0\0\0\0\0"),
        frame(b'E', b"\0\0\0\0\0"),
        sync,
    ]
    .concat();
    let select = frame(b'Q', b"select 1\0");
    let killed = [&execute, &select]
        .iter()
        .any(|request| engine.exchange(request, Answer::unread()).is_err());
    assert!(
        killed,
        "the engine has learned to copy: the refusal in `bridge` can go"
    );
    let closed = engine.close();
    println!("closed: {closed:?}");
    let mut engine = Engine::open(&directory).unwrap();
    engine.exchange(&select, Answer::unread()).unwrap();
    engine.close().unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}

fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag], length.to_be_bytes().as_slice(), body].concat()
}
