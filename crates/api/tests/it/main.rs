//! The API over loopback, with real clients and a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test says so by its panic")]

mod client;
mod running;

mod connections;
mod drain;
mod history;
mod limits;
mod lists;
mod refusals;
mod stream;
mod tls;
mod transfers;
mod versions;
mod writers;
mod writes;
