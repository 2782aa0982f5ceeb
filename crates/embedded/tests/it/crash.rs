//! The managed server is killed under us, or runs on without us.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use embedded::{Databases, Engine, Error, open};
use rustix::process::Signal;

use crate::directory::{Directory, connected, gone, kill, names, postgres_is_there, runs, value};

/// What a user may wait for a database that died.
const BACK_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_killed_server_comes_back() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let mut config = directory.config(Engine::Managed);
    config.sync = true;
    let databases = open(&config, &names(&["fleet"])).await.unwrap();
    let client = databases.connect("fleet").await.unwrap().client;
    client.batch_execute("create table t (a int)").await.unwrap();
    for (round, signal) in (1..).zip([Signal::KILL, Signal::QUIT, Signal::INT, Signal::KILL]) {
        let client = databases.connect("fleet").await.unwrap().client;
        client.batch_execute("insert into t values (1)").await.unwrap();
        let pid = databases.postgres_pids()[0];
        kill(pid, signal);
        gone(pid).await;
        let client = connected(&databases, "fleet", BACK_WITHIN).await;
        assert_eq!(value::<i64>(&client, "select count(*) from t").await, round);
        assert_eq!(databases.restarts("fleet"), u64::try_from(round).unwrap());
        assert_ne!(databases.postgres_pids(), [pid]);
    }
    databases.stop().await;
}

#[tokio::test]
async fn a_backend_amid_a_query_does_not_keep_a_killed_server_down() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let databases = open(&directory.config(Engine::Managed), &names(&["fleet"]))
        .await
        .unwrap();
    let client = databases.connect("fleet").await.unwrap().client;
    let backend: i32 = value(&client, "select pg_backend_pid()").await;
    let pid = databases.postgres_pids()[0];
    // It counts for minutes and waits for nothing, so it does not notice that its server is gone.
    let busy = client.batch_execute("select count(*) from generate_series(1, 100000000000) a");
    let watcher = databases.connect("fleet").await.unwrap().client;
    let crash = async {
        let counting = format!("select state from pg_stat_activity where pid = {backend}");
        while value::<String>(&watcher, &counting).await != "active" {}
        kill(pid, Signal::KILL);
        gone(pid).await;
        let began = Instant::now();
        connected(&databases, "fleet", BACK_WITHIN).await;
        eprintln!("back after {:?}", began.elapsed());
    };
    let (busy, ()) = tokio::join!(busy, crash);
    assert!(busy.is_err());
    assert!(!runs(u32::try_from(backend).unwrap()));
    databases.stop().await;
}

#[tokio::test]
async fn a_server_that_cannot_start_is_tried_until_it_can() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let databases = open(&directory.config(Engine::Managed), &names(&["fleet"]))
        .await
        .unwrap();
    let control = directory.path().join("managed/data/global/pg_control");
    let hidden = directory.path().join("pg_control");
    std::fs::rename(&control, &hidden).unwrap();
    let pid = databases.postgres_pids()[0];
    kill(pid, Signal::KILL);
    gone(pid).await;
    let log = directory.path().join("managed/postgresql.log");
    let failed = |log: &Path| {
        std::fs::read_to_string(log)
            .unwrap()
            .matches("pg_control")
            .count()
            >= 2
    };
    let mut pause = tokio::time::interval(Duration::from_millis(5));
    while !failed(&log) {
        pause.tick().await;
    }
    let error = databases.connect("fleet").await.unwrap_err();
    assert!(matches!(error, Error::Down { .. }), "{error}");
    std::fs::rename(&hidden, &control).unwrap();
    connected(&databases, "fleet", BACK_WITHIN).await;
    databases.stop().await;
}

#[tokio::test]
async fn a_server_that_is_being_restarted_is_stopped_at_once() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let databases = open(&directory.config(Engine::Managed), &names(&["fleet"]))
        .await
        .unwrap();
    std::fs::remove_file(directory.path().join("managed/data/global/pg_control")).unwrap();
    let pid = databases.postgres_pids()[0];
    kill(pid, Signal::KILL);
    gone(pid).await;
    let began = Instant::now();
    databases.stop().await;
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_server_of_an_owner_that_is_gone_makes_way() {
    if !postgres_is_there() {
        return;
    }
    let directory = Directory::new();
    let config = directory.config(Engine::Managed);
    let databases = open(&config, &names(&["fleet"])).await.unwrap();
    let client = databases.connect("fleet").await.unwrap().client;
    client
        .batch_execute("create table t as select 1 as a")
        .await
        .unwrap();
    databases.stop().await;
    let orphan = Orphan::start(directory.path()).await;
    let databases: Databases = open(&config, &names(&["fleet"])).await.unwrap();
    assert!(!runs(orphan.pid));
    let client = databases.connect("fleet").await.unwrap().client;
    assert_eq!(value::<i64>(&client, "select count(*) from t").await, 1);
    databases.stop().await;
}

/// A `postgres` in our cluster that nobody watches. A thread reaps it, as process 1 would.
struct Orphan {
    pid: u32,
    reaped: Option<std::thread::JoinHandle<()>>,
}

impl Orphan {
    async fn start(directory: &Path) -> Self {
        use std::os::unix::{fs::MetadataExt, process::CommandExt};
        let data = directory.join("managed/data");
        let owner = std::fs::metadata(&data).unwrap();
        let postgres = std::fs::read_to_string(data.join("postmaster.opts")).unwrap();
        let postgres = postgres.split_whitespace().next().unwrap().to_owned();
        let mut command = Command::new(postgres);
        command
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=", "-k"])
            .arg(directory.join("managed/socket"));
        command
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if owner.uid() != rustix::process::geteuid().as_raw() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let mut child = command.spawn().unwrap();
        let pid = child.id();
        let reaped = std::thread::spawn(move || drop(child.wait()));
        let orphan = Self {
            pid,
            reaped: Some(reaped),
        };
        let ready = || {
            let text = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
            text.lines().nth(7).is_some_and(|line| line.trim() == "ready")
        };
        let mut pause = tokio::time::interval(Duration::from_millis(5));
        while !ready() {
            pause.tick().await;
        }
        orphan
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let reaped = self.reaped.take().unwrap();
        if !reaped.is_finished() {
            kill(self.pid, Signal::KILL);
        }
        reaped.join().unwrap();
    }
}
