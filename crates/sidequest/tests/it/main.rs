//! The binary from outside: exit codes, stdout, stderr, and what it answers over HTTP.

mod binary;
mod browser;
mod check;
mod cliff;
mod crash;
mod engines;
mod line;
mod load;
mod measure;
mod migrate;
mod openapi;
mod pages;
mod quest;
mod serve;
#[path = "../../../telemetry/tests/it/skip.rs"]
mod skip;
mod told;
mod watched;
mod writes;
