//! URLs: what is shown of them, what is taken out of them, what is refused.

use super::*;

#[test]
fn what_is_shown_holds_no_password() {
    let rows = [
        ("postgres://u:secret@db.example.com/fleet", "db.example.com:5432"),
        (
            "postgres://u:secret@db1,db2:6432/fleet?sslmode=disable",
            "db1:5432,db2:6432",
        ),
        ("postgres://u@%2Fvar%2Frun/fleet", "/var/run/.s.PGSQL.5432"),
        ("host=db user=u password=secret port=7000", "db:7000"),
        ("hostaddr=10.0.0.1 user=u", "10.0.0.1:5432"),
    ];
    for (url, expect) in rows {
        assert_eq!(read(url).unwrap().shown(), expect);
    }
}

#[test]
fn trust_is_libpqs() {
    let file = |name: &str| Authorities::File(name.to_owned());
    let rows = [
        (
            "postgres://h/d",
            "postgres://h/d",
            Verify::Nothing,
            Authorities::System,
        ),
        (
            "postgres://h/d?sslmode=require",
            "postgres://h/d?sslmode=require",
            Verify::Nothing,
            Authorities::System,
        ),
        (
            "postgres://h/d?sslmode=verify-full",
            "postgres://h/d",
            Verify::Full,
            Authorities::System,
        ),
        (
            "postgres://h/d?a=b&sslmode=verify-ca",
            "postgres://h/d?a=b",
            Verify::Chain,
            Authorities::System,
        ),
        (
            "postgres://h/d?sslrootcert=system",
            "postgres://h/d",
            Verify::Full,
            Authorities::System,
        ),
        (
            "postgres://h/d?sslmode=require&sslrootcert=%2Fa%2Fca.pem",
            "postgres://h/d?sslmode=require",
            Verify::Chain,
            file("/a/ca.pem"),
        ),
        (
            "host=h sslmode=verify-full sslrootcert=/ca user=u",
            "host=h user=u",
            Verify::Full,
            file("/ca"),
        ),
    ];
    for (url, rest, verify, authorities) in rows {
        let expect = (rest.to_owned(), Trust { verify, authorities });
        assert_eq!(split_trust("fleet", url).unwrap(), expect, "{url}");
    }
}

#[test]
fn what_cannot_work_is_refused_without_the_password() {
    let rows = [
        "postgres://u:secret@host:port/d",
        "postgres://u:secret@host/d?nonsense=1",
        "postgres://u:secret@/d",
        "postgres://u:secret@host/d?sslmode=maybe",
        "postgres://u:secret@host/d?sslrootcert=/nowhere/ca.pem",
        "postgres://u:secret@host/d?sslrootcert=",
    ];
    for url in rows {
        let Err(error) = read(url) else {
            panic!("{url} was read")
        };
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_unix_socket_needs_no_tls() {
    assert!(matches!(read("postgres://u@%2Frun/d").unwrap().tls, Tls::Off));
    assert!(matches!(
        read("postgres://u@h/d?sslmode=disable").unwrap().tls,
        Tls::Off
    ));
    assert!(matches!(read("postgres://u@h/d").unwrap().tls, Tls::On(_)));
}

fn read(url: &str) -> Result<Address, Error> {
    Address::read("fleet", url, Duration::from_secs(1))
}
