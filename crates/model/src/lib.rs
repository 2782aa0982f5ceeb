//! What the user declared: the model file, checked.
//!
//! Pure: no I/O, no clock, no task. Files come in as text and a [`Model`](model::Model) or all
//! faults at once go out, so a model is checked without a database and on any machine.

// Blank lines keep the reading order from rustfmt, which sorts the modules of a group.
pub mod file;

pub mod declare;

pub mod check;
pub mod diagnostic;

pub mod model;

pub mod database;

pub mod collection;
pub mod dataset;
pub mod revisions;

pub mod column;
pub mod expression;
pub mod section;

pub mod plan;
pub mod reference;

mod near;
