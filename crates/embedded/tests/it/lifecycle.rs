//! Start, stop, start again; one owner; long paths.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use embedded::{Engine, Error, External, open};

use crate::directory::{Directory, gone, names, postgres_is_there, runs, value};

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let mut config = directory.config(Engine::Auto);
    config.sync = true;
    for round in 0..3_i64 {
        let databases = open(&config, &names(&["fleet"])).await.unwrap();
        let pid = databases.postgres_pids()[0];
        assert!(runs(pid));
        let client = databases.connect("fleet").await.unwrap().client;
        client
            .batch_execute("create table if not exists t (a int); insert into t values (1)")
            .await
            .unwrap();
        assert_eq!(value::<i64>(&client, "select count(*) from t").await, round + 1);
        databases.stop().await;
        assert!(!runs(pid));
        assert!(client.query("select 1", &[]).await.is_err());
    }
}

#[tokio::test]
async fn dropping_stops_the_server() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let databases = open(&directory.config(Engine::Managed), &names(&["fleet"]))
        .await
        .unwrap();
    let pid = databases.postgres_pids()[0];
    drop(databases);
    assert!(!runs(pid));
}

#[tokio::test]
async fn dropping_the_opening_stops_the_server() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let config = directory.config(Engine::Managed);
    let known = names(&["fleet"]);
    let pid_file = directory.path().join("managed/data/postmaster.pid");
    let seen = async {
        let mut pause = tokio::time::interval(Duration::from_millis(1));
        loop {
            let text = fs::read_to_string(&pid_file).unwrap_or_default();
            match text.lines().next().and_then(|line| line.parse().ok()) {
                Some(pid) => break pid,
                None => pause.tick().await,
            };
        }
    };
    let pid = tokio::select! {
        opened = open(&config, &known) => opened.unwrap().postgres_pids()[0],
        pid = seen => pid,
    };
    gone(pid).await;
    // The claim was given up as well.
    open(&config, &known).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_it() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let config = directory.config(Engine::Managed);
    let databases = open(&config, &names(&["fleet"])).await.unwrap();
    let error = open(&config, &names(&["fleet"])).await.unwrap_err();
    assert!(matches!(error, Error::Claimed { .. }), "{error}");
    assert!(
        error.to_string().contains(&std::process::id().to_string()),
        "{error}"
    );
    assert!(error.hint().is_some());
    assert_eq!(
        value::<i32>(&databases.connect("fleet").await.unwrap().client, "select 1").await,
        1
    );
    databases.stop().await;
    open(&config, &names(&["fleet"])).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_new_database_joins_the_cluster() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let config = directory.config(Engine::Auto);
    open(&config, &names(&["fleet"])).await.unwrap().stop().await;
    let databases = open(&config, &names(&["fleet", "weather-1"])).await.unwrap();
    assert_eq!(databases.postgres_pids().len(), 1);
    let client = databases.connect("weather-1").await.unwrap().client;
    assert_eq!(
        value::<String>(&client, "select current_database()::text").await,
        "weather-1"
    );
    assert!(matches!(
        databases.connect("other").await,
        Err(Error::Unknown { .. })
    ));
    databases.stop().await;
}

#[tokio::test]
async fn a_path_longer_than_a_socket_allows() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let mut config = directory.config(Engine::Managed);
    config.directory = directory.path().join("d".repeat(60)).join("e".repeat(60));
    for _ in 0..2 {
        let databases = open(&config, &names(&["fleet"])).await.unwrap();
        let url = databases.url("fleet").unwrap();
        let parsed: tokio_postgres::Config = url.parse().unwrap();
        let tokio_postgres::config::Host::Unix(socket) = &parsed.get_hosts()[0] else {
            panic!("a socket")
        };
        assert!(!socket.starts_with(directory.path()));
        assert_eq!(fs::metadata(socket).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(
            value::<i32>(&databases.connect("fleet").await.unwrap().client, "select 1").await,
            1
        );
        let socket = socket.clone();
        databases.stop().await;
        assert!(!socket.exists(), "{} is left", socket.display());
    }
}

#[tokio::test]
async fn a_relative_directory_is_as_good() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let up = "../".repeat(std::env::current_dir().unwrap().components().count());
    let mut config = directory.config(Engine::Managed);
    config.directory = format!("{up}{}", directory.path().strip_prefix("/").unwrap().display()).into();
    open(&config, &names(&["fleet"])).await.unwrap().stop().await;
    assert!(directory.path().join("managed/data/PG_VERSION").exists());
}

#[tokio::test]
async fn a_half_made_cluster_is_made_anew() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let half = directory.path().join("managed/data.new/base");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("1"), "half").unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    open(&directory.config(Engine::Managed), &names(&["fleet"]))
        .await
        .unwrap()
        .stop()
        .await;
    assert!(!directory.path().join("managed/data.new").exists());
}

#[tokio::test]
async fn what_the_server_says_is_in_the_error() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let mut config = directory.config(Engine::Managed);
    config.settings = vec![("shared_buffers".to_owned(), "lots".to_owned())];
    let error = open(&config, &names(&["fleet"])).await.unwrap_err();
    assert!(
        matches!(error, Error::Start { .. }) && error.to_string().contains("shared_buffers"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("postgresql.log"));
}

#[tokio::test]
async fn root_is_told_where_postgres_may_not_go() {
    if !postgres_is_there() || !rustix::process::geteuid().is_root() {
        return;
    }
    let directory = Directory::new();
    fs::create_dir_all(directory.path()).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let error = open(&directory.config(Engine::Managed), &names(&["fleet"]))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Account { .. }), "{error}");
    assert!(error.to_string().contains("may not enter"), "{error}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn a_cluster_of_another_version_is_left_alone() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let data = directory.path().join("managed/data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("PG_VERSION"), "9\n").unwrap();
    let mut config = directory.config(Engine::Auto);
    config.external.insert("fleet".to_owned(), External::Managed);
    let error = open(&config, &names(&["fleet"])).await.unwrap_err();
    assert!(matches!(error, Error::MajorVersion { needed: 9, .. }), "{error}");
}
