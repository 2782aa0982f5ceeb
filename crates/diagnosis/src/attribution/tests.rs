//! The sums close, and waiting is passed on.
