//! The API over loopback, with real clients and a real PostgreSQL.

// The future of a connection holds those of everything down to the socket of a database, one in the other.
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "a test says so by its panic")]

mod client;
mod running;

mod connections;
mod drain;
mod fresh;
mod history;
mod limits;
mod lists;
mod observe;
mod refusals;
mod stream;
mod tls;
mod transfers;
mod versions;
mod writers;
mod writes;
