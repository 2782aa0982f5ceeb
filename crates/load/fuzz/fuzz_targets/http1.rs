//! `cargo +nightly fuzz run http1`: what is checked stands in `tests/it/fuzzed/http1.rs`.
#![no_main]

#[path = "../../tests/it/fuzzed/http1.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::run(data));
