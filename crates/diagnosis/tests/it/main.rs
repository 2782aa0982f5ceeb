//! Verdicts from outside: cases that an operator can write, properties, snapshots, the reference.

mod case;
mod compare;
mod property;
mod reference;
mod snapshot;
