//! The API over loopback, with real clients and a real PostgreSQL.

mod client;
mod running;

mod connections;
mod drain;
mod limits;
mod lists;
mod refusals;
mod stream;
mod tls;
