//! What can be typed: one module a command, each with a `run` that ends in an [`Exit`](crate::exit::Exit).

pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod db;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod load;
pub(crate) mod migrate;
pub(crate) mod postgres;
pub(crate) mod quest;
pub(crate) mod reference;
pub(crate) mod serve;
pub(crate) mod traces;
