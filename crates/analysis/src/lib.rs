//! How rows become an object's analysis.
//!
//! Fetch once, measure here: all sections over a dataset are computed in one pass over its rows as
//! they arrive, for every request that is in flight. Knows the model and the store; nothing of HTTP.

pub mod config;
pub mod engine;
pub mod document;
mod prepared;
mod batch;
mod fused;
mod pushdown;
mod own;
mod sql;
mod reference;
mod layout;
mod table;
mod dictionary;
mod predicate;
mod dimension;
mod bucket;
mod group;
mod aggregate;
mod rows;
mod series;
mod decimal;
mod cell;
pub mod measure;
pub mod metric;
pub mod error;
