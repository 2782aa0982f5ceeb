//! The parts' own `Config`s, made of ours: every number that one of them runs with stands here.
