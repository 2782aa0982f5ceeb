//! How a stranger talks to the server: HTTP/1.1, HTTP/2 and TLS on an own accept loop, every route
//! in one table, every error a problem document.
//!
//! What an answer holds is the business of `analysis` and `store`; here it is asked for, limited,
//! indented, compressed and sent.

pub mod config;
pub mod server;
pub mod error;
mod listen;
mod tls;
mod connection;
mod gather;
mod refusal;
mod limit;
mod site;
mod layer;
mod router;
mod call;
mod query;
mod accept;
mod object;
mod collection;
mod analysis;
mod list;
mod page;
mod problem;
mod answer;
mod body;
mod pretty;
mod compress;
pub mod openapi;
mod docs;
mod admin;
mod metric;
