//! The engine on a real PostgreSQL: its answers, and with how many statements.

mod world;

mod agreement;
mod answer;
mod batching;
