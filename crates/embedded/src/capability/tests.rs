//! What follows from what engines say about themselves.

use super::*;

#[test]
fn engines_and_versions_are_read() {
    let rows = [
        (
            "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu",
            "PostgreSQL 15.18",
        ),
        ("PostgreSQL 19beta1 on aarch64", "PostgreSQL 19beta1"),
        (
            "CockroachDB CCL v25.1.0 (x86_64-pc-linux-gnu, built 2025)",
            "CockroachDB 25.1.0",
        ),
        (
            "PostgreSQL 15.12-YB-2025.1.0.0-b0 on x86_64",
            "YugabyteDB 2025.1.0.0",
        ),
        ("something else", "PostgreSQL of unknown version"),
    ];
    for (text, expect) in rows {
        let caps = caps(&answer(text, Backends::Many));
        assert_eq!(format!("{} {}", caps.engine.name(), caps.version), expect);
    }
}

#[test]
fn one_backend_cannot_be_interrupted() {
    let caps = caps(&answer("PostgreSQL 18.4 on wasm", Backends::One));
    assert!(!caps.interrupt && !caps.parallel && !caps.listen && !caps.copy_in);
    assert!(caps.explain_buffers);
}

#[test]
fn cockroach_listens_to_nobody() {
    let caps = caps(&answer("CockroachDB CCL v25.1.0", Backends::Many));
    assert!(caps.interrupt && caps.copy_in && !caps.listen && !caps.explain_buffers);
}

fn answer(version: &str, backends: Backends) -> Answer<'_> {
    Answer {
        version,
        number: 0,
        connections: None,
        statements: false,
        backends,
    }
}
