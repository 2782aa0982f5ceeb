//! The verdicts, from outside.
