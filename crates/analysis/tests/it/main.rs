//! The engine on a real PostgreSQL: its answers, and with how many statements.

#![expect(clippy::unwrap_used, reason = "helpers of tests, too")]

mod world;

mod agreement;
mod answer;
mod batching;
mod exact;
mod fresh;
mod ledger;
mod past;
mod told;
