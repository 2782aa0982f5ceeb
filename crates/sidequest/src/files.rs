//! How many files may be open: as many as the system lets us have.
//!
//! A shell's limit of 1024 is there for programs that keep files in sets of bits. Connections are files, and 2,000
//! clients, or as many users of a server, are nothing unusual; Go's programs raise it, too.

/// Raises the limit to what may be had without asking anybody.
#[cfg(unix)]
pub(crate) fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Where it is refused, the old one holds, and whoever needs more says so.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: maximum,
                maximum,
            },
        );
    }
}

/// There is no such limit.
#[cfg(not(unix))]
pub(crate) fn raise_limit() {}
