//! The fuzz targets without a fuzzer: every entry of the corpus, then mutations of them from a seed, the same each time.
//!
//! `cargo +nightly fuzz run http1` in `crates/load` goes on from here, through the same two functions. What it finds
//! becomes an entry of the corpus.

mod http1;
mod http2;

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

/// A few seconds in a debug build.
const MUTATIONS: u64 = 20_000;
const SEED: u64 = 0x5eed;
const BYTES_MAX: usize = 4_096;

#[test]
fn http1_answers_mean_the_same_however_they_are_cut() {
    all("http1", http1::run);
}

#[test]
fn http2_frames_mean_the_same_however_they_are_cut() {
    all("http2", http2::run);
}

fn all(target: &str, run: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut corpus: Vec<(String, Vec<u8>)> = fs::read_dir(&directory)
        .expect("the corpus is committed")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (name, fs::read(path).expect("an entry can be read"))
        })
        .collect();
    corpus.sort();
    assert!(
        corpus.len() >= 10,
        "{} entries in {}",
        corpus.len(),
        directory.display()
    );
    for (name, bytes) in &corpus {
        told(name, bytes, run);
    }
    let mut dice = Dice(SEED);
    for number in 0..MUTATIONS {
        let (name, bytes) = &corpus[dice.below(corpus.len())];
        let mut mutated = bytes.clone();
        for _ in 0..=dice.below(4) {
            mutate(&mut mutated, &corpus, &mut dice);
        }
        mutated.truncate(BYTES_MAX);
        told(&format!("mutation {number} of {name}"), &mutated, run);
    }
}

/// Runs it; a failure names the bytes.
fn told(name: &str, bytes: &[u8], run: fn(&[u8])) {
    if let Err(panic) = std::panic::catch_unwind(|| run(bytes)) {
        let _ = writeln!(io::stderr(), "{name}: {}", bytes.escape_ascii());
        std::panic::resume_unwind(panic);
    }
}

fn mutate(bytes: &mut Vec<u8>, corpus: &[(String, Vec<u8>)], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    let end = (at + dice.below(16) + 1).min(bytes.len());
    match dice.below(7) {
        0 if at < bytes.len() => bytes[at] = dice.byte(),
        1 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        2 => bytes.insert(at, dice.byte()),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        5 => bytes.truncate(at),
        _ => {
            // The end of another one, so that what is right alone meets what is right elsewhere.
            let (_, other) = &corpus[dice.below(corpus.len())];
            let from = dice.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }
}

/// Xorshift: the same on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 24) as u8
    }
}
