//! Recordings that are committed give the verdict that was committed with them, on every machine.

use std::{fs, path::Path};

use quest::recording;

#[test]
fn recordings_are_judged_as_they_were() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/recordings");
    let mut names: Vec<_> = fs::read_dir(&directory)
        .expect("the recordings are there")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "zst"))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    for path in names {
        let evidence = recording::read(&path).expect("an evidence");
        let verdict = diagnosis::diagnose(&evidence);
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let id = verdict
            .bottleneck
            .map_or("none", diagnosis::bottleneck::Bottleneck::id);
        let said = format!("{id}, {}\n{}\n", verdict.grade.words(), verdict.sentence);
        insta::assert_snapshot!(name.replace('.', "-"), said);
    }
}

#[test]
fn a_recording_that_was_cut_is_read_up_to_there() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/recordings/pool-of-three.jsonl.zst");
    let whole = fs::read(&path).expect("the recording is there");
    let cut = std::env::temp_dir().join(format!("quest-cut-{}.jsonl.zst", std::process::id()));
    fs::write(&cut, &whole[..whole.len() / 2]).expect("a file");
    let evidence = recording::read(&cut);
    fs::remove_file(&cut).expect("it was ours");
    let evidence = evidence.expect("what is there is read");
    assert!(!evidence.rounds.is_empty());
}
