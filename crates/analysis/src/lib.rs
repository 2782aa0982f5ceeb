//! How rows become an object's analysis.
//!
//! Fetch once, measure here: all sections over a dataset are computed in one pass over its rows as
//! they arrive, for every request that is in flight. Knows the model and the store; nothing of HTTP.

mod aggregate;
mod batch;
mod bucket;
pub mod cache;
mod cell;
pub mod config;
mod decimal;
mod dictionary;
pub mod difference;
mod dimension;
pub mod document;
pub mod engine;
pub mod error;
pub mod exact;
mod fused;
mod group;
mod layout;
pub mod mark;
pub mod measure;
pub mod metric;
mod own;
mod past;
mod piece;
mod plans;
mod predicate;
mod prepared;
mod pushdown;
mod reference;
mod rows;
mod series;
mod sql;
mod table;
mod traced;
mod version;
