//! The store on a real PostgreSQL: one server a test process, a database of its own for each test.

#![expect(clippy::unwrap_used, reason = "helpers of tests, too")]

mod cancel;
mod check;
mod failure;
mod id;
mod import;
mod kept;
mod latest;
mod migration;
mod notify;
mod ownerless;
mod pool;
mod record;
mod revision;
mod seed;
mod telling;
mod world;
mod writers;
