//! The responder from outside, asked by other people's clients: std's sockets and the h2 crate.

#![cfg(target_os = "linux")]

mod http1;
mod http2;
mod running;
