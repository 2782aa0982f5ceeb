//! What is chosen on this machine, and what the user reads about it.

use embedded::{Backends, Engine, EngineKind, Error, External, Provider, open};

use crate::directory::{Directory, names, postgres_is_there};

#[tokio::test]
async fn a_postgres_on_the_machine_is_managed() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let databases = open(&directory.config(Engine::Auto), &names(&["fleet", "events"]))
        .await
        .unwrap();
    let choices = databases.choices();
    assert_eq!(choices.len(), 1);
    assert_eq!(choices[0].provider, Provider::Managed);
    assert_eq!(choices[0].databases, ["events", "fleet"]);
    let line = choices[0].to_string();
    assert!(line.starts_with("database: managed PostgreSQL "), "{line}");
    assert!(line.contains(&*directory.path().to_string_lossy()), "{line}");
    let caps = databases.caps("fleet");
    assert_eq!(
        (caps.engine, caps.backends),
        (EngineKind::PostgreSql, Backends::Many)
    );
    assert!(caps.interrupt && caps.parallel && caps.listen && caps.copy_in && caps.explain_buffers);
    assert!(caps.connections_max.unwrap() >= 200);
    assert!(databases.is_ours("fleet"));
    databases.stop().await;
}

#[tokio::test]
async fn a_managed_database_has_our_settings_and_the_users() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let mut config = directory.config(Engine::Managed);
    config.settings = vec![
        ("work_mem".to_owned(), "9MB".to_owned()),
        ("jit".to_owned(), "on".to_owned()),
    ];
    let databases = open(&config, &names(&["fleet"])).await.unwrap();
    let client = databases.connect("fleet").await.unwrap().client;
    let rows = [
        ("work_mem", "9MB"),
        ("jit", "on"),
        ("random_page_cost", "1.1"),
        ("listen_addresses", ""),
    ];
    for (name, expect) in rows {
        let sql = format!("select current_setting('{name}')");
        assert_eq!(
            crate::directory::value::<String>(&client, &sql).await,
            expect,
            "{name}"
        );
    }
    if databases.caps("fleet").pg_stat_statements {
        let counted: i64 = crate::directory::value(&client, "select count(*) from pg_stat_statements").await;
        assert!(counted > 0);
    }
    databases.stop().await;
}

#[tokio::test]
async fn without_binaries_the_error_names_the_next_step() {
    let directory = Directory::new();
    let mut config = directory.config(Engine::Managed);
    config.search_known = false;
    config.search = vec!["/nowhere/bin".into()];
    let error = open(&config, &names(&["fleet"])).await.unwrap_err();
    assert!(matches!(error, Error::NoBinaries { .. }), "{error}");
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("sidequest db install") && hint.contains("/nowhere/bin"),
        "{hint}"
    );
    assert!(
        !directory.path().exists(),
        "nothing was chosen, so nothing is made"
    );
}

#[tokio::test]
async fn a_name_that_is_no_file_is_refused() {
    let directory = Directory::new();
    for name in ["", "../up", "a b", "postgres", "a\"b", &"x".repeat(64)] {
        let error = open(&directory.config(Engine::Auto), &names(&[name]))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{name}: {error}");
    }
}

#[tokio::test]
async fn an_external_database_alone_touches_no_directory() {
    let Some(server) = embedded::testing::TestServer::shared().await else {
        return;
    };
    let directory = Directory::new();
    let mut config = directory.config(Engine::Auto);
    config
        .external
        .insert("fleet".to_owned(), External::Url(server.database().await.url));
    let databases = open(&config, &names(&["fleet"])).await.unwrap();
    assert_eq!(databases.choices()[0].provider, Provider::External);
    assert!(!databases.is_ours("fleet") && databases.postgres_pids().is_empty());
    databases.stop().await;
    assert!(!directory.path().exists());
}
