//! The binary from outside: exit code, stdout, stderr.
