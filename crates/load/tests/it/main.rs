//! The crate from outside.

mod fuzzed;
mod hostile;
