//! The lines that the user sees.

use super::*;

#[test]
fn choices_read_as_lines() {
    let choice = |provider, place: &str| Choice {
        provider,
        databases: vec!["fleet".to_owned(), "events".to_owned()],
        engine: EngineKind::PostgreSql,
        version: "15.18".to_owned(),
        place: place.to_owned(),
        binaries: (provider == Provider::Managed).then(|| PathBuf::from("/usr/lib/postgresql/15/bin")),
        account: (provider == Provider::Managed).then(|| "postgres".to_owned()),
    };
    let rows = [
        (
            choice(Provider::External, "db.example.com:5432"),
            "database: external PostgreSQL 15.18 at db.example.com:5432 (fleet, events)",
        ),
        (
            choice(Provider::Managed, "/var/lib/sidequest"),
            "database: managed PostgreSQL 15.18 in /var/lib/sidequest (/usr/lib/postgresql/15/bin, as user postgres)",
        ),
        (
            choice(Provider::InProcess, "/data"),
            "database: in-process PostgreSQL 15.18 in /data (one backend a database; for pg_stat_statements and \
             parallel queries: sidequest db install, or --database NAME=postgres://...)",
        ),
    ];
    for (choice, expect) in rows {
        assert_eq!(choice.to_string(), expect);
    }
}
