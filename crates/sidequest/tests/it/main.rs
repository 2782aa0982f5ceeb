//! The binary from outside: exit codes, stdout, stderr, and what it answers over HTTP.

mod binary;
mod check;
mod cliff;
mod line;
mod load;
mod measure;
mod migrate;
mod openapi;
mod pages;
mod quest;
mod serve;
mod skip;
mod watched;
mod writes;
