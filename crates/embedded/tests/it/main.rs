//! What `embedded` promises, on a real PostgreSQL and on the engine in this process.
//!
//! The modules are marked as tests so that clippy knows their helpers for such.

#[cfg(test)]
mod choice;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod external;
#[cfg(all(test, feature = "in-process"))]
mod in_process;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod supervised;
