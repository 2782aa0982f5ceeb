//! How a stranger talks to the server: HTTP/1.1, HTTP/2 and TLS on an own accept loop, every route
//! in one table, every error a problem document.
//!
//! What an answer holds is the business of `analysis` and `store`; here it is asked for, limited,
//! indented, compressed and sent.

// The future of a connection holds those of everything down to the socket of a database, one in the other.
#![recursion_limit = "256"]

mod accept;
mod admin;
mod analysis;
mod answer;
mod author;
mod body;
mod bulk;
mod call;
mod collection;
mod compress;
pub mod config;
mod connection;
mod difference;
mod docs;
pub mod error;
mod export;
mod gather;
mod history;
mod import;
mod latest;
mod layer;
mod limit;
mod list;
mod listen;
mod metric;
mod object;
pub mod observe;
pub mod openapi;
mod page;
mod payload;
mod precondition;
mod pretty;
mod problem;
mod query;
mod refusal;
mod router;
pub mod server;
mod site;
mod spent;
mod tls;
mod transfer;
mod validator;
mod write;
