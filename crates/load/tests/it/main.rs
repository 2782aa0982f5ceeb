//! The crate from outside: runs against real servers and hostile ones, and both codecs beside hyper and h2.

mod bent;
mod cut_off;
mod fuzzed;
mod hostile;
mod oracle;
mod places;
mod rules;
mod runs;
mod server;
mod tls;
