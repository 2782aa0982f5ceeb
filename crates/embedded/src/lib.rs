//! Where PostgreSQL comes from when the user has none.
//!
//! [`open`] chooses a provider for each database, starts what has to be started, creates what is missing and
//! asks what it found; from then on everybody sees a `tokio_postgres::Client` and its [`Caps`].
//! There are three providers: a URL that the user gave (external), `postgres` and `initdb` found on the machine
//! and run by us on a private socket (managed), and PostgreSQL as WebAssembly in this process (in-process).
//!
//! The crate reads no environment and prints nothing; logs go to `tracing`.

mod config;
mod error;

mod choose;
mod claim;
mod external;
mod managed;

mod bridge;
mod in_process;

mod capability;
mod databases;

pub mod testing;

pub use capability::{Backends, Caps, EngineKind};
pub use config::{Config, Engine, External, Supervisor};
pub use databases::{Cancel, Choice, Connection, Databases, Listening, Provider, open};
pub use error::Error;
pub use managed::supervise;
