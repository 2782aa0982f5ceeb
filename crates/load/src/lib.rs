//! How fast does any HTTP server answer? The load loop, its codecs, and the summary.
//!
//! [`run::run`] takes a [`Scenario`](scenario::Scenario) (what to send), [`Arrivals`](arrivals::Arrivals) (when),
//! an [`Ending`](ending::Ending) (until when) and a [`Config`](config::Config) (how), and gives a
//! [`Summary`](summary::Summary). Nothing here knows our own server: it is measured like any stranger's.

pub mod arrivals;
pub mod check;
pub mod config;
mod dial;
pub mod ending;
pub mod error;
pub mod http1;
pub mod http2;
pub mod limit;
pub mod outcome;
mod poll;
pub mod recorder;
pub mod run;
pub mod sample;
pub mod scenario;
pub mod summary;
pub mod target;
mod tls;
pub mod watch;
mod worker;
