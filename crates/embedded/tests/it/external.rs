//! A server of the user's, reached by a URL.

use std::{io::Write, process::Command, time::Duration};

use embedded::{Engine, Error, External, open, testing::TestServer};
use tokio::{io::AsyncReadExt, net::TcpListener};
use tokio_postgres::error::SqlState;

use crate::directory::{Directory, names, value};

#[tokio::test]
async fn a_url_and_a_line_of_words_lead_to_the_same_database() {
    let Some(server) = TestServer::shared().await else {
        return;
    };
    let database = server.database().await;
    let config: tokio_postgres::Config = database.url.parse().unwrap();
    let tokio_postgres::config::Host::Unix(socket) = &config.get_hosts()[0] else {
        panic!("a socket")
    };
    let words = format!(
        "host={} user=sidequest dbname={}",
        socket.display(),
        database.name
    );
    for url in [database.url.clone(), words] {
        let databases = opened(&url).await.unwrap();
        let client = databases.connect("fleet").await.unwrap().client;
        assert_eq!(
            value::<String>(&client, "select current_database()::text").await,
            database.name
        );
        assert!(
            databases.choices()[0]
                .to_string()
                .contains(".s.PGSQL.5432 (fleet)")
        );
        databases.stop().await;
    }
}

#[tokio::test]
async fn a_running_query_is_cancelled() {
    let Some(server) = TestServer::shared().await else {
        return;
    };
    let databases = opened(&server.database().await.url).await.unwrap();
    let connection = databases.connect("fleet").await.unwrap();
    let watcher = databases.connect("fleet").await.unwrap().client;
    let asleep =
        "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()";
    let cancel = async {
        while value::<i64>(&watcher, asleep).await == 0 {}
        connection.cancel.cancel().await;
    };
    let (slept, ()) = tokio::join!(connection.client.batch_execute("select pg_sleep(60)"), cancel);
    assert_eq!(slept.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
    databases.stop().await;
}

#[tokio::test]
async fn who_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read).await;
    };
    let url = format!("postgres://u:secret@127.0.0.1:{port}/d");
    let mut config = Directory::new().config(Engine::Auto);
    config.connect_timeout = Duration::from_millis(200);
    config.external.insert("fleet".to_owned(), External::Url(url));
    let known = names(&["fleet"]);
    let (error, ()) = tokio::join!(open(&config, &known), silent);
    let error = error.unwrap_err();
    assert!(matches!(error, Error::ConnectTimeout { .. }), "{error}");
    assert!(error.hint().is_some() && !format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn tls_is_verified_as_far_as_the_mode_says() {
    let Some(server) = TlsServer::start().await else {
        return;
    };
    let (port, authority) = (server.port, server.certificate.display().to_string());
    let rows = [
        ("sslmode=disable".to_owned(), Some(false)),
        ("sslmode=prefer".to_owned(), Some(true)),
        ("sslmode=require".to_owned(), Some(true)),
        (format!("sslmode=verify-full&sslrootcert={authority}"), Some(true)),
        (format!("sslmode=verify-ca&sslrootcert={authority}"), Some(true)),
        ("sslmode=verify-full".to_owned(), None),
    ];
    for host in ["localhost", "127.0.0.1"] {
        for (options, expect) in &rows {
            let url = format!("postgres://sidequest@{host}:{port}/fleet?{options}");
            // The certificate is for localhost only.
            let expect = if host == "127.0.0.1" && options.contains("verify-full") {
                None
            } else {
                *expect
            };
            let databases = opened(&url).await;
            assert_eq!(databases.is_ok(), expect.is_some(), "{url}: {databases:?}");
            let (Ok(databases), Some(encrypted)) = (databases, expect) else {
                continue;
            };
            let connection = databases.connect("fleet").await.unwrap();
            let sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
            assert_eq!(value::<bool>(&connection.client, sql).await, encrypted, "{url}");
            connection.cancel.cancel().await;
            databases.stop().await;
        }
    }
    server.databases.stop().await;
}

/// A managed server that listens on TCP with a certificate made by `openssl`.
struct TlsServer {
    port: u16,
    certificate: std::path::PathBuf,
    databases: embedded::Databases,
    _directory: Directory,
}

impl TlsServer {
    async fn start() -> Option<Self> {
        if !crate::directory::postgres_is_there() {
            return None;
        }
        let directory = Directory::new();
        std::fs::create_dir_all(directory.path()).unwrap();
        let file = |name: &str| directory.path().join(name);
        let (certificate, key) = (file("tls.crt"), file("tls.key"));
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost",
                "-days",
                "2",
            ])
            .arg("-addext")
            .arg("basicConstraints=critical,CA:false")
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output();
        if !made.is_ok_and(|made| made.status.success()) {
            let _ = writeln!(
                std::io::stderr(),
                "\n*** NOT TESTED: TLS, there is no openssl ***\n"
            );
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        own_by_postgres(&key, directory.path());
        let mut config = directory.config(Engine::Managed);
        let setting = |name: &str, value: String| (name.to_owned(), value);
        config.settings = vec![
            setting("listen_addresses", "127.0.0.1".to_owned()),
            setting("port", port.to_string()),
            setting("ssl", "on".to_owned()),
            setting("ssl_cert_file", certificate.display().to_string()),
            setting("ssl_key_file", key.display().to_string()),
        ];
        let databases = open(&config, &names(&["fleet"])).await;
        Some(Self {
            port,
            certificate,
            databases: databases.unwrap(),
            _directory: directory,
        })
    }
}

/// The server reads its key as its own user, and only if nobody else may.
fn own_by_postgres(key: &std::path::Path, directory: &std::path::Path) {
    use std::os::unix::fs::{PermissionsExt, chown};
    std::fs::set_permissions(directory, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(key, PermissionsExt::from_mode(0o600)).unwrap();
    if rustix::process::geteuid().is_root() {
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        let line = users
            .lines()
            .find(|line| line.starts_with("postgres:"))
            .expect("there is a user postgres");
        let uid = line.split(':').nth(2).unwrap().parse().unwrap();
        chown(key, Some(uid), None).unwrap();
    }
}

#[tokio::test]
async fn the_hint_says_what_the_server_refuses() {
    let Some(server) = TestServer::shared().await else {
        return;
    };
    let database = server.database().await;
    let elsewhere = database.url.replace(&database.name, "no_such_database");
    let stranger = database.url.replace("sidequest@", "no_such_role@");
    assert_ne!(stranger, database.url);
    for (url, hint) in [
        (elsewhere, "no database of that name"),
        (stranger, "check user and password"),
    ] {
        let error = opened(&url).await.err().unwrap();
        let said = error.hint().unwrap_or_default();
        assert!(said.contains(hint), "{error:?}: {said}");
    }
}

async fn opened(url: &str) -> Result<embedded::Databases, Error> {
    let mut config = Directory::new().config(Engine::Auto);
    config
        .external
        .insert("fleet".to_owned(), External::Url(url.to_owned()));
    open(&config, &names(&["fleet"])).await
}
