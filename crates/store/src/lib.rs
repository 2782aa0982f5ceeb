//! Where rows come from and go to: pools, statements, records, and what fills an empty database.
//!
//! Knows PostgreSQL and the checked model. What rows mean to an analysis is for `analysis`, which URLs
//! exist for `api`, where PostgreSQL comes from for `embedded`.

pub mod check;
pub mod config;
pub mod content;
pub mod error;
pub mod explain;
pub mod export;
pub mod id;
pub mod import;
pub mod latest;
pub mod listen;
pub mod metric;
pub mod migration;
pub mod open;
pub mod pool;
pub mod query;
pub mod record;
pub mod revision;
pub mod seed;
pub mod statistics;
pub mod value;
pub mod version;
