//! Bad servers: each ends in its own outcome, within its timeout, and every request is counted once.

mod asking;
mod goodbyes;
mod http1;
mod http2;
mod kit;
mod served;
